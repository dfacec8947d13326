"""The events and notifications of images, their number, and the alarm for missing ones."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Duration, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sqs as sqs

from cdk_kinesis_video import DestinationPath, ImageGeneration, VideoStream

from .conftest import ENVIRONMENT, fails_with, images_in
from .synthesis import only_resource, resources_of, template_of

NOTIFICATIONS = "Custom::S3BucketNotifications"


@pytest.fixture
def bucket(stack: Stack) -> s3.IBucket:
    return s3.Bucket(stack, "Bucket")


@pytest.fixture
def images(stack: Stack, stream: VideoStream, bucket: s3.IBucket) -> ImageGeneration:
    return images_in(stack, stream=stream, bucket=bucket, prefix="front-door")


def test_a_rule_fires_for_the_objects_under_the_prefix(stack: Stack, images: ImageGeneration) -> None:
    images.on_image_delivered("OnImage", target=targets.SqsQueue(sqs.Queue(stack, "Queue")), description="An image")
    template = template_of(stack)
    rule = only_resource(template, "AWS::Events::Rule")["Properties"]
    (bucket_id,) = resources_of(template, "AWS::S3::Bucket")
    assert rule["EventPattern"] == {
        "account": ["111122223333"],
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [{"Ref": bucket_id}]}, "object": {"key": [{"prefix": "front-door/"}]}},
    }
    assert rule["Description"] == "An image"
    assert len(rule["Targets"]) == 1


def test_a_rule_tells_streams_apart_whose_destinations_begin_alike() -> None:
    stack = Stack(App(), "AnyAccount")
    stream = VideoStream.from_stream_name(stack, "Stream", "cam-1")
    images_in(stack, stream=stream, prefix=DestinationPath("/site\\cam-1")).on_image_delivered("OnImage")
    pattern = only_resource(template_of(stack), "AWS::Events::Rule")["Properties"]["EventPattern"]
    assert pattern["detail"]["object"]["key"] == [
        {"wildcard": {"Fn::Join": ["", ["site\\\\cam-1*", {"Ref": "AWS::AccountId"}, "_cam-1_*"]]}}
    ]


def test_what_must_be_switched_on_in_the_bucket_is_switched_on_once(stack: Stack, images: ImageGeneration) -> None:
    images.on_image_delivered("One")
    images.on_image_delivered("Two")
    resource = only_resource(template_of(stack), NOTIFICATIONS)["Properties"]
    assert resource["NotificationConfiguration"] == {"EventBridgeConfiguration": {}}
    assert resource["Managed"] is True


def test_an_imported_bucket_keeps_its_other_notifications(stack: Stack) -> None:
    images_in(stack).on_image_delivered("OnImage")
    template = template_of(stack)
    assert only_resource(template, NOTIFICATIONS)["Properties"]["Managed"] is False
    pattern = only_resource(template, "AWS::Events::Rule")["Properties"]["EventPattern"]
    assert pattern["detail"] == {"bucket": {"name": ["camera-images"]}}


def test_a_rule_may_match_less_and_lie_elsewhere(stack: Stack, images: ImageGeneration) -> None:
    app = stack.node.root
    assert isinstance(app, App)
    other = Stack(app, "Other", env=ENVIRONMENT)
    images.on_image_delivered(
        "OnImage",
        rule_name="big-images",
        event_pattern=events.EventPattern(detail={"object": {"size": [{"numeric": [">", 100_000]}]}}),
        cross_stack_scope=other,
    )
    rule = only_resource(template_of(other), "AWS::Events::Rule")["Properties"]
    assert rule["Name"] == "big-images"
    assert rule["EventPattern"]["detail"]["object"] == {
        "key": [{"prefix": "front-door/"}],
        "size": [{"numeric": [">", 100_000]}],
    }
    # The rule doesn't match all images, so it doesn't count them.
    with pytest.raises(ValueError, match="nothing counts the images"):
        images.metric_images_delivered()


@pytest.mark.parametrize(
    ("prefix", "suffix", "rules"),
    [
        ("front-door", None, [{"Name": "prefix", "Value": "front-door/"}]),
        ("a b/ä&?", None, [{"Name": "prefix", "Value": "a+b/%C3%A4%26%3F/"}]),
        ("front-door", ".jpg", [{"Name": "suffix", "Value": ".jpg"}, {"Name": "prefix", "Value": "front-door/"}]),
        (None, ".jpg", [{"Name": "suffix", "Value": ".jpg"}]),
        (None, None, None),
    ],
)
def test_the_buckets_own_notifications(
    stack: Stack, bucket: s3.IBucket, prefix: str | None, suffix: str | None, rules: Any
) -> None:
    images = images_in(stack, bucket=bucket, prefix=prefix)
    images.add_image_notification(notifications.SqsDestination(sqs.Queue(stack, "Queue")), suffix=suffix)
    configuration = only_resource(template_of(stack), NOTIFICATIONS)["Properties"]["NotificationConfiguration"]
    (queue,) = configuration["QueueConfigurations"]
    assert queue["Events"] == ["s3:ObjectCreated:*"]
    assert queue.get("Filter") == (None if rules is None else {"Key": {"FilterRules": rules}})


def metric_in(stack: Stack, metric: cloudwatch.Metric) -> dict[str, Any]:
    """The properties of an alarm for the metric."""
    cloudwatch.Alarm(stack, "Alarm", metric=metric, threshold=1, evaluation_periods=1)
    properties: dict[str, Any] = only_resource(template_of(stack), "AWS::CloudWatch::Alarm")["Properties"]
    return properties


def test_the_rule_counts_the_images(stack: Stack, images: ImageGeneration) -> None:
    images.on_image_delivered("OnImage")
    properties = metric_in(stack, images.metric_images_delivered())
    (rule_id,) = resources_of(template_of(stack), "AWS::Events::Rule")
    assert (properties["Namespace"], properties["MetricName"]) == ("AWS/Events", "TriggeredRules")
    assert properties["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": rule_id}}]
    assert (properties["Statistic"], properties["Period"]) == ("Sum", 300)
    assert "MetricsConfigurations" not in only_resource(template_of(stack), "AWS::S3::Bucket").get("Properties", {})


def test_request_metrics_count_the_images_if_they_are_asked_for(stack: Stack, images: ImageGeneration) -> None:
    images.count_by_request_metrics()
    properties = metric_in(stack, images.metric_images_delivered(statistic="SampleCount", period=Duration.minutes(1)))
    assert (properties["Namespace"], properties["MetricName"]) == ("AWS/S3", "PutRequests")
    assert (properties["Statistic"], properties["Period"]) == ("SampleCount", 60)
    (bucket,) = resources_of(template_of(stack), "AWS::S3::Bucket").values()
    (of_bucket,) = bucket["Properties"]["MetricsConfigurations"]
    assert of_bucket["Prefix"] == "front-door/"
    assert {"Name": "FilterId", "Value": of_bucket["Id"]} in properties["Dimensions"]


def test_an_imported_bucket_brings_its_own_filter(stack: Stack) -> None:
    images = images_in(stack)
    with fails_with(
        "`filter_id` is None and `bucket` is imported, pass the id of a request metrics filter that the bucket has for "
        "'all its objects'"
    ):
        images.count_by_request_metrics()
    images.count_by_request_metrics(filter_id="EntireBucket")
    assert metric_in(stack, images.metric_images_delivered())["Dimensions"] == [
        {"Name": "BucketName", "Value": "camera-images"},
        {"Name": "FilterId", "Value": "EntireBucket"},
    ]


def test_nothing_is_counted_that_nobody_asked_for(stack: Stack, images: ImageGeneration) -> None:
    with fails_with(
        "nothing counts the images of 'Cameras/Images', call on_image_delivered() without `event_pattern` or "
        "count_by_request_metrics() first, each of which has a cost"
    ):
        images.metric_images_delivered()
    assert "Properties" not in only_resource(template_of(stack), "AWS::S3::Bucket")


def test_the_alarm_is_for_fragments_without_images(stack: Stack, images: ImageGeneration) -> None:
    images.on_image_delivered("OnImage")
    images.alarm_on_missing_images("Missing", period=Duration.minutes(1), evaluation_periods=2, alarm_name="missing")
    alarm = only_resource(template_of(stack), "AWS::CloudWatch::Alarm")["Properties"]
    expression, fragments, delivered = alarm["Metrics"]
    assert expression["Expression"] == "IF(fragments > 0 AND FILL(images, 0) == 0, 1, 0)"
    assert fragments["MetricStat"]["Metric"]["MetricName"] == "PutMedia.IncomingFragments"
    assert delivered["MetricStat"]["Metric"]["MetricName"] == "TriggeredRules"
    assert {m["MetricStat"]["Period"] for m in (fragments, delivered)} == {60}
    assert {m["MetricStat"]["Stat"] for m in (fragments, delivered)} == {"Sum"}
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["EvaluationPeriods"] == 2
    assert alarm["AlarmName"] == "missing"


def test_the_alarm_waits_a_quarter_of_an_hour_by_default(stack: Stack, images: ImageGeneration) -> None:
    images.count_by_request_metrics()
    images.alarm_on_missing_images("Missing")
    alarm = only_resource(template_of(stack), "AWS::CloudWatch::Alarm")["Properties"]
    assert alarm["EvaluationPeriods"] * alarm["Metrics"][1]["MetricStat"]["Period"] == 15 * 60
    assert "AWS_KINESISVIDEO_IMAGE_GENERATION" in alarm["AlarmDescription"]


@pytest.mark.parametrize(
    ("interval", "enabled", "images_per_day"),
    [
        (Duration.seconds(3), True, 28_800),
        (Duration.millis(200), True, 432_000),
        # The first image of the day counts, too.
        (Duration.millis(50_000_001), True, 2),
        (Duration.days(2), True, 1),
        (Duration.seconds(3), False, 0),
        (Duration.millis(Token.as_number({"Ref": "Millis"})), True, None),
    ],
)
def test_the_most_images_of_a_day(stack: Stack, interval: Duration, enabled: bool, images_per_day: int | None) -> None:
    assert images_in(stack, sampling_interval=interval, enabled=enabled).images_per_day == images_per_day


def test_the_destination_is_at_hand_for_what_is_not_here(images: ImageGeneration, bucket: s3.IBucket) -> None:
    assert images.bucket is bucket
    assert images.prefix == "front-door/"
