"""The metrics of a stream and their dashboard."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import StreamDashboard, VideoStream
from cdk_kinesis_video.stream_metrics import StreamMetrics
from tests.templates import resolve

from .conftest import STREAM_ARN, fails_with, images_in
from .synthesis import only_resource, template_of

# The statistic that the monitoring page describes: counts are summed, times and values of 0 or 1 are averaged.
NAMED = {
    "metric_put_media_requests": ("PutMedia.Requests", "Sum"),
    "metric_put_media_incoming_bytes": ("PutMedia.IncomingBytes", "Sum"),
    "metric_put_media_incoming_fragments": ("PutMedia.IncomingFragments", "Sum"),
    "metric_put_media_incoming_frames": ("PutMedia.IncomingFrames", "Sum"),
    "metric_put_media_active_connections": ("PutMedia.ActiveConnections", "Maximum"),
    "metric_put_media_connection_errors": ("PutMedia.ConnectionErrors", "Sum"),
    "metric_put_media_error_ack_count": ("PutMedia.ErrorAckCount", "Sum"),
    "metric_put_media_success": ("PutMedia.Success", "Average"),
    "metric_put_media_fragment_ingestion_latency": ("PutMedia.FragmentIngestionLatency", "Average"),
    "metric_put_media_fragment_persist_latency": ("PutMedia.FragmentPersistLatency", "Average"),
    "metric_get_media_requests": ("GetMedia.Requests", "Sum"),
    "metric_get_media_outgoing_bytes": ("GetMedia.OutgoingBytes", "Sum"),
    "metric_get_media_success": ("GetMedia.Success", "Average"),
    "metric_get_media_millis_behind_now": ("GetMedia.MillisBehindNow", "Average"),
}


@pytest.fixture
def stream(stack: Stack) -> Any:
    return VideoStream.from_stream_arn(stack, "Stream", STREAM_ARN)


def test_every_named_metric_is_in_the_table() -> None:
    assert {name for name in vars(StreamMetrics) if name.startswith("metric_")} == NAMED.keys()


@pytest.mark.parametrize("method", NAMED)
def test_a_named_metric_has_its_own_statistic_and_no_unit(stream: Any, method: str) -> None:
    metric = getattr(stream, method)()
    assert (metric.namespace, metric.metric_name) == ("AWS/KinesisVideo", NAMED[method][0])
    assert metric.statistic == NAMED[method][1]
    assert metric.dimensions == {"StreamName": "front-door"}
    assert metric.period.to_minutes() == 5
    # A unit would be a filter, see stream_metrics.
    assert metric.unit is None
    with fails_with("`statistic` is 99, it must be text such as 'Average'"):
        getattr(stream, method)(statistic=99)


def test_any_metric_can_be_had_by_its_name(stream: Any) -> None:
    averages = [stream.metric(name).statistic for name in ("GetClip.Success", "ListFragments.Latency")]
    assert averages == ["Average", "Average"]
    assert stream.metric("ArchivedFragmentsConsumed.Media").statistic == "Sum"


def test_the_callers_options_come_first(stream: Any) -> None:
    metric = stream.metric_put_media_success(
        statistic="Minimum", period=Duration.minutes(1), label="success", unit=cloudwatch.Unit.COUNT
    )
    assert (metric.statistic, metric.label, metric.unit) == ("Minimum", "success", cloudwatch.Unit.COUNT)
    assert metric.period.to_minutes() == 1


def test_a_stream_of_the_app_is_known_to_cloudwatch_by_its_name(stack: Stack) -> None:
    metric = VideoStream(stack, "Own").metric_put_media_requests()
    cloudwatch.Alarm(stack, "Alarm", metric=metric, threshold=1, evaluation_periods=1)
    (dimension,) = only_resource(template_of(stack), "AWS::CloudWatch::Alarm")["Properties"]["Dimensions"]
    assert dimension["Name"] == "StreamName"
    assert dimension["Value"]["Ref"].startswith("Own")


def test_a_stream_that_is_elsewhere_has_its_metrics_there(stack: Stack) -> None:
    arn = STREAM_ARN.replace("eu-west-1", "us-east-1").replace("111122223333", "444455556666")
    metric = VideoStream.from_stream_arn(stack, "Elsewhere", arn).metric_put_media_requests()
    assert (metric.region, metric.account) == ("us-east-1", "444455556666")
    here = VideoStream.from_stream_arn(stack, "Here", STREAM_ARN).metric_put_media_requests()
    assert (here.region, here.account) == (None, None)


def widgets_of(stack: Stack) -> list[dict[str, Any]]:
    body = only_resource(template_of(stack), "AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"]
    return [widget["properties"] for widget in json.loads(resolve(body, lambda *_: "token", {}))["widgets"]]


def test_a_dashboard_has_a_line_for_each_stream_in_each_graph(stack: Stack) -> None:
    streams = [VideoStream.from_stream_name(stack, name, name) for name in ("front-door", "back-door", "lobby")]
    StreamDashboard(stack, "Dashboard", streams=streams, dashboard_name="cameras", period=Duration.minutes(1))
    widgets = widgets_of(stack)
    assert [len(widget["metrics"]) for widget in widgets] == [3, 3, 3, 6, 3]
    assert {line[-1]["period"] for widget in widgets for line in widget["metrics"]} == {60}
    assert [line[-1]["label"] for line in widgets[0]["metrics"]] == ["front-door", "back-door", "lobby"]
    assert [widget["yAxis"]["left"]["label"] for widget in widgets] == ["count", "bytes", "0 to 1", "count", "ms"]
    assert only_resource(template_of(stack), "AWS::CloudWatch::Dashboard")["Properties"]["DashboardName"] == "cameras"


def test_a_dashboard_shows_the_images_that_are_counted(stack: Stack, stream: Any) -> None:
    images = images_in(stack, stream=stream, bucket=s3.Bucket(stack, "Bucket"), prefix="front-door")
    with pytest.raises(ValueError, match="nothing counts the images of 'Cameras/Images'"):
        StreamDashboard(stack, "Uncounted", streams=[stream], images=[images])
    images.count_by_request_metrics()
    StreamDashboard(stack, "Dashboard", streams=[stream], images=[images])
    last = widgets_of(stack)[-1]
    assert last["title"] == "Images delivered"
    assert last["metrics"][0][-1]["label"] == "front-door/"


def test_fails_on_more_streams_than_a_dashboard_holds(stack: Stack, stream: Any) -> None:
    with fails_with("`streams` and `images` need 2502 metrics, a dashboard holds 2500, define several dashboards"):
        StreamDashboard(stack, "Dashboard", streams=[stream] * 417)
