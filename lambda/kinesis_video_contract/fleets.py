"""A fleet: its custom resource, and what comes of a stream in a pass."""

from __future__ import annotations

RESOURCE_TYPE = "Custom::KinesisVideoStreamFleet"
STREAM_NAME = "{stream_name}"
"""Stands for the stream's name in the prefix, and so in the URI of the destination."""

NAME_PREFIX, EXCLUDE = "NamePrefix", "Exclude"
"""Its own properties: what the names of its streams begin with, and those that it never touches."""

SET, REMOVED, EQUAL, FOREIGN = "set", "removed", "equal", "foreign"
WITHOUT_RETENTION, GONE = "without_retention", "gone"
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
