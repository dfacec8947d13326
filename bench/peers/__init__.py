"""The four ways to declare the images of a stream, each as in its own documentation.

Every one of them has a `cameras` that declares a bucket, `count` streams and the images of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from aws_cdk import Aws, Stack
from aws_cdk import aws_s3 as s3

OURS = "cdk-kinesis-video"
AWS_CUSTOM_RESOURCE = "AwsCustomResource"
PROVIDER_FRAMEWORK = "provider framework"
CRHELPER = "crhelper"
TOOLS = (OURS, AWS_CUSTOM_RESOURCE, PROVIDER_FRAMEWORK, CRHELPER)


@dataclass(frozen=True)
class Declared:
    """What a user varies."""

    sampling_interval_millis: int = 3000
    images_id: str = "Images"
    """What the ids of the constructs begin with that declare the images."""
    own_arns: bool = False
    """Grant the calls for each stream by its ARN, and not for all streams; where the tool leaves that to the user."""
    producer: bool = False
    """Let a role deliver to each stream, where the tool has a grant for that."""
    cfn_stream: bool = False
    """Declare the stream as a bare CfnStream, where the tool has a construct for streams."""

    def configuration(self, bucket: s3.IBucket, number: int) -> dict[str, Any]:
        """Make the request's configuration, for the tools that take it in the API's own words."""
        uri = f"s3://{bucket.bucket_name}/camera-{number}/"
        return {
            "Status": "ENABLED",
            "ImageSelectorType": "PRODUCER_TIMESTAMP",
            "DestinationConfig": {"Uri": uri, "DestinationRegion": Aws.REGION},
            "SamplingInterval": self.sampling_interval_millis,
            "Format": "JPEG",
            "FormatConfig": {"JPEGQuality": "80"},
            "WidthPixels": 640,
        }


def cameras_of(tool: str) -> Callable[[Stack, int, Declared], None]:
    """Import what declares a tool's bucket, streams and images, and nothing of the other tools."""
    modules = dict(zip(TOOLS, ("ours", "aws_custom_resource", "provider_framework", "crhelper"), strict=True))
    cameras: Callable[[Stack, int, Declared], None] = import_module(f".{modules[tool]}", __package__).cameras
    return cameras
