"""A camera at the front door. Its video is kept for a week, and an image of every second for a month."""

from __future__ import annotations

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_kinesis_video import ImageFormat, ImageGeneration, VideoStream


class FrontDoor(Stack):
    """The camera's stream, the bucket and the images."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        stream = VideoStream(self, "Stream", data_retention=Duration.days(7), media_type="video/h264")
        bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(30))],
        )
        images = ImageGeneration(
            self,
            "Images",
            stream=stream,
            bucket=bucket,
            sampling_interval=Duration.seconds(1),
            format=ImageFormat.jpeg(quality=90),
        )
        # The role that the computer beside the camera assumes.
        images.grant_put_media(iam.Role(self, "Producer", assumed_by=iam.AccountRootPrincipal()))


app = App()
FrontDoor(app, "FrontDoor")
app.synth()
