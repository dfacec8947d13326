"""Delivery of images of a configured stream, on the local AWS with IAM enforced."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import boto3
import pytest
from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from botocore.exceptions import ClientError

from cdk_kinesis_video import DestinationPath, FragmentNotification, ImageGeneration, ImagesLayer, VideoStream
from kinesis_video_tools.camera import ClockVideo, Producer, fragment_tags

from .conftest import FRAGMENT_NOTIFICATION, PATIENCE_SECONDS, Cloud

BUCKET = "delivered-images"
STREAM = "front_door"
QUEUES = ("events", "notifications")
KEY = f"front/111122223333_{STREAM}_1690707290324_0b0b0b0b.jpg"
CODE = """
from kinesis_video_images import image_keys, parse_image_key

def handler(event, context):
    return [parse_image_key(key).stream_name for bucket, key in image_keys(event)]
"""


@pytest.fixture(scope="module")
def cloud(guarded: Cloud) -> Cloud:
    return guarded


def delivery(stack: Stack) -> None:
    bucket = s3.Bucket(stack, "Bucket", bucket_name=BUCKET, removal_policy=RemovalPolicy.DESTROY)
    stream = VideoStream(stack, "Stream", stream_name=STREAM, removal_policy=RemovalPolicy.DESTROY)
    images = ImageGeneration(stack, "Images", stream=stream, bucket=bucket, prefix="front")
    anybody = iam.AccountRootPrincipal()
    images.grant_put_media(iam.Role(stack, "Producer", assumed_by=anybody))
    images.grant_read_images(iam.Role(stack, "Reader", assumed_by=anybody))
    images.on_image_delivered("OnImage", target=targets.SqsQueue(sqs.Queue(stack, "Queue", queue_name="events")))
    images.add_image_notification(
        notifications.SqsDestination(sqs.Queue(stack, "Notified", queue_name="notifications")), suffix=".jpg"
    )
    lambda_.Function(
        stack,
        "Function",
        function_name="look",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(CODE),
        layers=[ImagesLayer(stack, "Layer")],
    )


@pytest.fixture(scope="module")
def deployed(cloud: Cloud) -> Cloud:
    assert cloud.deploy("Delivery", delivery) == "CREATE_COMPLETE"
    return cloud


@pytest.fixture
def client_as(deployed: Cloud) -> Iterator[Callable[[str, str], Any]]:
    """Return a client of a service with the permissions of a role."""
    with ExitStack() as clients:

        def make(role: str, service: str) -> Any:
            sts = deployed.aws.client("sts")
            (name,) = (n for n in deployed.physical_ids("Delivery", "AWS::IAM::Role") if f"-{role}" in n)
            arn = f"arn:aws:iam::000000000000:role/{name}"
            session = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
            create: Any = boto3.client
            client = create(
                service,
                endpoint_url=deployed.aws.endpoint_url,
                region_name="us-east-1",
                aws_access_key_id=session["AccessKeyId"],
                aws_secret_access_key=session["SecretAccessKey"],
                aws_session_token=session["SessionToken"],
            )
            return clients.enter_context(closing(client))

        yield make


def answer_to(call: Callable[[], Any]) -> str:
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "allowed"


def keys_in(cloud: Cloud, queue: str, last: str) -> list[str]:
    """The keys in the events of a queue, up to a last one."""
    sqs_client = cloud.aws.client("sqs")
    url = sqs_client.get_queue_url(QueueName=queue)["QueueUrl"]
    keys: list[str] = []
    while last not in keys:
        for message in sqs_client.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []):
            sqs_client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            body = json.loads(message["Body"])
            # From the rule or the bucket. S3 also sends a test event without records.
            keys += [body["detail"]["object"]["key"]] if "detail" in body else []
            keys += [record["s3"]["object"]["key"] for record in body.get("Records", [])]
    return keys


def test_a_producer_delivers_under_the_prefix_and_is_refused_outside_of_it(client_as: Any) -> None:
    bucket, video = client_as("Producer", "s3"), client_as("Producer", "kinesisvideo")
    put = {"Bucket": BUCKET, "Body": b"image"}
    assert {
        "under the prefix": answer_to(lambda: bucket.put_object(**put, Key=KEY)),
        "at the root": answer_to(lambda: bucket.put_object(**put, Key="image.jpg")),
        "beside the prefix": answer_to(lambda: bucket.put_object(**put, Key="frontier/image.jpg")),
        "read": answer_to(lambda: bucket.get_object(Bucket=BUCKET, Key=KEY)),
        "delete": answer_to(lambda: bucket.delete_object(Bucket=BUCKET, Key=KEY)),
        "describe the stream": answer_to(lambda: video.describe_stream(StreamName=STREAM)),
        "find where to send": answer_to(lambda: video.get_data_endpoint(StreamName=STREAM, APIName="PUT_MEDIA")),
        "configure the stream": answer_to(lambda: video.update_image_generation_configuration(StreamName=STREAM)),
    } == {
        "under the prefix": "allowed",
        "at the root": "AccessDenied",
        "beside the prefix": "AccessDenied",
        "read": "AccessDenied",
        "delete": "AccessDenied",
        "describe the stream": "allowed",
        "find where to send": "allowed",
        "configure the stream": "AccessDeniedException",
    }


def test_a_reader_reads_under_the_prefix_and_is_refused_outside_of_it(deployed: Cloud, client_as: Any) -> None:
    for key in (KEY, "private/image.jpg"):
        deployed.aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"image")
    reader = client_as("Reader", "s3")
    assert {
        "under the prefix": answer_to(lambda: reader.get_object(Bucket=BUCKET, Key=KEY)),
        "outside": answer_to(lambda: reader.get_object(Bucket=BUCKET, Key="private/image.jpg")),
        "list": answer_to(lambda: reader.list_objects_v2(Bucket=BUCKET, Prefix="front/")),
        "list outside": answer_to(lambda: reader.list_objects_v2(Bucket=BUCKET, Prefix="private/")),
        "write": answer_to(lambda: reader.put_object(Bucket=BUCKET, Key=KEY, Body=b"")),
    } == {
        "under the prefix": "allowed",
        "outside": "AccessDenied",
        "list": "allowed",
        "list outside": "AccessDenied",
        "write": "AccessDenied",
    }


def test_the_rule_and_the_notification_tell_of_objects_under_the_prefix_alone(deployed: Cloud) -> None:
    last = "front/told-last.jpg"
    for key in ("front/told-one.jpg", "front/told-two.png", "other/told-three.jpg", "told-four.jpg", last):
        deployed.aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"image")
    # They also get events of other tests' images.
    told = {queue: {key for key in keys_in(deployed, queue, last) if "told" in key} for queue in QUEUES}
    assert told == {
        "events": {"front/told-one.jpg", "front/told-two.png", last},
        "notifications": {"front/told-one.jpg", last},
    }


def test_a_function_with_the_layer_reads_the_key_of_an_event(deployed: Cloud) -> None:
    event = {"detail": {"bucket": {"name": BUCKET}, "object": {"key": KEY}}}
    answer = deployed.aws.client("lambda").invoke(FunctionName="look", Payload=json.dumps(event).encode())
    assert json.load(io.BytesIO(answer["Payload"].read())) == [STREAM]


def alike(stack: Stack) -> None:
    """Two cameras whose destinations have no slash at their end, and one is a prefix of the other."""
    bucket = s3.Bucket(stack, "Bucket", bucket_name="alike", removal_policy=RemovalPolicy.DESTROY)
    role = iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal())
    for name in ("cam-1", "cam-10"):
        stream = VideoStream(stack, name, stream_name=name, removal_policy=RemovalPolicy.DESTROY)
        images = ImageGeneration(
            stack, f"{name}-images", stream=stream, bucket=bucket, prefix=DestinationPath(f"/a?b {name}")
        )
        images.grant_put_media(role)
        queue = sqs.Queue(stack, f"{name}-queue", queue_name=name)
        images.on_image_delivered("OnImage", target=targets.SqsQueue(queue))


def test_images_of_destinations_without_a_slash_arrive_and_are_told_apart(cloud: Cloud) -> None:
    assert cloud.deploy("Alike", alike) == "CREATE_COMPLETE"
    (role,) = (name for name in cloud.physical_ids("Alike", "AWS::IAM::Role") if "-Producer" in name)
    arn = f"arn:aws:iam::000000000000:role/{role}"
    # The longer name first: its image may not reach the queue of the shorter one.
    for name in ("cam-10", "cam-1"):
        producer = cloud.aws.producer(name, role_arn=arn, tags=fragment_tags())
        video = ClockVideo(name, width=160, height=96, frame_rate=1, fragment_seconds=1)
        assert producer.send(video, fragments=1, speed=20).persisted == 1
        images = cloud.aws.images(f"s3://alike/a?b {name}", stream_name=name)
        (image,) = images.wait(1)
        assert image.key.startswith(f"a?b {name}000000000000_{name}_")
        assert keys_in(cloud, name, image.key) == [image.key]
    assert len(cloud.aws.images("s3://alike/a?b cam-1").all()) == 2
    assert cloud.delete("Alike") == "DELETE_COMPLETE"


def watched(stack: Stack) -> None:
    bucket = s3.Bucket(stack, "Bucket", bucket_name="watched-images", removal_policy=RemovalPolicy.DESTROY)
    stream = VideoStream(stack, "Stream", stream_name="watched", removal_policy=RemovalPolicy.DESTROY)
    images = ImageGeneration(stack, "Images", stream=stream, bucket=bucket)
    images.grant_put_media(iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal()))
    images.on_image_delivered("OnImage", target=targets.SqsQueue(sqs.Queue(stack, "Queue")))
    images.alarm_on_missing_images("Missing", alarm_name="missing", evaluation_periods=1)


def test_the_alarm_goes_off_when_video_brings_no_images_and_recovers_when_it_does(cloud: Cloud) -> None:
    assert cloud.deploy("Watched", watched) == "CREATE_COMPLETE"
    cloudwatch, roles = cloud.aws.client("cloudwatch"), cloud.aws.client("iam")
    (role,) = (name for name in cloud.physical_ids("Watched", "AWS::IAM::Role") if "-Producer" in name)

    def wait_for(state: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while cloudwatch.describe_alarms(AlarmNames=["missing"])["MetricAlarms"][0]["StateValue"] != state:
            assert time.monotonic() < end
            time.sleep(0.1)

    def send() -> None:
        producer = Producer(
            "watched",
            session=cloud.aws.session(),
            role_arn=f"arn:aws:iam::000000000000:role/{role}",
            endpoint_url=cloud.aws.endpoint_url,
            tags=fragment_tags(),
        )
        video = ClockVideo("watched", width=160, height=96, frame_rate=1, fragment_seconds=1)
        assert producer.send(video, fragments=1, speed=20).persisted == 1

    wait_for("OK")
    statement = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    roles.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=policy)
    send()
    wait_for("ALARM")
    roles.delete_role_policy(RoleName=role, PolicyName="deny")
    send()
    wait_for("OK")


def notified(name: str, enabled: bool = True, topic: str = "fragments") -> Callable[[Stack], None]:
    def build(stack: Stack) -> None:
        stream = VideoStream.from_stream_name(stack, "Stream", name)
        arn = f"arn:aws:sns:us-east-1:000000000000:{topic}"
        topic_ = sns.Topic.from_topic_arn(stack, "Topic", arn)
        notification = FragmentNotification(stack, "Notification", stream=stream, topic=topic_, enabled=enabled)
        notification.grant_put_media(iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal()))

    return build


def test_notifications_are_created_changed_rolled_back_and_deleted(cloud: Cloud) -> None:
    cloud.create_stream("notified")
    arn = "arn:aws:sns:us-east-1:000000000000:fragments"
    assert cloud.deploy("Notified", notified("notified")) == "CREATE_COMPLETE"
    assert cloud.notifications("notified") == {"Status": "ENABLED", "DestinationConfig": {"Uri": arn}}
    assert cloud.physical_ids("Notified", FRAGMENT_NOTIFICATION) == [cloud.stream_arn("notified")]

    assert cloud.deploy("Notified", notified("notified", enabled=False)) == "UPDATE_COMPLETE"
    assert cloud.notifications("notified")["Status"] == "DISABLED"

    cloud.aws.inject_fault("UpdateNotificationConfiguration", error="InvalidArgumentException")
    assert cloud.deploy("Notified", notified("notified", topic="others")) == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.notifications("notified") == {"Status": "DISABLED", "DestinationConfig": {"Uri": arn}}

    assert cloud.delete("Notified") == "DELETE_COMPLETE"
    assert cloud.notifications("notified") is None


def test_notifications_that_somebody_else_has_changed_stay(cloud: Cloud) -> None:
    cloud.create_stream("changed")
    assert cloud.deploy("Changed", notified("changed")) == "CREATE_COMPLETE"
    theirs: Any = {"Status": "ENABLED", "DestinationConfig": {"Uri": "arn:aws:sns:us-east-1:000000000000:theirs"}}
    cloud.kinesisvideo.update_notification_configuration(StreamName="changed", NotificationConfiguration=theirs)
    assert cloud.delete("Changed") == "DELETE_COMPLETE"
    assert cloud.notifications("changed") == theirs
