"""Twenty cameras of a car park, each with its own stream. They share one bucket and one function."""

from __future__ import annotations

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_kinesis_video import ImageGeneration, VideoStream

CAMERAS = 20


class CarPark(Stack):
    """The cameras' streams, and the bucket with a folder of images for each."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(3))],
        )
        # Behind an IoT role alias; each camera is an IoT thing with the name of its stream.
        producer = iam.Role(self, "Producer", assumed_by=iam.ServicePrincipal("credentials.iot.amazonaws.com"))
        for number in range(1, CAMERAS + 1):
            name = f"car-park-{number:02}"
            images = ImageGeneration(
                self,
                f"Images{number}",
                stream=VideoStream(self, f"Camera{number}", stream_name=name),
                bucket=bucket,
                prefix=f"{name}/",
                sampling_interval=Duration.seconds(10),
                width_pixels=640,
            )
            images.grant_put_media(producer, by_thing_name=True)


app = App()
CarPark(app, "CarPark")
app.synth()
