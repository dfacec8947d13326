"""A mixin declares the images of every stream of an app.

The stacks with the streams don't mention images, so they can belong to another team.
"""

from __future__ import annotations

from aws_cdk import App, Duration, Mixins, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_kinesis_video import ImageDelivery, StreamDashboard, VideoStream


class Storage(Stack):
    """The bucket of all images, and the role of all producers."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Images",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(14))],
        )
        self.producer = iam.Role(self, "Producer", assumed_by=iam.ServicePrincipal("credentials.iot.amazonaws.com"))


class Site(Stack):
    """The cameras of a site."""

    def __init__(self, scope: Construct, construct_id: str, *, cameras: tuple[str, ...]) -> None:
        super().__init__(scope, construct_id)
        self.streams = [VideoStream(self, camera, stream_name=f"{construct_id}-{camera}") for camera in cameras]
        StreamDashboard(self, "Dashboard", streams=self.streams)


app = App()
storage = Storage(app, "Storage")
Site(app, "Berlin", cameras=("gate", "yard", "roof"))
Site(app, "Lisbon", cameras=("gate", "quay"))
Mixins.of(app).apply(
    ImageDelivery(
        bucket=storage.bucket,
        prefix="sites/",
        producer=storage.producer,
        by_thing_name=True,
        sampling_interval=Duration.seconds(5),
    )
)
app.synth()
