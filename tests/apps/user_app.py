"""A user's app, with every way to combine the constructs."""

from __future__ import annotations

from aws_cdk import App, NestedStack, Stack, Stage
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_kinesis_video import ImageGeneration, IVideoStream, VideoStream


class Camera(Construct):
    def __init__(self, scope: Construct, construct_id: str, *, bucket: s3.IBucket) -> None:
        super().__init__(scope, construct_id)
        self.stream: IVideoStream = VideoStream(self, "Stream")
        ImageGeneration(self, "Images", stream=self.stream, bucket=bucket)


app = App()
base = Stack(app, "Base")
bucket = s3.Bucket(base, "Bucket")
stream = kinesisvideo.CfnStream(base, "Stream", data_retention_in_hours=24)

ImageGeneration(Stack(app, "Images"), "Images", stream=stream, bucket=bucket)

twenty = Stack(app, "Twenty")
for number in range(20):
    Camera(twenty, f"Camera{number}", bucket=bucket)

imported = Stack(app, "Imported")
arn = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/by-arn/1690707290324"
ImageGeneration(imported, "A", stream=VideoStream.from_stream_arn(imported, "ByArn", arn), bucket=bucket)
ImageGeneration(imported, "B", stream=VideoStream.from_stream_name(imported, "ByName", "by-name"), bucket=bucket)

nested = Stack(app, "Nesting")
Camera(Construct(nested, "Wing"), "Camera", bucket=bucket)
Camera(NestedStack(nested, "Nested"), "Camera", bucket=bucket)

prod = Stack(Stage(app, "Prod"), "Cameras")
Camera(prod, "Camera", bucket=s3.Bucket(prod, "Bucket"))

app.synth()
