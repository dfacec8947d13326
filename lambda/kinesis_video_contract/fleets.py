"""A fleet: its custom resource, and what comes of a stream in a pass."""

from __future__ import annotations

RESOURCE_TYPE = "Custom::KinesisVideoStreamFleet"
STREAM_NAME = "{stream_name}"
"""Stands for the stream's name in the prefix, and so in the URI of the destination."""

NAME_PREFIX, EXCLUDE = "NamePrefix", "Exclude"
"""Its own properties: what the names of its streams begin with, and those that it never touches."""

SET, REMOVED, EQUAL, FOREIGN = "set", "removed", "equal", "foreign"
WITHOUT_RETENTION, GONE = "without_retention", "gone"
NO_FAILURES = (SET, REMOVED, EQUAL, FOREIGN, WITHOUT_RETENTION, GONE)
NOT_TRIED = "not_tried"
"""The pass had no time for it, or was stopped before."""
DENIED = "denied"
"""Nobody is allowed to set it, or this fleet is not."""
FAILED = "failed"
"""Stands for every other outcome: each is the cause of a failure."""

METRICS = {
    SET: "StreamsSet",
    REMOVED: "StreamsRemoved",
    EQUAL: "StreamsEqual",
    FOREIGN: "StreamsForeign",
    WITHOUT_RETENTION: "StreamsWithoutRetention",
    FAILED: "StreamsFailed",
}
"""The metric that counts the streams of an outcome."""
PASSES_FAILED = "PassesFailed"
FAILURES = "Failures"
"""The streams that failed in a pass, and one more if the pass failed."""
SIGNS_OF_LIFE = "SignsOfLife"
"""One for each batch, and for each end of a pass that was not skipped."""
NEW_STREAMS_SET, NEW_STREAMS_FAILED = "NewStreamsSet", "NewStreamsFailed"
NEW_STREAMS_UNREADABLE = "NewStreamsUnreadable"
"""The records of new streams that could not be read, and were dropped."""
