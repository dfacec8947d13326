"""Delivery of images of a configured stream, on the local AWS with IAM enforced."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_kinesis_video import DestinationPath, FragmentNotification, ImageGeneration, ImagesLayer, VideoStream

from .conftest import FRAGMENT_NOTIFICATION, ClientAs, Cloud, answer_to

BUCKET = "delivered-images"
STREAM = "front_door"
QUEUES = ("events", "notifications")
KEY = f"front/111122223333_{STREAM}_1690707290324_0b0b0b0b.jpg"
CODE = """
from kinesis_video_images import image_keys, parse_image_key

def handler(event, context):
    return [parse_image_key(key).stream_name for bucket, key in image_keys(event)]
"""


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
def deployed(_cloud: Cloud) -> Cloud:
    assert _cloud.deploy("Delivery", delivery) == "CREATE_COMPLETE"
    return _cloud


def keys_in(cloud: Cloud, queue: str, last: str) -> list[str]:
    """The keys in the events of a queue, up to a last one."""
    sqs_client = cloud.client("sqs")
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


def test_a_producer_delivers_under_the_prefix_and_is_refused_outside_of_it(
    deployed: Cloud, client_as: ClientAs
) -> None:
    role = deployed.role_arn("Delivery", "-Producer")
    bucket, video = client_as(deployed, role, "s3"), client_as(deployed, role, "kinesisvideo")
    put = {"Bucket": BUCKET, "Body": b"image"}
    assert {
        "under the prefix": answer_to(bucket.put_object, **put, Key=KEY),
        "at the root": answer_to(bucket.put_object, **put, Key="image.jpg"),
        "beside the prefix": answer_to(bucket.put_object, **put, Key="frontier/image.jpg"),
        "read": answer_to(bucket.get_object, Bucket=BUCKET, Key=KEY),
        "delete": answer_to(bucket.delete_object, Bucket=BUCKET, Key=KEY),
        "describe the stream": answer_to(video.describe_stream, StreamName=STREAM),
        "find where to send": answer_to(video.get_data_endpoint, StreamName=STREAM, APIName="PUT_MEDIA"),
        "configure the stream": answer_to(video.update_image_generation_configuration, StreamName=STREAM),
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


def test_a_reader_reads_under_the_prefix_and_is_refused_outside_of_it(deployed: Cloud, client_as: ClientAs) -> None:
    for key in (KEY, "private/image.jpg"):
        deployed.s3.put_object(Bucket=BUCKET, Key=key, Body=b"image")
    reader = client_as(deployed, deployed.role_arn("Delivery", "-Reader"), "s3")
    assert {
        "under the prefix": answer_to(reader.get_object, Bucket=BUCKET, Key=KEY),
        "outside": answer_to(reader.get_object, Bucket=BUCKET, Key="private/image.jpg"),
        "list": answer_to(reader.list_objects_v2, Bucket=BUCKET, Prefix="front/"),
        "list outside": answer_to(reader.list_objects_v2, Bucket=BUCKET, Prefix="private/"),
        "write": answer_to(reader.put_object, Bucket=BUCKET, Key=KEY, Body=b""),
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
        deployed.s3.put_object(Bucket=BUCKET, Key=key, Body=b"image")
    # They also get events of other tests' images.
    told = {queue: {key for key in keys_in(deployed, queue, last) if "told" in key} for queue in QUEUES}
    assert told == {
        "events": {"front/told-one.jpg", "front/told-two.png", last},
        "notifications": {"front/told-one.jpg", last},
    }


def test_a_function_with_the_layer_reads_the_key_of_an_event(deployed: Cloud) -> None:
    event = {"detail": {"bucket": {"name": BUCKET}, "object": {"key": KEY}}}
    answer = deployed.client("lambda").invoke(FunctionName="look", Payload=json.dumps(event).encode())
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
    # The longer name first: its image may not reach the queue of the shorter one.
    for name in ("cam-10", "cam-1"):
        cloud.send_video(name, cloud.role_arn("Alike", "-Producer"))
        images = cloud.aws.images(f"s3://alike/a?b {name}", stream_name=name)
        (image,) = images.wait(1)
        assert image.key.startswith(f"a?b {name}000000000000_{name}_")
        assert keys_in(cloud, name, image.key) == [image.key]
    assert len(cloud.aws.images("s3://alike/a?b cam-1").all()) == 2
    assert cloud.delete("Alike") == "DELETE_COMPLETE"


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
