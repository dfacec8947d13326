"""How a stack's function reports a stream that differs from what is declared."""

from __future__ import annotations

MESSAGE = "drift"
"""The message of the log line for each stream that differs."""
NOT_COMPARED = "not compared"
"""The message of the log line for each stream that could not be compared."""
LOOKED = "looked"
"""The message of the log line for each look. Metric filters read its numbers, `DRIFTED` and `NOT_COMPARED_COUNT`."""
STACK, DRIFTED, NOT_COMPARED_COUNT = "stack", "drifted", "not_compared"

DRIFTED_METRIC, NOT_COMPARED_METRIC = "DriftedStreams", "StreamsNotCompared"

SOURCE, DETAIL_TYPE = "cdk-kinesis-video", "Kinesis Video Stream Drift"
"""The source and the detail type of the event for each stream that differs, if the monitor has a rule for it."""
