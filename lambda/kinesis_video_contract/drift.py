"""How a stack's function reports a stream that differs from what is declared."""

from __future__ import annotations

MESSAGE = "drift"
"""Of the line in the log for each stream; a metric filter counts it."""
SOURCE, DETAIL_TYPE = "cdk-kinesis-video", "Kinesis Video Stream Drift"
"""Of the event that EventBridge gets for each stream, if the monitor has a rule for it."""
