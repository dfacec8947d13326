"""How a stack's function reports a stream that differs from what is declared."""

from __future__ import annotations

MESSAGE = "drift"
"""Of the line in the log for each stream that differs."""
NOT_COMPARED = "not compared"
"""Of the line in the log for each stream that could not be compared."""
LOOKED = "looked"
"""Of the line in the log for each look. Metric filters read its numbers, `DRIFTED` and `NOT_COMPARED_COUNT`."""
STACK, DRIFTED, NOT_COMPARED_COUNT = "stack", "drifted", "not_compared"

DRIFTED_METRIC, NOT_COMPARED_METRIC = "DriftedStreams", "StreamsNotCompared"

SOURCE, DETAIL_TYPE = "cdk-kinesis-video", "Kinesis Video Stream Drift"
"""Of the event that EventBridge gets for each stream, if the monitor has a rule for it."""
