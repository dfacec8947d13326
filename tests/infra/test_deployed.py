"""A stack that was deployed by version 0.1.0 stays as it is: its template is frozen in ``deployed/``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from aws_cdk import App, CfnParameter, DefaultStackSynthesizer, Duration, Mixins, Stack
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

from .conftest import ENVIRONMENT

DEPLOYED = Path(__file__).parent / "deployed" / "cameras.json"
ROLE = "CdkKinesisVideoRole911AE2AE"


def cameras() -> str:
    """Synthesise what the frozen template has, with the hash of the function's code replaced."""
    app = App(analytics_reporting=False)
    synthesizer = DefaultStackSynthesizer(generate_bootstrap_version_rule=False)
    stack = Stack(app, "Cameras", env=ENVIRONMENT, synthesizer=synthesizer)
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111122223333:key/1234abcd")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    prefix = CfnParameter(stack, "Prefix").value_as_string

    front = VideoStream(stack, "FrontDoor", stream_name="front-door", encryption_key=key)
    images = ImageGeneration(stack, "FrontDoorImages", stream=front, bucket=bucket, prefix="/front-door")
    images.grant_put_media(role)
    images.grant_read_images(role)
    FragmentNotification(
        stack,
        "FrontDoorFragments",
        stream=front,
        topic=sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111122223333:fragments"),
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
    Mixins.of(stack).apply(ImageDelivery(bucket=bucket, prefix="cameras", hex_prefix=True, producer=role))

    template = app.synth().get_stack_by_name("Cameras").template
    return re.sub("[0-9a-f]{64}", "<hash>", json.dumps(template, indent=1)) + "\n"


def test_a_stack_that_uses_nothing_new_is_the_one_that_was_deployed_but_for_a_right_of_the_function() -> None:
    template = json.loads(cameras())
    (policy,) = template["Resources"][ROLE]["Properties"]["Policies"]
    new = [s for s in policy["PolicyDocument"]["Statement"] if s["Action"][0].startswith("cloudformation:")]
    assert len(new) == 1
    policy["PolicyDocument"]["Statement"].remove(new[0])
    assert json.dumps(template, indent=1) + "\n" == DEPLOYED.read_text()
