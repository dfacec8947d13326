"""The configurations of existing streams, as `kinesis-video adopt` found them.

The first deployment changes nothing, and deleting the stack leaves everything. Drop `adopt_existing` in the deployment
after the first, and `removal_policy` if deleting the stack is to remove them.
"""

from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from cdk_kinesis_video import (
    DestinationPath,
    FragmentNotification,
    ImageFormat,
    ImageGeneration,
    ImageSelectorType,
    VideoStream,
)
from constructs import Construct


class AdoptedStreams(Stack):
    """The configurations of streams that the stack only imports."""

    def __init__(self, scope: Construct, construct_id: str, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env)
        # yard: without its image generation configuration, since its SamplingInterval is 1
        bucket1 = s3.Bucket.from_bucket_name(
            self,
            "Bucket1",
            "camera-images",
        )
        bucket2 = s3.Bucket.from_bucket_name(
            self,
            "Bucket2",
            "others",
        )
        topic = sns.Topic.from_topic_arn(
            self,
            "Topic",
            "arn:aws:sns:eu-west-1:111122223333:fragments",
        )
        for name in [
            "cam-1",
            "cam-2",
        ]:
            ImageGeneration(
                self,
                f"Images-{name}",
                stream=VideoStream.from_stream_name(self, f"Stream-{name}", name),
                bucket=bucket1,
                prefix=DestinationPath(f"/{name}"),
                format=ImageFormat.png(),
                removal_policy=RemovalPolicy.RETAIN,
                adopt_existing=True,
            )
        for name in [
            "lobby",
        ]:
            ImageGeneration(
                self,
                f"Images-{name}",
                stream=VideoStream.from_stream_name(self, f"Stream-{name}", name),
                bucket=bucket2,
                prefix=f'it\'s "{{here}}" \\ 📷/{name}/',
                sampling_interval=Duration.millis(500),
                format=ImageFormat.jpeg(quality=60),
                width_pixels=640,
                height_pixels=360,
                image_selector_type=ImageSelectorType.SERVER_TIMESTAMP,
                enabled=False,
                removal_policy=RemovalPolicy.RETAIN,
                adopt_existing=True,
            )
        for name in [
            "lobby",
        ]:
            FragmentNotification(
                self,
                f"Notification-{name}",
                stream=VideoStream.from_stream_name(self, f"Notified-{name}", name),
                topic=topic,
                removal_policy=RemovalPolicy.RETAIN,
                adopt_existing=True,
            )


app = App()
AdoptedStreams(
    app,
    "AdoptedStreams",
    env=Environment(account="111122223333", region="eu-west-1"),
)
app.synth()
