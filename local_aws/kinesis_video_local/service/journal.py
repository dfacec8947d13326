"""A journal of answered calls, for tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """One answered Kinesis Video Streams call."""

    operation: str
    """The operation, for example ``DescribeStream``."""
    stream: str | None
    """The name of the stream that the request addresses, whether by name or by ARN; None if it addresses none."""
    status: int
    """The HTTP status of the answer."""
    error: str | None
    """The error code of the answer; None for a success."""
    time: float
    """Seconds since the epoch when the answer was ready."""
