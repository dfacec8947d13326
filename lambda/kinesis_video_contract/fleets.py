"""A fleet: its custom resource, the outcomes of a stream in a pass, and the metrics."""

from __future__ import annotations

RESOURCE_TYPE = "Custom::KinesisVideoStreamFleet"
PHYSICAL_ID = "stream-fleet/"
"""What the physical id of a fleet begins with; the prefix of its streams' names follows."""
PASS_THROUGH = "A pass through the Kinesis video streams whose names begin with "
"""The description of its state machine; the prefix of its streams' names follows."""
STREAM_NAME = "{stream_name}"
"""Stands for the stream's name in the prefix, and so in the URI of the destination."""

NAME_PREFIX, EXCLUDE = "NamePrefix", "Exclude"
"""Properties of the resource: the prefix of its streams' names, and the streams that it never touches."""

SET, REMOVED, EQUAL, FOREIGN = "set", "removed", "equal", "foreign"
WITHOUT_RETENTION, GONE = "without_retention", "gone"
NO_FAILURES = (SET, REMOVED, EQUAL, FOREIGN, WITHOUT_RETENTION, GONE)
NOT_TRIED = "not_tried"
"""The pass had no time for it, or was stopped before."""
DENIED = "denied"
"""Access to it is denied."""
FAILED = "failed"
"""Stands for every other outcome: each is the cause of a failure."""

METRICS = {
    SET: "StreamsSet",
    REMOVED: "StreamsRemoved",
    EQUAL: "StreamsEqual",
    FAILED: "StreamsFailed",
    FOREIGN: "StreamsForeign",
    WITHOUT_RETENTION: "StreamsWithoutRetention",
}
"""The metric that counts the streams of an outcome."""
PASSES_FAILED = "PassesFailed"
FAILURES = "Failures"
"""The streams that failed in a pass, plus one if the pass failed."""
SIGNS_OF_LIFE = "SignsOfLife"
"""One for each batch, and for each end of a pass that was not skipped."""
NEW_STREAMS_SET, NEW_STREAMS_FAILED = "NewStreamsSet", "NewStreamsFailed"
NEW_STREAMS_UNREADABLE = "NewStreamsUnreadable"
"""The records of new streams that could not be read, and were dropped."""
METRIC_NAMES = (
    *METRICS.values(),
    PASSES_FAILED,
    FAILURES,
    SIGNS_OF_LIFE,
    NEW_STREAMS_SET,
    NEW_STREAMS_FAILED,
    NEW_STREAMS_UNREADABLE,
)
