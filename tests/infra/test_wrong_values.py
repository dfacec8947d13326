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
    Repair,
    VideoStream,
)

from .conftest import STREAM_ARN, bucket_in, fails_with, images_in, public_functions, role_in


def stream_of(stack: Stack) -> VideoStream:
    return VideoStream(stack, "Stream")


# What each class or method needs besides the value of the table: a value, or a function that makes it in the stack.
A_ROLE = {"grantee": role_in}
TOPIC_OF_STACK = {"topic": lambda stack: sns.Topic(stack, "Topic")}
DESTINATION = {"destination": lambda stack: notifications.SqsDestination(sqs.Queue(stack, "Queue"))}
ALARM = {"alarm": lambda stack: cloudwatch.Alarm.from_alarm_name(stack, "Alarm", "missing")}
NEEDED: dict[str, dict[str, Any]] = {
    "ConfigurationFunction": {"stack": lambda stack: stack},
    "VideoStream.from_stream_arn": {"stream_arn": STREAM_ARN},
    "VideoStream.from_stream_name": {"stream_name": "front-door"},
    "VideoStream.grant": A_ROLE,
    "VideoStream.grant_put_media": A_ROLE,
    "VideoStream.metric": {"metric_name": "PutMedia.Requests"},
    "ImageGeneration": {"stream": stream_of, "bucket": bucket_in},
    "ImageGeneration.grant_put_media": A_ROLE,
    "ImageGeneration.on_image_delivered": {"construct_id": "OnImage"},
    "ImageGeneration.add_image_notification": DESTINATION,
    "ImageGeneration.alarm_on_missing_images": {"construct_id": "Missing"},
    "ImageGeneration.diagnose_on": {"construct_id": "Diagnosis", **ALARM, **TOPIC_OF_STACK},
    "ImageDelivery": {"bucket": bucket_in},
    "ImageFormat": {"name": "JPEG"},
    "FragmentNotification": {"stream": stream_of, **TOPIC_OF_STACK},
    "FragmentNotification.grant_put_media": A_ROLE,
    "StreamDashboard": {"streams": lambda stack: [stream_of(stack)]},
    "StreamFleet": {"name_prefix": "cam-", "bucket": bucket_in},
    "StreamFleet.grant_put_media": A_ROLE,
    "StreamFleet.metric": {"metric_name": "StreamsSet"},
    "DriftMonitor.alarm": {"construct_id": "Drifted"},
    "DriftMonitor.on_drift": {"construct_id": "OnDrift"},
}


# One object of a class serves all values, since a call that fails defines nothing.
@cache
def object_of(name: str) -> Any:
    if name == "ImageGeneration":
        images = images_in(Stack(App(), "Cameras"))
        images.count_by_request_metrics(filter_id="images")
        return images
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
Row = tuple[Any, str]
Rows = dict[str, list[Row]]


def must_be(allowed: str, *values: Any) -> list[Row]:
    """Rows for values that must be something else; a pair is a value, or that function, and its description."""

    def row(value: Any) -> Row:
        if isinstance(value, tuple):
            wrong, described = value
        else:
            wrong, described = value, f"the class {value.__name__}" if inspect.isclass(value) else repr(value)
        return wrong, f"{described}, it must be {allowed}"

    return [row(value) for value in values]


def of(owner: str, rows: Rows) -> Rows:
    return {f"{owner}.{parameter}": wrong for parameter, wrong in rows.items()}


PLACE: Rows = {
    "scope": must_be("a construct such as the stack", None, Stack),
    "construct_id": must_be("text such as 'Id'", None, "", 7),
}
L1_ROLE = (lambda stack: iam.CfnRole(stack, "L1", assume_role_policy_document={}), "the CfnRole 'Cameras/L1'")
FUNCTION_ARN = "arn:aws:lambda:us-east-1:111122223333:function:look"
GRANTEE = [
    *must_be("a role, a user or another grantee such as iam.Role", None, "arn:aws:iam::1:role/r", L1_ROLE, iam.Role),
    (
        lambda stack: lambda_.Function.from_function_arn(stack, "Imported", FUNCTION_ARN),
        "the FunctionBase 'Cameras/Imported', which is imported without its role, pass the role itself",
    ),
]
ROLE = must_be("a role such as iam.Role", "arn:aws:iam::1:role/r", L1_ROLE)
BOOL = must_be("True or False", "yes", None, 1)
FLEET_METRICS = (
    "StreamsSet, StreamsRemoved, StreamsEqual, StreamsFailed, StreamsForeign, StreamsWithoutRetention, "
    "PassesFailed, Failures, SignsOfLife, NewStreamsSet, NewStreamsFailed or NewStreamsUnreadable"
)
REMOVAL = must_be(
    "RemovalPolicy.DESTROY, RemovalPolicy.RETAIN or RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE",
    None,
    "retain",
    (RemovalPolicy.SNAPSHOT, "RemovalPolicy.SNAPSHOT"),
)
KEY = must_be(
    "a key such as kms.Key",
    "alias/cameras",
    (lambda stack: kms.CfnKey(stack, "L1", key_policy={}), "the CfnKey 'Cameras/L1'"),
    kms.Key,
)
DATA_STREAM_ARN = "arn:aws:kinesis:us-east-1:111122223333:stream/d"
STREAM = [
    *must_be("a VideoStream or a CfnStream", None, "front-door", VideoStream),
    *must_be(
        "a Kinesis video stream: a VideoStream or a CfnStream of aws_kinesisvideo",
        *(
            (make, "the Kinesis data stream 'Cameras/Data'")
            for make in (
                lambda stack: kinesis.Stream(stack, "Data"),
                lambda stack: kinesis.CfnStream(stack, "Data"),
                lambda stack: kinesis.Stream.from_stream_arn(stack, "Data", DATA_STREAM_ARN),
            )
        ),
    ),
]
BUCKET = [
    *must_be("a bucket such as s3.Bucket", None, "camera-images", s3.Bucket),
    *must_be(
        "a bucket such as s3.Bucket, use s3.Bucket.from_cfn_bucket()",
        (lambda stack: s3.CfnBucket(stack, "L1"), "the CfnBucket 'Cameras/L1'"),
    ),
]
TOPIC = must_be(
    "a topic such as sns.Topic",
    (bucket_in, "the BucketBase 'Cameras/Bucket'"),
    (lambda stack: iam.Role.from_role_name(stack, "Imported", "camera"), "the construct 'Cameras/Imported'"),
    "fragments",
    sns.Topic,
    (lambda stack: sns.CfnTopic(stack, "L1"), "the CfnTopic 'Cameras/L1'"),
)
STREAM_NAME = [
    *must_be("text such as 'front-door'", 7),
    *must_be("1 to 256 characters of a-z A-Z 0-9 _ . -", "front door", "front/door", "", "n" * 257),
]
STREAM_NAMES = [
    *must_be("text such as 'front-door'", ([7], "7")),
    *must_be("1 to 256 characters of a-z A-Z 0-9 _ . -", (["front door"], "'front door'")),
]
PERIOD = [
    *must_be("a Duration such as Duration.minutes(5)", 300),
    *must_be(
        "1, 5, 10 or 30 seconds or a multiple of 60 seconds, such as Duration.minutes(5)",
        (Duration.seconds(90), "90 seconds"),
    ),
]
RUNTIME = must_be(
    "Python 3.11 or later such as Runtime.PYTHON_3_14",
    "python3.14",
    (lambda_.Runtime.PYTHON_3_10, "python3.10"),
    (lambda_.Runtime.NODEJS_22_X, "nodejs22.x"),
)
METRIC_OPTIONS: Rows = {
    "statistic": must_be("text such as 'Average'", 99),
    "period": PERIOD,
    "label": must_be("text such as 'front door'", 7),
    "color": must_be("text such as '#1f77b4'", 7),
    "unit": must_be("one of cloudwatch.Unit such as Unit.COUNT", "Count"),
    "account": must_be("text such as '111122223333'", 111122223333),
    "region": must_be("text such as 'eu-west-1'", True),
}
RULE_TARGET = must_be(
    "one of aws_cdk.aws_events_targets such as LambdaFunction(function)",
    (lambda stack: sqs.Queue(stack, "Queue"), "the Queue 'Cameras/Queue'"),
    (lambda stack: notifications.SqsDestination(sqs.Queue(stack, "Queue")), "a SqsDestination"),
    targets.SqsQueue,
)
PREFIX = [
    *must_be("text such as 'front-door/'", 7),
    ("a//b", "'a//b', it must not contain empty folders, remove one of the slashes"),
]
IMAGE_OPTIONS: Rows = {
    "sampling_interval": [
        *must_be("a Duration such as Duration.seconds(3)", 500),
        *must_be("200 to 2147483647 ms", (Duration.millis(199), "199 ms"), (Duration.days(25), "2160000000 ms")),
        *must_be(
            "a whole number of milliseconds such as Duration.millis(200)",
            (Duration.millis(200.5), "200.5 milliseconds"),
        ),
    ],
    "format": must_be("ImageFormat.jpeg() or ImageFormat.png()", "JPEG", ImageFormat),
    "width_pixels": must_be("a whole number from 1 to 3840", 0, 3841, 10**400, True, "640", ([640], "a list")),
    "height_pixels": must_be("a whole number from 1 to 2160", 0, 2161, 36.5),
    "image_selector_type": must_be(
        "ImageSelectorType.PRODUCER_TIMESTAMP or ImageSelectorType.SERVER_TIMESTAMP", "PRODUCER_TIMESTAMP"
    ),
    "enabled": BOOL,
    "removal_policy": REMOVAL,
    "revision": must_be("text such as '2026-11-21'", 2),
}
GRANT_PUT_MEDIA: Rows = {"grantee": GRANTEE, "by_thing_name": BOOL, "tag_stream": BOOL}


def schedule(allowed: str, example: str, *wrong: tuple[Duration, str]) -> list[Row]:
    return [
        *must_be(f"a Duration such as {example}", 6),
        *must_be(
            f"known at synth, such as {example}",
            (lambda stack: Duration.hours(Token.as_number({"Ref": "Hours"})), "a token"),
        ),
        *must_be(
            f"a whole number of minutes, {allowed}, such as {example}",
            (Duration.seconds(90), "1.5 minutes"),
            (Duration.minutes(0), "0 minutes"),
            *wrong,
        ),
    ]


WRONG: Rows = {
    **of("VideoStream", PLACE),
    "VideoStream.stream_name": STREAM_NAME,
    "VideoStream.data_retention": [
        *must_be("a Duration such as Duration.days(1)", 24),
        *must_be("a whole number of hours such as Duration.hours(24)", (Duration.minutes(90), "1.5 hours")),
        *must_be(
            "1 to 87600 hours, as a stream that keeps no data delivers no images",
            *((Duration.hours(hours), f"{hours} hours") for hours in (0, 87601)),
        ),
    ],
    "VideoStream.encryption_key": KEY,
    "VideoStream.media_type": must_be("1 to 128 characters of types such as video/h264", "h264", 264),
    "VideoStream.storage_tier": must_be("StorageTier.HOT or StorageTier.WARM", "WARM"),
    "VideoStream.removal_policy": REMOVAL,
    **of("VideoStream.from_stream_arn", PLACE),
    "VideoStream.from_stream_arn.stream_arn": must_be(
        "the ARN of a Kinesis video stream such as "
        "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1690707290324",
        None,
        7,
        "front-door",
        "arn:aws:kinesis:us-east-1:111122223333:stream/front-door",
        "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door",
        "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1690707290324",
    ),
    "VideoStream.from_stream_arn.encryption_key": KEY,
    **of("VideoStream.from_stream_name", PLACE),
    "VideoStream.from_stream_name.stream_name": [
        *must_be("text such as 'front-door'", None),
        *STREAM_NAME,
        *must_be("1 to 256 characters of a-z A-Z 0-9 _ . -", STREAM_ARN),
    ],
    "VideoStream.from_stream_name.encryption_key": KEY,
    "VideoStream.grant.grantee": GRANTEE[1:],
    "VideoStream.grant.actions": [
        (None, "empty, it must be one action or more such as 'kinesisvideo:TagStream'"),
        *must_be(
            "an action such as 'kinesisvideo:TagStream'",
            (["kinesisvideo:TagStream"], "a list"),
            "TagStream",
            "s3:PutObject",
        ),
    ],
    "VideoStream.grant_put_media.grantee": GRANTEE,
    "VideoStream.grant_put_media.tag_stream": BOOL,
    "VideoStream.grant_read.grantee": GRANTEE,
    "VideoStream.metric.metric_name": must_be("text such as 'PutMedia.Success'", None, ""),
    **of("VideoStream.metric", METRIC_OPTIONS),
    "DestinationPath.path": must_be(
        "empty, or text that begins with a slash and has no *, such as '/front-door'",
        *(None, 7, "front-door", "s3://camera-images/front-door", "/cam-*"),
    ),
    **of("ImageGeneration", PLACE),
    "ImageGeneration.stream": STREAM,
    "ImageGeneration.bucket": BUCKET,
    "ImageGeneration.prefix": [
        *must_be("text such as 'front-door/'", 7),
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
    **of("ImageGeneration.grant_put_media", GRANT_PUT_MEDIA),
    "ImageGeneration.grant_read_images.grantee": GRANTEE,
    "ImageGeneration.on_image_delivered.construct_id": PLACE["construct_id"],
    "ImageGeneration.on_image_delivered.target": RULE_TARGET,
    "ImageGeneration.on_image_delivered.description": must_be("text such as 'An image of the front door'", 7),
    "ImageGeneration.on_image_delivered.rule_name": must_be("text such as 'front-door-images'", 7),
    "ImageGeneration.on_image_delivered.event_pattern": must_be("an events.EventPattern", ({}, "a dict")),
    "ImageGeneration.on_image_delivered.cross_stack_scope": must_be("a construct such as the target's stack", "Other"),
    "ImageGeneration.add_image_notification.destination": must_be(
        "one of aws_cdk.aws_s3_notifications such as LambdaDestination(function)",
        None,
        (lambda stack: targets.SqsQueue(sqs.Queue(stack, "Other")), "a SqsQueue"),
    ),
    "ImageGeneration.add_image_notification.suffix": must_be("text such as '.jpg'", 7),
    "ImageGeneration.count_by_request_metrics.filter_id": must_be(
        "1 to 64 characters of a-z A-Z 0-9 _ . -", "all images"
    ),
    **of("ImageGeneration.metric_images_delivered", METRIC_OPTIONS),
    "ImageGeneration.metric_images_missing.period": PERIOD,
    "ImageGeneration.metric_images_missing.label": must_be("text such as 'images missing'", 7),
    "ImageGeneration.alarm_on_missing_images.construct_id": PLACE["construct_id"],
    "ImageGeneration.alarm_on_missing_images.period": PERIOD,
    "ImageGeneration.alarm_on_missing_images.evaluation_periods": must_be("a whole number from 1 to 2016", 0),
    "ImageGeneration.alarm_on_missing_images.alarm_name": must_be("text such as 'images-missing'", 7),
    "ImageGeneration.alarm_on_missing_images.alarm_description": must_be(
        "text such as 'No images from the front door'", 7
    ),
    "ImageGeneration.diagnose_on.construct_id": PLACE["construct_id"],
    "ImageGeneration.diagnose_on.alarm": must_be(
        "an alarm such as cloudwatch.Alarm",
        "missing",
        (
            lambda stack: cloudwatch.CfnAlarm(stack, "L1", comparison_operator="Any", evaluation_periods=1),
            "the CfnAlarm 'Cameras/L1'",
        ),
    ),
    # The first one would define a second bucket with the id of the images' bucket.
    "ImageGeneration.diagnose_on.topic": TOPIC[1:],
    "ImageGeneration.diagnose_on.producer": ROLE[:1],
    "ImageDelivery.bucket": BUCKET,
    "ImageDelivery.prefix": [
        *PREFIX,
        *must_be("text such as 'front-door/'", (DestinationPath("/yard"), "a DestinationPath")),
    ],
    "ImageDelivery.hex_prefix": BOOL,
    "ImageDelivery.producer": GRANTEE[1:],
    "ImageDelivery.by_thing_name": BOOL,
    "ImageDelivery.tag_stream": BOOL,
    "ImageDelivery.adopt_existing": [
        *must_be("a list of stream names such as ['front-door']", True, "front-door"),
        *STREAM_NAMES,
    ],
    **of("ImageDelivery", IMAGE_OPTIONS),
    "ImageDelivery.apply_to.construct": must_be("a CfnStream", (lambda stack: stack, "the Stack 'Cameras'"), None),
    "ImageFormat.name": must_be("'JPEG' or 'PNG'", "GIF", None),
    "ImageFormat.quality": must_be("a whole number from 1 to 100", 101),
    "ImageFormat.jpeg.quality": must_be("a whole number from 1 to 100", 0, 101, "80"),
    **of("FragmentNotification", PLACE),
    "FragmentNotification.stream": STREAM,
    "FragmentNotification.topic": TOPIC,
    "FragmentNotification.enabled": BOOL,
    "FragmentNotification.removal_policy": REMOVAL,
    "FragmentNotification.adopt_existing": BOOL,
    "FragmentNotification.revision": IMAGE_OPTIONS["revision"],
    **of("FragmentNotification.grant_put_media", GRANT_PUT_MEDIA),
    **of("StreamDashboard", PLACE),
    "StreamDashboard.streams": [
        *must_be(
            "a list of streams such as VideoStream",
            None,
            (lambda stack: VideoStream(stack, "One"), "the VideoStream 'Cameras/One'"),
            "front-door",
        ),
        ([], "empty, pass at least one stream"),
        *must_be("a VideoStream or a CfnStream", (["front-door"], "'front-door'")),
    ],
    "StreamDashboard.images": must_be("a list of ImageGenerations", None, ([None], "None")),
    "StreamDashboard.dashboard_name": must_be("1 to 255 characters of a-z A-Z 0-9 _ -", "my board"),
    "StreamDashboard.period": PERIOD,
    **of("ImagesLayer", PLACE),
    **of("StreamFleet", PLACE),
    "StreamFleet.name_prefix": [
        *must_be("text that is known at synth such as 'cam-'", None, 7),
        *must_be("1 to 256 characters of a-z A-Z 0-9 _ . -", "", "cam/"),
    ],
    "StreamFleet.bucket": BUCKET,
    "StreamFleet.prefix": [
        *PREFIX,
        *(
            (
                wrong,
                f"{wrong!r}, it must have no placeholder but '{{stream_name}}', use that or take the braces out",
            )
            for wrong in ("{name}/", "${stream_name}/", "{stream_name/", "stream_name}/")
        ),
    ],
    "StreamFleet.every": schedule("at least 1", "Duration.hours(6)"),
    "StreamFleet.on_create": BOOL,
    "StreamFleet.calls_per_second": [
        *must_be("a whole number that is known at synth such as 45", None),
        *must_be("a whole number from 2 to 50", 1, 51, "45", True),
    ],
    "StreamFleet.exclude": [
        *must_be("a list of stream names such as ['cam-7']", None, "cam-7"),
        *STREAM_NAMES,
    ],
    "StreamFleet.adopt_existing": BOOL,
    **of("StreamFleet", IMAGE_OPTIONS),
    **of("StreamFleet.grant_put_media", GRANT_PUT_MEDIA),
    "StreamFleet.metric.metric_name": must_be(FLEET_METRICS, None, "StreamsDone"),
    **of("StreamFleet.metric", METRIC_OPTIONS),
    **of("StreamFleet.metric_failed", METRIC_OPTIONS),
    "StreamFleet.alarm.construct_id": PLACE["construct_id"],
    "StreamFleet.dashboard.construct_id": PLACE["construct_id"],
    "StreamFleet.runtime": RUNTIME,
    **of("DriftMonitor", PLACE),
    "DriftMonitor.images": [
        *must_be(
            "a list of ImageGenerations and FragmentNotifications",
            "front-door",
            (images_in, "the ImageGeneration 'Cameras/Images'"),
            ([None], "None"),
            (lambda stack: [VideoStream(stack, "Stream")], "the VideoStream 'Cameras/Stream'"),
        ),
        ([], "empty, pass at least one ImageGeneration, or None for all of the stack"),
    ],
    "DriftMonitor.every": schedule("from 1 to 1440", "Duration.hours(1)", (Duration.minutes(1441), "1441 minutes")),
    "DriftMonitor.on_change": BOOL,
    "DriftMonitor.repair": must_be("Repair.NONE, Repair.MISSING or Repair.ALWAYS", None, "ALWAYS", Repair),
    **of("DriftMonitor.metric_drifted", METRIC_OPTIONS),
    **of("DriftMonitor.metric_not_compared", METRIC_OPTIONS),
    "DriftMonitor.alarm.construct_id": PLACE["construct_id"],
    "DriftMonitor.alarm.alarm_name": must_be("text such as 'cameras-drifted'", 7),
    "DriftMonitor.alarm.alarm_description": must_be("text such as 'Somebody has changed a camera'", 7),
    "DriftMonitor.on_drift.construct_id": PLACE["construct_id"],
    "DriftMonitor.on_drift.target": RULE_TARGET,
    "DriftMonitor.on_drift.description": must_be("text such as 'A camera was changed'", 7),
    "DriftMonitor.on_drift.rule_name": must_be("text such as 'cameras-drifted'", 7),
    "ConfigurationFunction.stack": must_be(
        "a Stack, such as Stack.of(self)",
        None,
        (lambda stack: VideoStream(stack, "One"), "the VideoStream 'Cameras/One'"),
    ),
    "ConfigurationFunction.vpc": must_be("a VPC such as ec2.Vpc", "vpc-1", ec2.Vpc),
    "ConfigurationFunction.vpc_subnets": must_be("an ec2.SubnetSelection", ({}, "a dict")),
    "ConfigurationFunction.security_groups": [
        *must_be("a list of security groups such as [ec2.SecurityGroup(...)]", "sg-1"),
        ([], "empty, pass one or more, or leave it out to define one"),
        *must_be("a list of security groups such as ec2.SecurityGroup", (["sg-1"], "'sg-1'")),
    ],
    "ConfigurationFunction.role": [
        *ROLE,
        *must_be("a role such as iam.Role", (lambda stack: iam.User(stack, "User"), "the User 'Cameras/User'")),
    ],
    "ConfigurationFunction.log_group": must_be(
        "a log group such as logs.LogGroup",
        "logs",
        (lambda stack: logs.CfnLogGroup(stack, "L1"), "the CfnLogGroup 'Cameras/L1'"),
        logs.LogGroup,
    ),
    "ConfigurationFunction.runtime": RUNTIME,
    "ConfigurationFunction.reserved_concurrent_executions": must_be("a whole number from 1 to 2147483647", 0, "5"),
}

# A question has an answer for any value.
TAKE_ANYTHING = {"ImageDelivery.supports.construct"}


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
        images_in(stack, prefix=prefix)


def test_fails_on_the_quality_of_a_png() -> None:
    with fails_with("`quality` is 80 for a PNG, only a JPEG has one, leave it out"):
        ImageFormat("PNG", 80)


@pytest.mark.parametrize("construct", [None, "front-door", kinesisvideo.CfnStream], ids=["None", "text", "class"])
def test_a_mixin_supports_no_such_thing(stack: Stack, construct: Any) -> None:
    assert ImageDelivery(bucket=bucket_in(stack)).supports(construct) is False


def parameters_of(function: Callable[..., object]) -> Iterator[str]:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            options = str(parameter.annotation).removeprefix("Unpack[").removesuffix("]")
            yield from getattr(cdk_kinesis_video, options).__annotations__
        elif parameter.name != "self":
            yield parameter.name


def test_the_table_has_every_public_parameter() -> None:
    # An IVideoStream has the methods of VideoStream, and test_metrics.py has the named metrics.
    others = ("IVideoStream", "VideoStream.metric_")
    functions = {owner: function for owner, function in public_functions() if not owner.startswith(others)}
    parameters = {f"{owner}.{name}" for owner, function in functions.items() for name in parameters_of(function)}
    assert parameters == WRONG.keys() | TAKE_ANYTHING
