"""A journal of answered calls, for tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """One answered Kinesis Video Streams call.

    Attributes
    ----------
    operation
        The operation, for example ``DescribeStream``.
    stream
        The name of the stream that the request addresses, whether by name or by ARN; None if it addresses none.
    status
        The HTTP status of the answer.
    error
        The error code of the answer; None for a success.
    time
        Seconds since the epoch when the answer was ready.
    """

    operation: str
    stream: str | None
    status: int
    error: str | None
    time: float
