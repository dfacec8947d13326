"""The images of an existing stream, which is imported by its name.

The images continue when this stack is deleted.
"""

from __future__ import annotations

from aws_cdk import Annotations, App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_kinesis_video import ImageFormat, ImageGeneration, ImageSelectorType, VideoStream


class LobbyImages(Stack):
    """The images of an existing stream, in an existing bucket."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        images = ImageGeneration(
            self,
            "Images",
            stream=VideoStream.from_stream_name(self, "Lobby", "lobby"),
            bucket=s3.Bucket.from_bucket_name(self, "Bucket", "example-lobby-images"),
            prefix="lobby/",
            sampling_interval=Duration.millis(500),
            format=ImageFormat.png(),
            image_selector_type=ImageSelectorType.SERVER_TIMESTAMP,
            removal_policy=RemovalPolicy.RETAIN,
        )
        Annotations.of(images).acknowledge_warning(
            "cdk-kinesis-video:no-uploader", "the lobby's camera has its role from where the stream is made"
        )


app = App()
LobbyImages(app, "LobbyImages")
app.synth()
