"""A function that is invoked for each image, and an alarm for missing images."""

from __future__ import annotations

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_kinesis_video import ImageGeneration, ImagesLayer, VideoStream

# This example is one file; keep the code of your own function in a folder.
CODE = """
import boto3
from kinesis_video_images import image_keys, parse_image_key, parse_image_metadata

s3 = boto3.client("s3")

def handler(event, context):
    for bucket, key in image_keys(event):
        image = parse_image_key(key, account=event["account"])
        answer = s3.get_object(Bucket=bucket, Key=key)
        metadata = parse_image_metadata(answer["Metadata"])
        print(image.stream_name, image.timestamp, metadata.fragment_number, answer["ContentLength"], "bytes")
"""


class Gate(Stack):
    """A camera at a gate, and the function that looks at its images."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(7))],
        )
        images = ImageGeneration(
            self,
            "Images",
            stream=VideoStream(self, "Camera"),
            bucket=bucket,
            prefix="gate/",
            sampling_interval=Duration.seconds(2),
        )
        images.grant_put_media(iam.Role(self, "Producer", assumed_by=iam.AccountRootPrincipal()))

        look = lambda_.Function(
            self,
            "Look",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(CODE),
            layers=[ImagesLayer(self, "ImagesLayer")],
        )
        images.grant_read_images(look)
        images.on_image_delivered("OnImage", target=targets.LambdaFunction(look))

        # The rule above counts the images, and the alarm compares the count with that of the fragments.
        alarm = images.alarm_on_missing_images("Missing")
        alarm.add_alarm_action(actions.SnsAction(sns.Topic(self, "Alarms", enforce_ssl=True)))


app = App()
Gate(app, "Gate")
app.synth()
