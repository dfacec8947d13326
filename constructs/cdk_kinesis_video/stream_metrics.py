"""The metrics of Kinesis Video Streams.

None of them sets a unit: CloudWatch uses a unit as a filter, and some units in the documentation are wrong (it lists
two latencies as "Count"), so a metric with that unit would show nothing. Each method documents its unit.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/monitoring-cloudwatch.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack, cast

from aws_cdk import Duration
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import IConstruct

from ._jsii import account_of, region_of, stack_of
from ._validation import check_options, check_period, check_text, check_type, is_known

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch

NAMESPACE = "AWS/KinesisVideo"


def default_period() -> Duration:
    """Make the period of a metric; a constant would start CDK's own process at the import, a tenth of a second."""
    return Duration.minutes(5)


class MetricOptions(TypedDict, total=False):
    """The options of a metric: the keyword arguments of `aws_cloudwatch.Metric` except those that name it."""

    statistic: str
    """Such as ``Sum``, ``Average``, ``p99`` or ``Maximum``."""
    period: Duration
    """The time that one data point covers. Default: 5 minutes."""
    label: str
    """Its label in a graph."""
    color: str
    """Its colour in a graph, as ``#1f77b4``."""
    unit: cloudwatch.Unit
    """Use only the data points of this unit. Default: all of them."""
    account: str
    """The account of the metric. Default: the stream's."""
    region: str
    """The Region of the metric. Default: the stream's."""


def default_statistic(metric_name: str) -> str:
    """Return the statistic that suits a metric."""
    name = metric_name.rpartition(".")[2]
    if name == "Success" or name.endswith("Latency") or name == "MillisBehindNow":
        # Success is 1 or 0 for each fragment or request, so its average is the share that succeeded.
        return "Average"
    if name == "ActiveConnections":
        # The sum of a level over time is meaningless.
        return "Maximum"
    return "Sum"


def stream_metric(
    scope: IConstruct, stream: IStreamRef, metric_name: str, **options: Unpack[MetricOptions]
) -> cloudwatch.Metric:
    """Make a metric of a stream."""
    check_type(
        "metric_name",
        metric_name,
        isinstance(metric_name, str) and metric_name != "",
        "text such as 'PutMedia.Success'",
    )
    stack = stack_of(scope)
    home: MetricOptions = {}
    # Only for a stream that is elsewhere: within one account and Region an alarm's metric doesn't name them.
    if is_known(stream.env.region) and stream.env.region != region_of(stack):
        home["region"] = stream.env.region
    if is_known(stream.env.account) and stream.env.account != account_of(stack):
        home["account"] = stream.env.account
    return metric(
        NAMESPACE,
        metric_name,
        {"StreamName": stream.stream_ref.stream_name},
        {"statistic": default_statistic(metric_name), **home, **options},
    )


def metric(namespace: str, metric_name: str, dimensions: dict[str, str], options: MetricOptions) -> cloudwatch.Metric:
    """Make a metric from its fixed properties and options."""
    # Imported here, as an app without metrics needs none of its 60 ms and 6 MB.
    from aws_cdk import aws_cloudwatch as cloudwatch

    _check_metric_options(options, cloudwatch.Unit)
    with_period: MetricOptions = {"period": default_period(), **options}
    return cloudwatch.Metric(namespace=namespace, metric_name=metric_name, dimensions_map=dimensions, **with_period)


def _check_metric_options(options: MetricOptions, units: Any) -> None:
    check_options("a metric", options, MetricOptions)
    check_period("period", options.get("period"))
    check_text("statistic", options.get("statistic"), "Average")
    check_text("label", options.get("label"), "front door")
    check_text("color", options.get("color"), "#1f77b4")
    check_text("account", options.get("account"), "111122223333")
    check_text("region", options.get("region"), "eu-west-1")
    unit: Any = options.get("unit")
    check_type("unit", unit, unit is None or isinstance(unit, units), "one of cloudwatch.Unit such as Unit.COUNT")


class StreamMetrics:
    """The metrics of a stream, mixed into the stream constructs."""

    def metric(self, metric_name: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return a metric of the stream.

        Parameters
        ----------
        metric_name
            Its name in ``AWS/KinesisVideo``, such as ``PutMedia.IncomingFragments``, see
            https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/monitoring-cloudwatch.html
        options
            Options that replace the defaults: 5 minutes, the average of latencies and of ``Success``, the maximum of
            ``ActiveConnections``, the sum of all other metrics.

        Raises
        ------
        TypeError
            If there is no such option.
        ValueError
            If an option has a value that CloudWatch doesn't accept.
        """
        stream = cast("IStreamRef", self)
        return stream_metric(stream, stream, metric_name, **options)

    def metric_put_media_requests(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of PutMedia requests: a count, summed."""
        return self.metric("PutMedia.Requests", **options)

    def metric_put_media_incoming_bytes(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the bytes received: bytes, summed."""
        return self.metric("PutMedia.IncomingBytes", **options)

    def metric_put_media_incoming_fragments(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of complete fragments received: a count, summed."""
        return self.metric("PutMedia.IncomingFragments", **options)

    def metric_put_media_incoming_frames(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of complete frames received: a count, summed."""
        return self.metric("PutMedia.IncomingFrames", **options)

    def metric_put_media_active_connections(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of open connections: a count, its maximum."""
        return self.metric("PutMedia.ActiveConnections", **options)

    def metric_put_media_connection_errors(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of connections that failed: a count, summed."""
        return self.metric("PutMedia.ConnectionErrors", **options)

    def metric_put_media_error_ack_count(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of errors reported to the producer: a count, summed."""
        return self.metric("PutMedia.ErrorAckCount", **options)

    def metric_put_media_success(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the share of fragments that were written: 0 to 1, averaged."""
        return self.metric("PutMedia.Success", **options)

    def metric_put_media_fragment_ingestion_latency(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the time from a fragment's first byte to its last: milliseconds, averaged."""
        return self.metric("PutMedia.FragmentIngestionLatency", **options)

    def metric_put_media_fragment_persist_latency(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the time until a fragment is stored: milliseconds, averaged."""
        return self.metric("PutMedia.FragmentPersistLatency", **options)

    def metric_get_media_requests(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of GetMedia requests: a count, summed."""
        return self.metric("GetMedia.Requests", **options)

    def metric_get_media_outgoing_bytes(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the bytes that GetMedia sent: bytes, summed."""
        return self.metric("GetMedia.OutgoingBytes", **options)

    def metric_get_media_success(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the share of fragments that GetMedia sent: 0 to 1, averaged."""
        return self.metric("GetMedia.Success", **options)

    def metric_get_media_millis_behind_now(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how far GetMedia is behind the stream's end: milliseconds, averaged."""
        return self.metric("GetMedia.MillisBehindNow", **options)
