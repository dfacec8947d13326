"""Every public parameter refuses a wrong value with one sentence: the table has rows for each parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

import cdk_kinesis_video
from cdk_kinesis_video import (
    DestinationPath,
    ImageDelivery,
    ImageFormat,
    ImageGeneration,
    Repair,
    VideoStream,
)

from .conftest import fails_with

STREAM_ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1690707290324"


def bucket_of(stack: Stack) -> s3.IBucket:
    return s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")


def stream_of(stack: Stack) -> VideoStream:
    return VideoStream(stack, "Stream")


def images_of(stack: Stack) -> ImageGeneration:
    images = ImageGeneration(stack, "Images", stream=stream_of(stack), bucket=bucket_of(stack))
    images.count_by_request_metrics(filter_id="images")
    return images


# What each class or method needs besides the value of the table: a value, or a function that makes it in the stack.
ROLE = {"grantee": lambda stack: iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())}
TOPIC_OF_STACK = {"topic": lambda stack: sns.Topic(stack, "Topic")}
DESTINATION = {"destination": lambda stack: notifications.SqsDestination(sqs.Queue(stack, "Queue"))}
ALARM = {"alarm": lambda stack: cloudwatch.Alarm.from_alarm_name(stack, "Alarm", "missing")}
NEEDED: dict[str, dict[str, Any]] = {
    "ConfigurationFunction": {"stack": lambda stack: stack},
    "VideoStream.from_stream_arn": {"stream_arn": STREAM_ARN},
    "VideoStream.from_stream_name": {"stream_name": "front-door"},
    "VideoStream.grant": ROLE,
    "VideoStream.grant_put_media": ROLE,
    "VideoStream.metric": {"metric_name": "PutMedia.Requests"},
    "ImageGeneration": {"stream": stream_of, "bucket": bucket_of},
    "ImageGeneration.grant_put_media": ROLE,
    "ImageGeneration.on_image_delivered": {"construct_id": "OnImage"},
    "ImageGeneration.add_image_notification": DESTINATION,
    "ImageGeneration.alarm_on_missing_images": {"construct_id": "Missing"},
    "ImageGeneration.diagnose_on": {"construct_id": "Diagnosis", **ALARM, **TOPIC_OF_STACK},
    "ImageDelivery": {"bucket": bucket_of},
    "ImageFormat": {"name": "JPEG"},
    "FragmentNotification": {"stream": stream_of, **TOPIC_OF_STACK},
    "FragmentNotification.grant_put_media": ROLE,
    "StreamDashboard": {"streams": lambda stack: [stream_of(stack)]},
    "StreamFleet": {"name_prefix": "cam-", "bucket": bucket_of},
    "StreamFleet.grant_put_media": ROLE,
    "StreamFleet.metric": {"metric_name": "StreamsSet"},
    "DriftMonitor.alarm": {"construct_id": "Drifted"},
    "DriftMonitor.on_drift": {"construct_id": "OnDrift"},
}


# One object of a class serves all values, since a call that fails defines nothing.
@cache
def object_of(name: str) -> Any:
    if name == "ImageGeneration":
        return images_of(Stack(App(), "Cameras"))
    return getattr(cdk_kinesis_video, name)(**needed(name))


@cache
def callee(owner: str) -> Any:
    """Return a class, a method of an object of it, or its static method."""
    name, _, method = owner.partition(".")
    cls = getattr(cdk_kinesis_video, name)
    if method == "":
        return cls
    is_static = isinstance(inspect.getattr_static(cls, method), staticmethod)
    return getattr(cls if is_static else object_of(name), method)


@cache
def needed(owner: str) -> dict[str, Any]:
    stack, called = Stack(App(), "Cameras"), callee(owner)
    # The metaclass of jsii hides the parameters of a class.
    parameters = inspect.signature(called.__init__ if inspect.isclass(called) else called).parameters
    placed = {"scope": stack, "construct_id": "Id"} if "scope" in parameters else {}
    values = {**placed, **NEEDED.get(owner, {})}
    return {name: value(stack) if inspect.isfunction(value) else value for name, value in values.items()}


def call(owner: str, /, **wrong: Any) -> None:
    arguments = {**needed(owner), **wrong}
    action = arguments.pop("actions", None)
    # Only actions are given by their position, after the grantee.
    callee(owner)(*([arguments.pop("grantee"), action] if action else []), **arguments)


# A value, or a function that makes it in the stack, and the sentence after the name of the parameter.
Rows = dict[str, list[tuple[Any, str]]]

PLACE: Rows = {
    "scope": [
        (None, "None, it must be a construct such as the stack"),
        (Stack, "the class Stack, it must be a construct such as the stack"),
    ],
    "construct_id": [
        (None, "None, it must be text such as 'Id'"),
        ("", "'', it must be text such as 'Id'"),
        (7, "7, it must be text such as 'Id'"),
    ],
}
GRANTEE: list[tuple[Any, str]] = [
    (None, "None, it must be a role, a user or another grantee such as iam.Role"),
    ("arn:aws:iam::1:role/r", "'arn:aws:iam::1:role/r', it must be a role, a user or another grantee such as iam.Role"),
    (
        lambda stack: iam.CfnRole(stack, "L1", assume_role_policy_document={}),
        "the CfnRole 'Cameras/L1', it must be a role, a user or another grantee such as iam.Role",
    ),
    (iam.Role, "the class Role, it must be a role, a user or another grantee such as iam.Role"),
    (
        lambda stack: lambda_.Function.from_function_arn(
            stack, "Imported", "arn:aws:lambda:us-east-1:111122223333:function:look"
        ),
        "the FunctionBase 'Cameras/Imported', which is imported without its role, pass the role itself",
    ),
]
BOOL: list[tuple[Any, str]] = [
    ("yes", "'yes', it must be True or False"),
    (None, "None, it must be True or False"),
    (1, "1, it must be True or False"),
]
WHOLE_NUMBER_OF_CALLS = "it must be a whole number from 2 to 50"
FLEET_METRICS = (
    "StreamsSet, StreamsRemoved, StreamsEqual, StreamsFailed, StreamsForeign, StreamsWithoutRetention, "
    "PassesFailed, Failures, SignsOfLife, NewStreamsSet, NewStreamsFailed or NewStreamsUnreadable"
)
REPAIRS = "Repair.NONE, Repair.MISSING or Repair.ALWAYS"
REMOVAL_POLICIES = "RemovalPolicy.DESTROY, RemovalPolicy.RETAIN or RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE"
REMOVAL: list[tuple[Any, str]] = [
    (None, f"None, it must be {REMOVAL_POLICIES}"),
    ("retain", f"'retain', it must be {REMOVAL_POLICIES}"),
    (RemovalPolicy.SNAPSHOT, f"RemovalPolicy.SNAPSHOT, it must be {REMOVAL_POLICIES}"),
]
KEY: list[tuple[Any, str]] = [
    ("alias/cameras", "'alias/cameras', it must be a key such as kms.Key"),
    (
        lambda stack: kms.CfnKey(stack, "L1", key_policy={}),
        "the CfnKey 'Cameras/L1', it must be a key such as kms.Key",
    ),
    (kms.Key, "the class Key, it must be a key such as kms.Key"),
]
STREAM: list[tuple[Any, str]] = [
    (None, "None, it must be a VideoStream or a CfnStream"),
    ("front-door", "'front-door', it must be a VideoStream or a CfnStream"),
    (VideoStream, "the class VideoStream, it must be a VideoStream or a CfnStream"),
    *(
        (
            make,
            "the Kinesis data stream 'Cameras/Data', it must be a Kinesis video stream: a VideoStream or a CfnStream "
            "of aws_kinesisvideo",
        )
        for make in (
            lambda stack: kinesis.Stream(stack, "Data"),
            lambda stack: kinesis.CfnStream(stack, "Data"),
            lambda stack: kinesis.Stream.from_stream_arn(
                stack, "Data", "arn:aws:kinesis:us-east-1:111122223333:stream/d"
            ),
        )
    ),
]
BUCKET: list[tuple[Any, str]] = [
    (None, "None, it must be a bucket such as s3.Bucket"),
    ("camera-images", "'camera-images', it must be a bucket such as s3.Bucket"),
    (s3.Bucket, "the class Bucket, it must be a bucket such as s3.Bucket"),
    (
        lambda stack: s3.CfnBucket(stack, "L1"),
        "the CfnBucket 'Cameras/L1', it must be a bucket such as s3.Bucket, use s3.Bucket.from_cfn_bucket()",
    ),
]
TOPIC: list[tuple[Any, str]] = [
    (bucket_of, "the BucketBase 'Cameras/Bucket', it must be a topic such as sns.Topic"),
    (
        lambda stack: iam.Role.from_role_name(stack, "Imported", "camera"),
        "the construct 'Cameras/Imported', it must be a topic such as sns.Topic",
    ),
    ("fragments", "'fragments', it must be a topic such as sns.Topic"),
    (sns.Topic, "the class Topic, it must be a topic such as sns.Topic"),
    (lambda stack: sns.CfnTopic(stack, "L1"), "the CfnTopic 'Cameras/L1', it must be a topic such as sns.Topic"),
]
STREAM_NAME: list[tuple[Any, str]] = [
    (7, "7, it must be text such as 'front-door'"),
    *(
        (wrong, f"{wrong!r}, it must be 1 to 256 characters of a-z A-Z 0-9 _ . -")
        for wrong in ("front door", "front/door", "", "n" * 257)
    ),
]
PERIOD: list[tuple[Any, str]] = [
    (300, "300, it must be a Duration such as Duration.minutes(5)"),
    (
        Duration.seconds(90),
        "90 seconds, it must be 1, 5, 10 or 30 seconds or a multiple of 60 seconds, such as Duration.minutes(5)",
    ),
]
RUNTIME: list[tuple[Any, str]] = [
    ("python3.14", "'python3.14', it must be Python 3.11 or later such as Runtime.PYTHON_3_14"),
    (lambda_.Runtime.PYTHON_3_10, "python3.10, it must be Python 3.11 or later such as Runtime.PYTHON_3_14"),
    (lambda_.Runtime.NODEJS_22_X, "nodejs22.x, it must be Python 3.11 or later such as Runtime.PYTHON_3_14"),
]
METRIC_OPTIONS: Rows = {
    "statistic": [(99, "99, it must be text such as 'Average'")],
    "period": PERIOD,
    "label": [(7, "7, it must be text such as 'front door'")],
    "color": [(7, "7, it must be text such as '#1f77b4'")],
    "unit": [("Count", "'Count', it must be one of cloudwatch.Unit such as Unit.COUNT")],
    "account": [(111122223333, "111122223333, it must be text such as '111122223333'")],
    "region": [(True, "True, it must be text such as 'eu-west-1'")],
}
RULE_TARGET: list[tuple[Any, str]] = [
    (
        lambda stack: sqs.Queue(stack, "Queue"),
        "the Queue 'Cameras/Queue', it must be one of aws_cdk.aws_events_targets such as LambdaFunction(function)",
    ),
    (
        lambda stack: notifications.SqsDestination(sqs.Queue(stack, "Queue")),
        "a SqsDestination, it must be one of aws_cdk.aws_events_targets such as LambdaFunction(function)",
    ),
    (
        targets.SqsQueue,
        "the class SqsQueue, it must be one of aws_cdk.aws_events_targets such as LambdaFunction(function)",
    ),
]
IMAGE_OPTIONS: Rows = {
    "sampling_interval": [
        (500, "500, it must be a Duration such as Duration.seconds(3)"),
        (Duration.millis(199), "199 ms, it must be 200 to 2147483647 ms"),
        (Duration.days(25), "2160000000 ms, it must be 200 to 2147483647 ms"),
        (
            Duration.millis(200.5),
            "200.5 milliseconds, it must be a whole number of milliseconds such as Duration.millis(200)",
        ),
    ],
    "format": [
        ("JPEG", "'JPEG', it must be ImageFormat.jpeg() or ImageFormat.png()"),
        (ImageFormat, "the class ImageFormat, it must be ImageFormat.jpeg() or ImageFormat.png()"),
    ],
    "width_pixels": [
        *((wrong, f"{wrong!r}, it must be a whole number from 1 to 3840") for wrong in (0, 3841, 10**400, True, "640")),
        ([640], "a list, it must be a whole number from 1 to 3840"),
    ],
    "height_pixels": [(wrong, f"{wrong}, it must be a whole number from 1 to 2160") for wrong in (0, 2161, 36.5)],
    "image_selector_type": [
        (
            "PRODUCER_TIMESTAMP",
            "'PRODUCER_TIMESTAMP', it must be ImageSelectorType.PRODUCER_TIMESTAMP or "
            "ImageSelectorType.SERVER_TIMESTAMP",
        ),
    ],
    "enabled": BOOL,
    "removal_policy": REMOVAL,
    "revision": [(2, "2, it must be text such as '2026-11-21'")],
}


def of(owner: str, rows: Rows) -> Rows:
    return {f"{owner}.{parameter}": wrong for parameter, wrong in rows.items()}


WRONG: Rows = {
    **of("VideoStream", PLACE),
    "VideoStream.stream_name": STREAM_NAME,
    "VideoStream.data_retention": [
        (24, "24, it must be a Duration such as Duration.days(1)"),
        (Duration.minutes(90), "1.5 hours, it must be a whole number of hours such as Duration.hours(24)"),
        *(
            (
                Duration.hours(hours),
                f"{hours} hours, it must be 1 to 87600 hours, as a stream that keeps no data delivers no images",
            )
            for hours in (0, 87601)
        ),
    ],
    "VideoStream.encryption_key": KEY,
    "VideoStream.media_type": [
        ("h264", "'h264', it must be 1 to 128 characters of types such as video/h264"),
        (264, "264, it must be 1 to 128 characters of types such as video/h264"),
    ],
    "VideoStream.storage_tier": [("WARM", "'WARM', it must be StorageTier.HOT or StorageTier.WARM")],
    "VideoStream.removal_policy": REMOVAL,
    **of("VideoStream.from_stream_arn", PLACE),
    "VideoStream.from_stream_arn.stream_arn": [
        (
            wrong,
            f"{wrong!r}, it must be the ARN of a Kinesis video stream such as "
            "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1690707290324",
        )
        for wrong in (
            *(None, 7, "front-door", "arn:aws:kinesis:us-east-1:111122223333:stream/front-door"),
            "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door",
            "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1690707290324",
        )
    ],
    "VideoStream.from_stream_arn.encryption_key": KEY,
    **of("VideoStream.from_stream_name", PLACE),
    "VideoStream.from_stream_name.stream_name": [
        (None, "None, it must be text such as 'front-door'"),
        *STREAM_NAME,
        (STREAM_ARN, f"'{STREAM_ARN}', it must be 1 to 256 characters of a-z A-Z 0-9 _ . -"),
    ],
    "VideoStream.from_stream_name.encryption_key": KEY,
    "VideoStream.grant.grantee": GRANTEE[1:],
    "VideoStream.grant.actions": [
        (None, "empty, it must be one action or more such as 'kinesisvideo:TagStream'"),
        (["kinesisvideo:TagStream"], "a list, it must be an action such as 'kinesisvideo:TagStream'"),
        ("TagStream", "'TagStream', it must be an action such as 'kinesisvideo:TagStream'"),
        ("s3:PutObject", "'s3:PutObject', it must be an action such as 'kinesisvideo:TagStream'"),
    ],
    "VideoStream.grant_put_media.grantee": GRANTEE,
    "VideoStream.grant_put_media.tag_stream": BOOL,
    "VideoStream.grant_read.grantee": GRANTEE,
    "VideoStream.metric.metric_name": [
        (None, "None, it must be text such as 'PutMedia.Success'"),
        ("", "'', it must be text such as 'PutMedia.Success'"),
    ],
    **of("VideoStream.metric", METRIC_OPTIONS),
    "DestinationPath.path": [
        (path, f"{path!r}, it must be empty, or text that begins with a slash and has no *, such as '/front-door'")
        for path in (None, 7, "front-door", "s3://camera-images/front-door", "/cam-*")
    ],
    **of("ImageGeneration", PLACE),
    "ImageGeneration.stream": STREAM,
    "ImageGeneration.bucket": BUCKET,
    "ImageGeneration.prefix": [
        (7, "7, it must be text such as 'front-door/'"),
        ("a*b", "'a*b', it must not contain *, remove that character"),
        ("front\ndoor", "'front\\ndoor', it must not contain control characters, remove them"),
        *(
            (wrong, f"{wrong!r}, it must not contain {mistake}")
            for mistake, prefixes in {
                "a URI's scheme, pass the bucket as `bucket` and only the path here": ["s3:/images", "s3://b/front"],
                "'.' or '..' as a folder, use the folder itself": ["..", "../a", "a/../b", "a/..", "./a"],
                "empty folders, remove one of the slashes": ["a//b", "//a", "a//", "//"],
            }.items()
            for wrong in prefixes
        ),
    ],
    **of("ImageGeneration", IMAGE_OPTIONS),
    "ImageGeneration.adopt_existing": BOOL,
    "ImageGeneration.grant_put_media.grantee": GRANTEE,
    "ImageGeneration.grant_put_media.by_thing_name": BOOL,
    "ImageGeneration.grant_put_media.tag_stream": BOOL,
    "ImageGeneration.grant_read_images.grantee": GRANTEE,
    "ImageGeneration.on_image_delivered.construct_id": PLACE["construct_id"],
    "ImageGeneration.on_image_delivered.target": RULE_TARGET,
    "ImageGeneration.on_image_delivered.description": [(7, "7, it must be text such as 'An image of the front door'")],
    "ImageGeneration.on_image_delivered.rule_name": [(7, "7, it must be text such as 'front-door-images'")],
    "ImageGeneration.on_image_delivered.event_pattern": [({}, "a dict, it must be an events.EventPattern")],
    "ImageGeneration.on_image_delivered.cross_stack_scope": [
        ("Other", "'Other', it must be a construct such as the target's stack"),
    ],
    "ImageGeneration.add_image_notification.destination": [
        (None, "None, it must be one of aws_cdk.aws_s3_notifications such as LambdaDestination(function)"),
        (
            lambda stack: targets.SqsQueue(sqs.Queue(stack, "Other")),
            "a SqsQueue, it must be one of aws_cdk.aws_s3_notifications such as LambdaDestination(function)",
        ),
    ],
    "ImageGeneration.add_image_notification.suffix": [(7, "7, it must be text such as '.jpg'")],
    "ImageGeneration.count_by_request_metrics.filter_id": [
        ("all images", "'all images', it must be 1 to 64 characters of a-z A-Z 0-9 _ . -"),
    ],
    **of("ImageGeneration.metric_images_delivered", METRIC_OPTIONS),
    "ImageGeneration.metric_images_missing.period": PERIOD,
    "ImageGeneration.metric_images_missing.label": [(7, "7, it must be text such as 'images missing'")],
    "ImageGeneration.alarm_on_missing_images.construct_id": PLACE["construct_id"],
    "ImageGeneration.alarm_on_missing_images.period": PERIOD,
    "ImageGeneration.alarm_on_missing_images.evaluation_periods": [
        (0, "0, it must be a whole number from 1 to 2016"),
    ],
    "ImageGeneration.alarm_on_missing_images.alarm_name": [(7, "7, it must be text such as 'images-missing'")],
    "ImageGeneration.alarm_on_missing_images.alarm_description": [
        (7, "7, it must be text such as 'No images from the front door'"),
    ],
    "ImageGeneration.diagnose_on.construct_id": PLACE["construct_id"],
    "ImageGeneration.diagnose_on.alarm": [
        ("missing", "'missing', it must be an alarm such as cloudwatch.Alarm"),
        (
            lambda stack: cloudwatch.CfnAlarm(stack, "L1", comparison_operator="Any", evaluation_periods=1),
            "the CfnAlarm 'Cameras/L1', it must be an alarm such as cloudwatch.Alarm",
        ),
    ],
    # The first one would define a second bucket with the id of the images' bucket.
    "ImageGeneration.diagnose_on.topic": TOPIC[1:],
    "ImageGeneration.diagnose_on.producer": [
        ("arn:aws:iam::1:role/r", "'arn:aws:iam::1:role/r', it must be a role such as iam.Role"),
    ],
    "ImageDelivery.bucket": BUCKET,
    "ImageDelivery.prefix": [
        (7, "7, it must be text such as 'front-door/'"),
        (DestinationPath("/yard"), "a DestinationPath, it must be text such as 'front-door/'"),
        ("a//b", "'a//b', it must not contain empty folders, remove one of the slashes"),
    ],
    "ImageDelivery.hex_prefix": BOOL,
    "ImageDelivery.producer": GRANTEE[1:],
    "ImageDelivery.by_thing_name": BOOL,
    "ImageDelivery.tag_stream": BOOL,
    "ImageDelivery.adopt_existing": [
        (True, "True, it must be a list of stream names such as ['front-door']"),
        ("front-door", "'front-door', it must be a list of stream names such as ['front-door']"),
        ([7], "7, it must be text such as 'front-door'"),
        (["front door"], "'front door', it must be 1 to 256 characters of a-z A-Z 0-9 _ . -"),
    ],
    **of("ImageDelivery", IMAGE_OPTIONS),
    "ImageDelivery.apply_to.construct": [
        (lambda stack: stack, "the Stack 'Cameras', it must be a CfnStream"),
        (None, "None, it must be a CfnStream"),
    ],
    "ImageFormat.name": [("GIF", "'GIF', it must be 'JPEG' or 'PNG'"), (None, "None, it must be 'JPEG' or 'PNG'")],
    "ImageFormat.quality": [(101, "101, it must be a whole number from 1 to 100")],
    "ImageFormat.jpeg.quality": [
        (wrong, f"{wrong!r}, it must be a whole number from 1 to 100") for wrong in (0, 101, "80")
    ],
    **of("FragmentNotification", PLACE),
    "FragmentNotification.stream": STREAM,
    "FragmentNotification.topic": TOPIC,
    "FragmentNotification.enabled": BOOL,
    "FragmentNotification.removal_policy": REMOVAL,
    "FragmentNotification.adopt_existing": BOOL,
    "FragmentNotification.revision": IMAGE_OPTIONS["revision"],
    "FragmentNotification.grant_put_media.grantee": GRANTEE,
    "FragmentNotification.grant_put_media.by_thing_name": BOOL,
    "FragmentNotification.grant_put_media.tag_stream": BOOL,
    **of("StreamDashboard", PLACE),
    "StreamDashboard.streams": [
        (None, "None, it must be a list of streams such as VideoStream"),
        (
            lambda stack: VideoStream(stack, "One"),
            "the VideoStream 'Cameras/One', it must be a list of streams such as VideoStream",
        ),
        ("front-door", "'front-door', it must be a list of streams such as VideoStream"),
        ([], "empty, pass at least one stream"),
        (["front-door"], "'front-door', it must be a VideoStream or a CfnStream"),
    ],
    "StreamDashboard.images": [
        (None, "None, it must be a list of ImageGenerations"),
        ([None], "None, it must be a list of ImageGenerations"),
    ],
    "StreamDashboard.dashboard_name": [("my board", "'my board', it must be 1 to 255 characters of a-z A-Z 0-9 _ -")],
    "StreamDashboard.period": PERIOD,
    **of("ImagesLayer", PLACE),
    **of("StreamFleet", PLACE),
    "StreamFleet.name_prefix": [
        (None, "None, it must be text that is known at synth such as 'cam-'"),
        (7, "7, it must be text that is known at synth such as 'cam-'"),
        ("", "'', it must be 1 to 256 characters of a-z A-Z 0-9 _ . -"),
        ("cam/", "'cam/', it must be 1 to 256 characters of a-z A-Z 0-9 _ . -"),
    ],
    "StreamFleet.bucket": BUCKET,
    "StreamFleet.prefix": [
        (7, "7, it must be text such as 'front-door/'"),
        ("a//b", "'a//b', it must not contain empty folders, remove one of the slashes"),
        *(
            (
                wrong,
                f"{wrong!r}, it must have no placeholder but '{{stream_name}}', use that or take the braces out",
            )
            for wrong in ("{name}/", "${stream_name}/", "{stream_name/", "stream_name}/")
        ),
    ],
    "StreamFleet.every": [
        (6, "6, it must be a Duration such as Duration.hours(6)"),
        (
            lambda stack: Duration.hours(Token.as_number({"Ref": "Hours"})),
            "a token, it must be known at synth, such as Duration.hours(6)",
        ),
        *(
            (wrong, f"{said}, it must be a whole number of minutes, at least 1, such as Duration.hours(6)")
            for wrong, said in ((Duration.seconds(90), "1.5 minutes"), (Duration.minutes(0), "0 minutes"))
        ),
    ],
    "StreamFleet.on_create": BOOL,
    "StreamFleet.calls_per_second": [
        (None, "None, it must be a whole number that is known at synth such as 45"),
        (1, f"1, {WHOLE_NUMBER_OF_CALLS}"),
        (51, f"51, {WHOLE_NUMBER_OF_CALLS}"),
        ("45", f"'45', {WHOLE_NUMBER_OF_CALLS}"),
        (True, f"True, {WHOLE_NUMBER_OF_CALLS}"),
    ],
    "StreamFleet.exclude": [
        (None, "None, it must be a list of stream names such as ['cam-7']"),
        ("cam-7", "'cam-7', it must be a list of stream names such as ['cam-7']"),
        ([7], "7, it must be text such as 'front-door'"),
        (["cam 7"], "'cam 7', it must be 1 to 256 characters of a-z A-Z 0-9 _ . -"),
    ],
    "StreamFleet.adopt_existing": BOOL,
    **of("StreamFleet", IMAGE_OPTIONS),
    "StreamFleet.grant_put_media.grantee": GRANTEE,
    "StreamFleet.grant_put_media.by_thing_name": BOOL,
    "StreamFleet.grant_put_media.tag_stream": BOOL,
    "StreamFleet.metric.metric_name": [
        (None, f"None, it must be {FLEET_METRICS}"),
        ("StreamsDone", f"'StreamsDone', it must be {FLEET_METRICS}"),
    ],
    **of("StreamFleet.metric", METRIC_OPTIONS),
    **of("StreamFleet.metric_failed", METRIC_OPTIONS),
    "StreamFleet.alarm.construct_id": PLACE["construct_id"],
    "StreamFleet.dashboard.construct_id": PLACE["construct_id"],
    **of("DriftMonitor", PLACE),
    "DriftMonitor.images": [
        ("front-door", "'front-door', it must be a list of ImageGenerations and FragmentNotifications"),
        (
            lambda stack: images_of(stack),
            "the ImageGeneration 'Cameras/Images', it must be a list of ImageGenerations and FragmentNotifications",
        ),
        ([None], "None, it must be a list of ImageGenerations and FragmentNotifications"),
        (
            lambda stack: [stream_of(stack)],
            "the VideoStream 'Cameras/Stream', it must be a list of ImageGenerations and FragmentNotifications",
        ),
        ([], "empty, pass at least one ImageGeneration, or None for all of the stack"),
    ],
    "DriftMonitor.every": [
        (60, "60, it must be a Duration such as Duration.hours(1)"),
        (
            lambda stack: Duration.hours(Token.as_number({"Ref": "Hours"})),
            "a token, it must be known at synth, such as Duration.hours(1)",
        ),
        *(
            (wrong, f"{said}, it must be a whole number of minutes, from 1 to 1440, such as Duration.hours(1)")
            for wrong, said in (
                (Duration.seconds(90), "1.5 minutes"),
                (Duration.minutes(0), "0 minutes"),
                (Duration.minutes(1441), "1441 minutes"),
            )
        ),
    ],
    "DriftMonitor.on_change": BOOL,
    "DriftMonitor.repair": [
        (None, f"None, it must be {REPAIRS}"),
        ("ALWAYS", f"'ALWAYS', it must be {REPAIRS}"),
        (Repair, f"the class Repair, it must be {REPAIRS}"),
    ],
    **of("DriftMonitor.metric_drifted", METRIC_OPTIONS),
    **of("DriftMonitor.metric_not_compared", METRIC_OPTIONS),
    "DriftMonitor.alarm.construct_id": PLACE["construct_id"],
    "DriftMonitor.alarm.alarm_name": [(7, "7, it must be text such as 'cameras-drifted'")],
    "DriftMonitor.alarm.alarm_description": [(7, "7, it must be text such as 'Somebody has changed a camera'")],
    "DriftMonitor.on_drift.construct_id": PLACE["construct_id"],
    "DriftMonitor.on_drift.target": RULE_TARGET,
    "DriftMonitor.on_drift.description": [(7, "7, it must be text such as 'A camera was changed'")],
    "DriftMonitor.on_drift.rule_name": [(7, "7, it must be text such as 'cameras-drifted'")],
    "ConfigurationFunction.stack": [
        (None, "None, it must be a Stack, such as Stack.of(self)"),
        (
            lambda stack: VideoStream(stack, "One"),
            "the VideoStream 'Cameras/One', it must be a Stack, such as Stack.of(self)",
        ),
    ],
    "ConfigurationFunction.vpc": [
        ("vpc-1", "'vpc-1', it must be a VPC such as ec2.Vpc"),
        (ec2.Vpc, "the class Vpc, it must be a VPC such as ec2.Vpc"),
    ],
    "ConfigurationFunction.vpc_subnets": [({}, "a dict, it must be an ec2.SubnetSelection")],
    "ConfigurationFunction.security_groups": [
        ("sg-1", "'sg-1', it must be a list of security groups such as [ec2.SecurityGroup(...)]"),
        ([], "empty, pass one or more, or leave it out to define one"),
        (["sg-1"], "'sg-1', it must be a list of security groups such as ec2.SecurityGroup"),
    ],
    "ConfigurationFunction.role": [
        ("arn:aws:iam::1:role/r", "'arn:aws:iam::1:role/r', it must be a role such as iam.Role"),
        (
            lambda stack: iam.CfnRole(stack, "L1", assume_role_policy_document={}),
            "the CfnRole 'Cameras/L1', it must be a role such as iam.Role",
        ),
        (lambda stack: iam.User(stack, "User"), "the User 'Cameras/User', it must be a role such as iam.Role"),
    ],
    "ConfigurationFunction.log_group": [
        ("logs", "'logs', it must be a log group such as logs.LogGroup"),
        (
            lambda stack: logs.CfnLogGroup(stack, "L1"),
            "the CfnLogGroup 'Cameras/L1', it must be a log group such as logs.LogGroup",
        ),
        (logs.LogGroup, "the class LogGroup, it must be a log group such as logs.LogGroup"),
    ],
    "ConfigurationFunction.runtime": RUNTIME,
    "StreamFleet.runtime": RUNTIME,
    "ConfigurationFunction.reserved_concurrent_executions": [
        (0, "0, it must be a whole number from 1 to 2147483647"),
        ("5", "'5', it must be a whole number from 1 to 2147483647"),
    ],
}

# A question has an answer for any value.
TAKE_ANYTHING = {"ImageDelivery.supports.construct"}
NAMED_METRICS = [name for name in dir(VideoStream) if name.startswith("metric_")]


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [(parameter, value, said) for parameter, rows in WRONG.items() for value, said in rows],
    ids=[f"{parameter}-{number}" for parameter, rows in WRONG.items() for number, _ in enumerate(rows)],
)
def test_fails_on_a_wrong_value(parameter: str, value: Any, said: str) -> None:
    owner, _, name = parameter.rpartition(".")
    wrong = value(Stack(App(), "Cameras")) if inspect.isfunction(value) else value
    with fails_with(f"`{name}` is {said}"):
        call(owner, **{name: wrong})


@pytest.mark.parametrize("method", NAMED_METRICS)
def test_fails_on_a_wrong_option_of_a_named_metric(stream: VideoStream, method: str) -> None:
    with fails_with("`statistic` is 99, it must be text such as 'Average'"):
        getattr(stream, method)(statistic=99)


def test_fails_on_an_option_that_a_metric_does_not_have(stream: VideoStream) -> None:
    with pytest.raises(TypeError, match=r"^a metric has no prop `perod`$"):
        stream.metric("PutMedia.Requests", perod=Duration.minutes(1))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("prefix", "length"), [(DestinationPath("/" + "p" * 300), 319), ("p" * 300, 320)], ids=["path", "text"]
)
def test_fails_on_a_destination_that_is_too_long(stack: Stack, prefix: Any, length: int) -> None:
    with fails_with(
        f"`prefix` makes a destination of {length} characters, it must be at most 255 with the bucket's name, shorten "
        f"it by {length - 255}"
    ):
        ImageGeneration(stack, "Images", stream=stream_of(stack), bucket=bucket_of(stack), prefix=prefix)


def test_fails_on_the_quality_of_a_png() -> None:
    with fails_with("`quality` is 80 for a PNG, only a JPEG has one, leave it out"):
        ImageFormat("PNG", 80)


@pytest.mark.parametrize("construct", [None, "front-door", kinesisvideo.CfnStream], ids=["None", "text", "class"])
def test_a_mixin_supports_no_such_thing(stack: Stack, construct: Any) -> None:
    assert ImageDelivery(bucket=bucket_of(stack)).supports(construct) is False


def public_parameters() -> Iterator[str]:
    """Every parameter of the public methods of the exported classes, with its class and method."""
    for name in cdk_kinesis_video.__all__:
        cls = getattr(cdk_kinesis_video, name)
        for member in dir(cls):
            attribute = inspect.getattr_static(cls, member)
            function = getattr(attribute, "__func__", attribute)
            ours = inspect.isfunction(function) and function.__module__.startswith("cdk_kinesis_video")
            if ours and (member == "__init__" or not member.startswith("_")):
                owner = name if member == "__init__" else f"{name}.{member}"
                yield from (f"{owner}.{parameter}" for parameter in parameters_of(function))


def parameters_of(function: Callable[..., object]) -> Iterator[str]:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            options = str(parameter.annotation).removeprefix("Unpack[").removesuffix("]")
            yield from getattr(cdk_kinesis_video, options).__annotations__
        elif parameter.name != "self":
            yield parameter.name


def test_the_table_has_every_public_parameter() -> None:
    # An IVideoStream has the methods of VideoStream, and named metrics pass their options on.
    others = ("IVideoStream.", *(f"VideoStream.{method}." for method in NAMED_METRICS))
    assert {p for p in public_parameters() if not p.startswith(others)} == WRONG.keys() | TAKE_ANYTHING
