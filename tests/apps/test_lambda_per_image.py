"""examples/lambda_per_image.py on a local AWS that checks IAM: from video to what its function says of each image."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

from kinesis_video_images import parse_image_metadata
from kinesis_video_local import Cdk, LocalAws
from kinesis_video_tools.camera import ClockVideo, fragment_tags

from .conftest import ROOT

LINE = re.compile(r"(?P<stream>\S+) (?P<timestamp>\S+ \S+) (?P<fragment>\d+) (?P<bytes>\d+) bytes")


def physical_ids(aws: LocalAws, resource_type: str) -> list[str]:
    resources = aws.client("cloudformation").describe_stack_resources(StackName="Gate")["StackResources"]
    return [resource["PhysicalResourceId"] for resource in resources if resource["ResourceType"] == resource_type]


def said(aws: LocalAws, function: str, count: int) -> list[re.Match[str]]:
    """What the function has printed, when it has printed that much."""
    deadline = time.monotonic() + 60
    while True:
        events: list[Any] = []
        logs = aws.client("logs")
        group = f"/aws/lambda/{function}"
        if logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            events = logs.filter_log_events(logGroupName=group)["events"]
        lines = [line for event in events for line in event["message"].splitlines()]
        found = [match for line in lines if (match := LINE.fullmatch(line))]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, lines
        time.sleep(0.2)


def test_the_function_gets_each_image(local_aws: LocalAws, local_cdk: Cdk) -> None:
    local_cdk.deploy(ROOT / "examples" / "lambda_per_image.py", arguments=["--no-validation"])
    (stream_arn,) = physical_ids(local_aws, "AWS::KinesisVideo::Stream")
    (bucket,) = physical_ids(local_aws, "AWS::S3::Bucket")
    (role,) = (name for name in physical_ids(local_aws, "AWS::IAM::Role") if "Producer" in name)
    (function,) = (name for name in physical_ids(local_aws, "AWS::Lambda::Function") if "Look" in name)
    stream = stream_arn.rpartition("stream/")[2].partition("/")[0]

    producer = local_aws.producer(stream, role_arn=f"arn:aws:iam::000000000000:role/{role}", tags=fragment_tags())
    report = producer.send(ClockVideo("gate", width=160, height=96), fragments=3, speed=20)

    assert report.complete
    images = local_aws.images(f"s3://{bucket}/gate/")
    delivered = images.wait(3)
    lines = said(local_aws, function, 3)
    assert sorted(
        (m["stream"], datetime.fromisoformat(m["timestamp"]), m["fragment"], int(m["bytes"])) for m in lines
    ) == [
        (stream, image.timestamp, parse_image_metadata(images.metadata(image)).fragment_number, image.size)
        for image in delivered
    ]
