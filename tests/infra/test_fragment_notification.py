from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from cdk_kinesis_video import FragmentNotification, VideoStream

from .conftest import FRAGMENT_NOTIFICATION, STREAM_ARN, TOPIC_ARN, fails_with, images_in, role_in
from .synthesis import messages_of, only_resource, resources_of, statements_of, template_of

OTHER_ROLE = "arn:aws:iam::444455556666:role/camera"


@pytest.fixture
def topic(stack: Stack) -> sns.ITopic:
    return sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN)


def test_a_topic_is_notified_of_the_fragments_of_a_stream(stack: Stack, topic: sns.ITopic) -> None:
    notification = FragmentNotification(stack, "Notification", stream=VideoStream(stack, "Stream"), topic=topic)
    assert notification.topic is topic
    resource = only_resource(template_of(stack), FRAGMENT_NOTIFICATION)
    assert resource["Properties"]["NotificationConfiguration"] == {
        "Status": "ENABLED",
        "DestinationConfig": {"Uri": TOPIC_ARN},
    }
    assert resource["Properties"]["StreamARN"]["Fn::GetAtt"][1] == "Arn"
    assert resource["DeletionPolicy"] == "Delete"


def test_it_can_be_switched_off_and_retained(stack: Stack, topic: sns.ITopic, stream: VideoStream) -> None:
    FragmentNotification(
        stack, "Notification", stream=stream, topic=topic, enabled=False, removal_policy=RemovalPolicy.RETAIN
    )
    resource = only_resource(template_of(stack), FRAGMENT_NOTIFICATION)
    assert resource["Properties"]["NotificationConfiguration"]["Status"] == "DISABLED"
    assert resource["DeletionPolicy"] == "Retain"
    assert messages_of(stack, "warning") == []


def test_the_streams_images_are_another_resource_of_the_same_function(
    stack: Stack, topic: sns.ITopic, stream: VideoStream
) -> None:
    FragmentNotification(stack, "Notification", stream=stream, topic=topic)
    images_in(stack, stream=stream)
    template = template_of(stack)
    assert len(resources_of(template, "AWS::Lambda::Function")) == 1
    # The stream identifies it, and not the construct's path.
    assert list(resources_of(template, FRAGMENT_NOTIFICATION)) == ["Stream790BDEE4FragmentNotification"]


def granted(stack: Stack, topic: sns.ITopic, **options: Any) -> dict[str, Any]:
    stream = VideoStream.from_stream_arn(stack, "Stream", STREAM_ARN)
    notification = FragmentNotification(stack, "Notification", stream=stream, topic=topic)
    notification.grant_put_media(role_in(stack), **options)
    assert messages_of(stack, "warning") == []
    return template_of(stack)


PUBLISH = {"Effect": "Allow", "Action": "sns:Publish", "Resource": TOPIC_ARN}


def test_a_producer_may_send_video_and_publish_to_the_topic(stack: Stack, topic: sns.ITopic) -> None:
    assert statements_of(granted(stack, topic)) == [
        {
            "Effect": "Allow",
            "Action": ["kinesisvideo:DescribeStream", "kinesisvideo:GetDataEndpoint", "kinesisvideo:PutMedia"],
            "Resource": STREAM_ARN,
        },
        PUBLISH,
    ]


def test_the_role_of_an_iot_role_alias_is_granted_by_the_things_name(stack: Stack, topic: sns.ITopic) -> None:
    video, publish = statements_of(granted(stack, topic, by_thing_name=True))
    assert video["Resource"]["Fn::Join"][1][-1].endswith(":stream/${credentials-iot:ThingName}/*")
    assert publish == PUBLISH


def test_a_producer_may_use_the_topics_key(stack: Stack) -> None:
    topic = sns.Topic(stack, "Topic", master_key=kms.Key(stack, "Key"))
    template = granted(stack, topic)
    actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    assert [s["Action"] for s in statements_of(template)][-1] == actions
    assert [s["Action"] for s in statements_of(template, "AWS::KMS::Key")] == ["kms:*", actions]


def test_a_role_of_another_account_is_let_in_by_the_topics_policy(stack: Stack, stream: VideoStream) -> None:
    notification = FragmentNotification(stack, "Notification", stream=stream, topic=sns.Topic(stack, "Topic"))
    notification.grant_put_media(iam.Role.from_role_arn(stack, "Role", OTHER_ROLE))
    (statement,) = statements_of(template_of(stack), "AWS::SNS::TopicPolicy")
    assert (statement["Action"], statement["Principal"]) == ("sns:Publish", {"AWS": OTHER_ROLE})


def test_a_topic_of_another_account_is_a_warning_with_the_statement(stack: Stack, stream: VideoStream) -> None:
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:444455556666:fragments")
    notification = FragmentNotification(stack, "Notification", stream=stream, topic=topic)
    notification.grant_put_media(role_in(stack))
    (warning,) = messages_of(stack, "warning")
    assert warning.startswith('fragments is imported, add this statement to its own policy: {"Action": "sns:Publish"')


def test_notifications_that_nobody_may_publish_are_a_warning(
    stack: Stack, topic: sns.ITopic, stream: VideoStream
) -> None:
    FragmentNotification(stack, "Notification", stream=stream, topic=topic)
    (warning,) = messages_of(stack, "warning")
    assert warning.startswith("no producer is allowed to deliver: ")
    assert warning.endswith("[ack: cdk-kinesis-video:no-uploader]")


@pytest.mark.parametrize(
    "make_topic",
    [
        lambda stack: sns.Topic(stack, "Fifo", fifo=True),
        lambda stack: sns.Topic.from_topic_arn(stack, "Fifo", f"{TOPIC_ARN}.fifo"),
    ],
    ids=["owned", "imported"],
)
def test_fails_on_a_fifo_topic(stack: Stack, stream: VideoStream, make_topic: Any) -> None:
    with fails_with(
        "`topic` is the FIFO topic 'Cameras/Fifo', notifications go to standard topics only, use one without `fifo`"
    ):
        FragmentNotification(stack, "Notification", stream=stream, topic=make_topic(stack))


def test_fails_on_a_stream_that_keeps_no_data(stack: Stack, topic: sns.ITopic) -> None:
    with pytest.raises(ValueError, match="`stream` keeps no data: "):
        FragmentNotification(stack, "Notification", stream=kinesisvideo.CfnStream(stack, "Bare"), topic=topic)


def test_fails_on_a_stream_in_another_region(stack: Stack, topic: sns.ITopic) -> None:
    stream = VideoStream.from_stream_arn(stack, "Stream", STREAM_ARN.replace("eu-west-1", "us-east-1"))
    with fails_with(
        "`stream` is in us-east-1 and this stack in eu-west-1, declare its fragment notification in a stack in "
        "us-east-1"
    ):
        FragmentNotification(stack, "Notification", stream=stream, topic=topic)
