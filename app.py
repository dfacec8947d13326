"""The CDK app of this repository: a stream that delivers its images to a bucket.

Every setting of cdk.json can be overridden on the command line: ``cdk deploy -c sampling_interval_ms=500``.
"""

from __future__ import annotations

from aws_cdk import App, CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_kinesis_video import ImageFormat, ImageGeneration, VideoStream


class CameraStack(Stack):
    """One camera's stream and its images."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        stream = VideoStream(self, "Stream", data_retention=Duration.hours(self._number("data_retention_hours")))
        bucket = s3.Bucket(
            self,
            "Images",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(self._number("image_expiry_days")))],
        )
        images = ImageGeneration(
            self,
            "ImageGeneration",
            stream=stream,
            bucket=bucket,
            prefix="images/",
            sampling_interval=Duration.millis(self._number("sampling_interval_ms")),
            format=self._format(),
            width_pixels=self._number("width_pixels"),
            height_pixels=self._number("height_pixels"),
        )
        # Principals of this account can assume this role to send video. Without its permissions no image arrives.
        producer = iam.Role(self, "Producer", assumed_by=iam.AccountRootPrincipal())
        images.grant_put_media(producer)
        CfnOutput(self, "StreamName", value=stream.stream_name)
        CfnOutput(self, "StreamArn", value=stream.stream_arn)
        CfnOutput(self, "DestinationUri", value=images.destination_uri)
        CfnOutput(self, "ProducerRoleArn", value=producer.role_arn)
        CfnOutput(self, "Verified", value=images.verified)

    def _format(self) -> ImageFormat:
        name = self.node.try_get_context("image_format")
        if name == "png":
            return ImageFormat.png()
        if name == "jpeg":
            return ImageFormat.jpeg(quality=self._number("jpeg_quality"))
        raise ValueError(f"`image_format` is {name!r}, it must be jpeg or png")

    def _number(self, name: str) -> int:
        # A number from cdk.json, or text from the command line.
        value = self.node.try_get_context(name)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise ValueError(f"`{name}` is {value!r}, it must be a whole number") from None


app = App()
CameraStack(app, "Camera")
app.synth()
