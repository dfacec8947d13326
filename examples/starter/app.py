"""A camera, its stream, and the bucket of its images: an app to copy."""

from __future__ import annotations

from aws_cdk import App, CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_kinesis_video import ImageGeneration, VideoStream


class Camera(Stack):
    """One camera and its images."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        stream = VideoStream(self, "Stream", stream_name="front-door")
        bucket = s3.Bucket(self, "Bucket", block_public_access=s3.BlockPublicAccess.BLOCK_ALL, enforce_ssl=True)
        images = ImageGeneration(
            self,
            "Images",
            stream=stream,
            bucket=bucket,
            prefix="front-door/",
            sampling_interval=Duration.seconds(1),
        )
        camera = iam.Role(self, "Camera", assumed_by=iam.AccountRootPrincipal())
        images.grant_put_media(camera)
        CfnOutput(self, "Destination", value=images.destination_uri)
        CfnOutput(self, "CameraRole", value=camera.role_arn)
        CfnOutput(self, "Verified", value=images.verified)


app = App()
Camera(app, "FrontDoor")
app.synth()
