"""A dashboard of streams and their images."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from ._streams import check_stream
from ._validation import check_list, check_pattern, check_period, check_place, check_type
from .image_generation import ImageGeneration
from .stream_metrics import default_period, stream_metric

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
MAX_METRICS_OF_A_DASHBOARD = 2500
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
MAX_NAME_LENGTH = 255
DASHBOARD_NAME_PATTERN = "[a-zA-Z0-9_-]+"

# Each graph: its title, its unit, and the metrics of each stream in it.
_GRAPHS = (
    ("Fragments in", "count", ("PutMedia.IncomingFragments",)),
    ("Bytes in", "bytes", ("PutMedia.IncomingBytes",)),
    ("Share of fragments written", "0 to 1", ("PutMedia.Success",)),
    ("Errors", "count", ("PutMedia.ErrorAckCount", "PutMedia.ConnectionErrors")),
    ("Time until a fragment is stored", "ms", ("PutMedia.FragmentPersistLatency",)),
)
_METRICS_OF_A_STREAM = sum(len(names) for _, _, names in _GRAPHS)
_WIDTH, _HEIGHT = 12, 6


class StreamDashboard(Construct):
    """Define a CloudWatch dashboard of one or many streams: a line for each stream in each graph.

    Parameters
    ----------
    scope
        The construct that this one belongs to.
    construct_id
        The id of this construct within `scope`.
    streams
        The streams, 1 to 416 of them.
    images
        The image generations whose images are shown, each with a counter, see
        `ImageGeneration.metric_images_delivered`. Default: the dashboard has no graph of images.
    dashboard_name
        The dashboard's name. Default: CloudFormation generates one.
    period
        The time that one data point covers. Default: 5 minutes.

    Raises
    ------
    ValueError
        If there is no stream, if there are more metrics than a dashboard holds, if nothing counts the images of one of
        `images`, or if a prop has the wrong type.

    See Also
    --------
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/monitoring-cloudwatch.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        streams: Sequence[IStreamRef],
        images: Sequence[ImageGeneration] = (),
        dashboard_name: str | None = None,
        period: Duration | None = None,
    ) -> None:
        check_place(scope, construct_id)
        check_list("streams", streams, "streams such as VideoStream")
        check_list("images", images, "ImageGenerations")
        if not streams:
            raise ValueError("`streams` is empty, pass at least one stream")
        for stream in streams:
            check_stream("streams", stream)
        for image in images:
            check_type("images", image, isinstance(image, ImageGeneration), "a list of ImageGenerations")
        check_pattern("dashboard_name", dashboard_name, DASHBOARD_NAME_PATTERN, MAX_NAME_LENGTH, "a-z A-Z 0-9 _ -")
        check_period("period", period)
        count = len(streams) * _METRICS_OF_A_STREAM + len(images)
        if count > MAX_METRICS_OF_A_DASHBOARD:
            raise ValueError(
                f"`streams` and `images` need {count} metrics, a dashboard holds {MAX_METRICS_OF_A_DASHBOARD}, define "
                "several dashboards"
            )
        period = default_period() if period is None else period
        super().__init__(scope, construct_id)
        graphs = [
            graph(title, unit, [self._line(stream, name, len(names), period) for stream in streams for name in names])
            for title, unit, names in _GRAPHS
        ]
        if images:
            delivered = [
                image.metric_images_delivered(period=period, label=image.prefix or "images") for image in images
            ]
            graphs.append(graph("Images delivered", "count", delivered))
        self._dashboard = cloudwatch.Dashboard(
            self,
            "Resource",
            dashboard_name=dashboard_name,
            widgets=[list(graphs[row : row + 2]) for row in range(0, len(graphs), 2)],
        )

    @property
    def dashboard(self) -> cloudwatch.Dashboard:
        """The dashboard, for further widgets."""
        return self._dashboard

    def _line(self, stream: IStreamRef, name: str, of_the_graph: int, period: Duration) -> cloudwatch.Metric:
        label = stream.stream_ref.stream_name
        if of_the_graph > 1:
            label = f"{label} {name.rpartition('.')[2]}"
        return stream_metric(self, stream, name, period=period, label=label)


def graph(title: str, unit: str, lines: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    """Make a graph of half a dashboard's width."""
    return cloudwatch.GraphWidget(
        title=title,
        left=list(lines),
        left_y_axis=cloudwatch.YAxisProps(label=unit, min=0, show_units=False),
        width=_WIDTH,
        height=_HEIGHT,
    )
