"""What says why video yields no images: the alarm, its message, and the command."""

from __future__ import annotations

import json
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
from kinesis_video_tools.__main__ import main
from roles import document

from .conftest import Cloud, until

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
    for name, its in (("main-door", bucket), ("back-door", bucket), ("side-door", imported)):
        stream = VideoStream(stack, f"{name}-stream", stream_name=name, removal_policy=RemovalPolicy.DESTROY)
        images = ImageGeneration(stack, f"{name}-images", stream=stream, bucket=its, prefix=name)
        images.grant_put_media(producer)
        images.on_image_delivered("OnImage")
        alarm = images.alarm_on_missing_images("Missing", alarm_name=f"{name}-missing", evaluation_periods=1)
        images.diagnose_on("Diagnosis", alarm=alarm, topic=topic)


@pytest.fixture(scope="module", autouse=True)
def _diagnosed(_cloud: Cloud) -> Iterator[None]:
    assert _cloud.deploy("Diagnosed", diagnosed) == "CREATE_COMPLETE"
    yield
    assert _cloud.delete("Diagnosed") == "DELETE_COMPLETE"


@pytest.fixture
def verdict(cloud: Cloud) -> Callable[[], dict[str, Any]]:
    """Wait for the message of the next diagnosis."""
    sqs_client = cloud.client("sqs")
    url = sqs_client.get_queue_url(QueueName="verdicts")["QueueUrl"]

    def wait() -> dict[str, Any]:
        messages: list[Any] = []

        def arrived() -> bool:
            messages.extend(sqs_client.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []))
            return bool(messages)

        until(arrived)
        (message,) = messages
        sqs_client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        notification: dict[str, Any] = json.loads(message["Body"])
        return notification

    return wait


def wait_for(cloud: Cloud, state: str) -> None:
    cloudwatch = cloud.client("cloudwatch")

    def of_the_alarm() -> str:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=["main-door-missing"])["MetricAlarms"]
        return str(alarm["StateValue"])

    until(lambda: of_the_alarm() == state)


def test_an_alarm_goes_off_with_a_message_that_names_the_cause_and_recovers(
    cloud: Cloud, verdict: Callable[[], dict[str, Any]]
) -> None:
    denied = document({"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"})
    role_arn = cloud.role_arn("Diagnosed", "-Producer")
    role, roles = role_arn.rpartition("/")[2], cloud.client("iam")
    wait_for(cloud, "OK")
    roles.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=denied)

    cloud.send_video("main-door", role_arn)
    message = verdict()
    wait_for(cloud, "ALARM")

    assert message["Subject"] == "may-put-object: main-door"
    assert message["Message"].startswith("The alarm main-door-missing went off.\n\nmay-put-object: ")
    assert f"role/{role}" in message["Message"]
    assert message["MessageAttributes"]["Verdict"]["Value"] == "may-put-object"
    # The function's role has all permissions that the checks need, so no check is unknown.
    assert "is refused" not in message["Message"]

    roles.delete_role_policy(RoleName=role, PolicyName="deny")
    cloud.send_video("main-door", role_arn)
    wait_for(cloud, "OK")


def rehearse(cloud: Cloud, stream: str) -> None:
    """Let the alarm of a stream go off, as an operator can."""
    cloud.client("cloudwatch").set_alarm_state(
        AlarmName=f"{stream}-missing", StateValue="ALARM", StateReason="a rehearsal"
    )


def test_a_producer_without_the_key_of_the_bucket_delivers_nothing_and_the_message_says_so(
    cloud: Cloud, verdict: Callable[[], dict[str, Any]]
) -> None:
    role_arn = cloud.role_arn("Diagnosed", "-Producer")
    cloud.send_video("side-door", role_arn)
    rehearse(cloud, "side-door")
    message = verdict()
    assert cloud.s3.list_objects_v2(Bucket=ENCRYPTED)["KeyCount"] == 0
    assert message["Subject"] == "may-use-keys: side-door"
    assert f"{role_arn} lacks kms:GenerateDataKey on arn:aws:kms:" in message["Message"]


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
    assert {one["stream"] for one in json.loads(capsys.readouterr().out)} == {"main-door", "back-door", "side-door"}
