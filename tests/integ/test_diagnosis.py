"""The message that says why video yields no images, on the local AWS with IAM enforced."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs

from cdk_kinesis_video import ImageGeneration, VideoStream
from kinesis_video_local import LocalAws
from kinesis_video_tools.__main__ import main
from kinesis_video_tools.camera import ClockVideo, Producer, fragment_tags

from .conftest import PATIENCE_SECONDS, Cloud

ENCRYPTED = "encrypted-images"


def diagnosed(stack: Stack) -> None:
    topic = sns.Topic(stack, "Verdicts")
    topic.add_subscription(subscriptions.SqsSubscription(sqs.Queue(stack, "Queue", queue_name="verdicts")))
    bucket = s3.Bucket(stack, "Bucket", bucket_name="diagnosed-images", removal_policy=RemovalPolicy.DESTROY)
    key = kms.Key(stack, "Key", removal_policy=RemovalPolicy.DESTROY)
    encrypted = s3.Bucket(
        stack,
        "Encrypted",
        bucket_name=ENCRYPTED,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        removal_policy=RemovalPolicy.DESTROY,
    )
    # Imported without its key, which a grant then doesn't know.
    imported = s3.Bucket.from_bucket_name(stack, "Imported", ENCRYPTED)
    imported.node.add_dependency(encrypted)
    producer = iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal())
    for name, its in (("front-door", bucket), ("back-door", bucket), ("side-door", imported)):
        stream = VideoStream(stack, f"{name}-stream", stream_name=name, removal_policy=RemovalPolicy.DESTROY)
        images = ImageGeneration(stack, f"{name}-images", stream=stream, bucket=its, prefix=name)
        images.grant_put_media(producer)
        images.on_image_delivered("OnImage")
        alarm = images.alarm_on_missing_images("Missing", alarm_name=f"{name}-missing", evaluation_periods=1)
        images.diagnose_on("Diagnosis", alarm=alarm, topic=topic)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with LocalAws(quotas=False, enforce_iam=True) as aws:
        cloud = Cloud(aws)
        assert cloud.deploy("Diagnosed", diagnosed) == "CREATE_COMPLETE"
        yield cloud
        assert cloud.delete("Diagnosed") == "DELETE_COMPLETE"


@pytest.fixture
def verdict(cloud: Cloud) -> Callable[[], dict[str, Any]]:
    """Wait for the message of the next diagnosis."""
    sqs_client = cloud.aws.client("sqs")
    url = sqs_client.get_queue_url(QueueName="verdicts")["QueueUrl"]

    def wait() -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            for message in sqs_client.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
                sqs_client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                notification: dict[str, Any] = json.loads(message["Body"])
                return notification
        raise AssertionError("no message has come")

    return wait


def producer_of(cloud: Cloud) -> str:
    (role,) = (name for name in cloud.physical_ids("Diagnosed", "AWS::IAM::Role") if "-Producer" in name)
    return role


def send(cloud: Cloud, role: str, stream: str = "front-door") -> None:
    """Send a fragment of real video with the permissions of the producer's role."""
    producer = Producer(
        stream,
        session=cloud.aws.session(),
        role_arn=f"arn:aws:iam::000000000000:role/{role}",
        endpoint_url=cloud.aws.endpoint_url,
        tags=fragment_tags(),
    )
    video = ClockVideo(stream, width=160, height=96, frame_rate=1, fragment_seconds=1)
    assert producer.send(video, fragments=1, speed=20).persisted == 1


def wait_for(cloud: Cloud, state: str) -> None:
    cloudwatch = cloud.aws.client("cloudwatch")
    end = time.monotonic() + PATIENCE_SECONDS
    while cloudwatch.describe_alarms(AlarmNames=["front-door-missing"])["MetricAlarms"][0]["StateValue"] != state:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_message_of_an_alarm_names_what_keeps_the_images_away(
    cloud: Cloud, verdict: Callable[[], dict[str, Any]]
) -> None:
    statement = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = producer_of(cloud)
    wait_for(cloud, "OK")
    cloud.aws.client("iam").put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=policy)

    send(cloud, role)
    message = verdict()

    assert message["Subject"] == "may-put-object: front-door"
    assert message["Message"].startswith("The alarm front-door-missing went off.\n\nmay-put-object: ")
    assert f"role/{role}" in message["Message"]
    assert message["MessageAttributes"]["Verdict"]["Value"] == "may-put-object"
    # The function's role has all permissions that the checks need, so no check is unknown.
    assert "is refused" not in message["Message"]
    cloud.aws.client("iam").delete_role_policy(RoleName=role, PolicyName="deny")


def rehearse(cloud: Cloud, stream: str) -> None:
    """Let the alarm of a stream go off, as an operator can."""
    cloud.aws.client("cloudwatch").set_alarm_state(
        AlarmName=f"{stream}-missing", StateValue="ALARM", StateReason="a rehearsal"
    )


def test_a_producer_without_the_key_of_the_bucket_delivers_nothing_and_the_message_says_so(
    cloud: Cloud, verdict: Callable[[], dict[str, Any]]
) -> None:
    role = producer_of(cloud)
    send(cloud, role, "side-door")
    rehearse(cloud, "side-door")
    message = verdict()
    assert cloud.aws.client("s3").list_objects_v2(Bucket=ENCRYPTED)["KeyCount"] == 0
    assert message["Subject"] == "may-use-keys: side-door"
    assert f"role/{role} lacks kms:GenerateDataKey on arn:aws:kms:" in message["Message"]


def test_each_alarm_has_its_own_stream_examined(cloud: Cloud, verdict: Callable[[], dict[str, Any]]) -> None:
    # Nobody sends to this stream.
    rehearse(cloud, "back-door")

    message = verdict()

    assert message["Subject"] == "fragments: back-door"
    assert "no video has come in for 60 min" in message["Message"]


def test_the_command_examines_all_streams_of_the_stack(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in cloud.aws.environment.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor", "--stack", "Diagnosed", "--json"]) == 1
    assert {one["stream"] for one in json.loads(capsys.readouterr().out)} == {"front-door", "back-door", "side-door"}
