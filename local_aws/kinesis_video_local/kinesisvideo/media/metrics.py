"""The metrics of PutMedia.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/monitoring-cloudwatch.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from ..streams import Stream

NAMESPACE = "AWS/KinesisVideo"

Unit = Literal["Count", "Bytes", "Milliseconds"]
Record: TypeAlias = Callable[[str, str, str, str, dict[str, str], float, Unit], None]
"""Records a value of a metric: its account, Region, namespace, name, dimensions, value and unit."""


class StreamMetrics:
    """The metrics of one stream."""

    def __init__(self, record: Record, stream: Stream) -> None:
        _, _, _, self._region, self._account, _ = stream.arn.split(":")
        self._record = record
        self._stream = stream.name

    def count(self, name: str, value: float = 1) -> None:
        """Record a number of ``PutMedia.<name>``."""
        self._put(name, value, "Count")

    def bytes(self, name: str, value: int) -> None:
        """Record bytes of ``PutMedia.<name>``."""
        self._put(name, value, "Bytes")

    def latency(self, name: str, seconds: float) -> None:
        """Record a duration of ``PutMedia.<name>``."""
        self._put(name, seconds * 1000, "Milliseconds")

    def _put(self, name: str, value: float, unit: Unit) -> None:
        dimensions = {"StreamName": self._stream}
        self._record(self._account, self._region, NAMESPACE, f"PutMedia.{name}", dimensions, value, unit)
