"""The metrics of Kinesis Video Streams.

None of them names a unit: to CloudWatch a unit is a filter, and where the documentation has one wrong (it lists two
latencies as "Count") a metric that names it would show nothing. The units are in the documentation of each.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/monitoring-cloudwatch.html
"""

from __future__ import annotations

from typing import TypedDict, Unpack

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from ._validation import is_known

NAMESPACE = "AWS/KinesisVideo"
DEFAULT_PERIOD = Duration.minutes(5)


class MetricOptions(TypedDict, total=False):
    """What can be changed of a metric: the keyword arguments of `aws_cloudwatch.Metric` but those that name it."""

    statistic: str
    """Such as ``Sum``, ``Average``, ``p99`` or ``Maximum``."""
    period: Duration
    """The time that one data point stands for. Default: 5 minutes."""
    label: str
    """What a graph calls it."""
    color: str
    """Its colour in a graph, as ``#1f77b4``."""
    unit: cloudwatch.Unit
    """Take only the data points of this unit. Default: all of them."""
    account: str
    """The account whose metric it is. Default: the stream's."""
    region: str
    """The Region whose metric it is. Default: the stream's."""


def default_statistic(metric_name: str) -> str:
    """Find the statistic that a metric is meant to be read by."""
    name = metric_name.rpartition(".")[2]
    if name == "Success" or name.endswith("Latency") or name == "MillisBehindNow":
        # Success is 1 or 0 for each fragment or request, its average the share that succeeded.
        return "Average"
    if name == "ActiveConnections":
        # A level: the sum of a level over time is nothing.
        return "Maximum"
    return "Sum"


def stream_metric(
    scope: Construct, stream: IStreamRef, metric_name: str, **options: Unpack[MetricOptions]
) -> cloudwatch.Metric:
    """Make a metric of a stream."""
    stack = Stack.of(scope)
    home: MetricOptions = {}
    # Only of a stream that is elsewhere: an alarm takes a metric of its own account and Region without naming them.
    if is_known(stream.env.region) and stream.env.region != stack.region:
        home["region"] = stream.env.region
    if is_known(stream.env.account) and stream.env.account != stack.account:
        home["account"] = stream.env.account
    return metric(
        NAMESPACE,
        metric_name,
        {"StreamName": stream.stream_ref.stream_name},
        {"statistic": default_statistic(metric_name), **home, **options},
    )


def metric(namespace: str, metric_name: str, dimensions: dict[str, str], options: MetricOptions) -> cloudwatch.Metric:
    """Make a metric of what is fixed about it and of options."""
    with_period: MetricOptions = {"period": DEFAULT_PERIOD, **options}
    return cloudwatch.Metric(namespace=namespace, metric_name=metric_name, dimensions_map=dimensions, **with_period)
