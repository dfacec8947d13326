"""A stack as the first version of the library deployed it: commit 3dd6ad8, in which a Delete asked nobody.

``stack.json`` is its template, with ``<hash>`` for the hash of its function's code, and ``function.zip`` that code.
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import CfnParameter, Duration, Mixins, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from cdk_kinesis_video import (
    FragmentNotification,
    ImageDelivery,
    ImageFormat,
    ImageGeneration,
    ImageSelectorType,
    VideoStream,
)

TEMPLATE = Path(__file__).with_name("stack.json")
FUNCTION = Path(__file__).with_name("function.zip")
ACCOUNT, REGION = "111122223333", "eu-west-1"


def declare(stack: Stack) -> None:
    """Declare what the template has."""
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{stack.region}:{stack.account}:key/1234abcd")
    topic_arn = f"arn:aws:sns:{stack.region}:{stack.account}:fragments"
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    prefix = CfnParameter(stack, "Prefix").value_as_string

    front = VideoStream(stack, "FrontDoor", stream_name="front-door", encryption_key=key)
    images = ImageGeneration(stack, "FrontDoorImages", stream=front, bucket=bucket, prefix="/front-door")
    images.grant_put_media(role)
    images.grant_read_images(role)
    FragmentNotification(
        stack, "FrontDoorFragments", stream=front, topic=sns.Topic.from_topic_arn(stack, "Topic", topic_arn)
    ).grant_put_media(role)
    ImageGeneration(
        stack,
        "YardImages",
        stream=kinesisvideo.CfnStream(stack, "Yard", data_retention_in_hours=24),
        bucket=bucket,
        prefix=f"{prefix}yard",
        sampling_interval=Duration.seconds(1),
        format=ImageFormat.jpeg(quality=80),
        width_pixels=640,
        height_pixels=360,
        image_selector_type=ImageSelectorType.SERVER_TIMESTAMP,
        enabled=False,
    )
    lobby = VideoStream.from_stream_name(stack, "Lobby", "lobby")
    ImageGeneration(stack, "LobbyImages", stream=lobby, bucket=bucket, format=ImageFormat.png())
    VideoStream(stack, "Gate", stream_name="gate")
    # Its `producer` was called `uploader`.
    Mixins.of(stack).apply(ImageDelivery(bucket=bucket, prefix="cameras", hex_prefix=True, producer=role))
