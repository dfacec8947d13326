"""Compares one stream with its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kinesis_video_configuration import Declaration, differences
from kinesis_video_configuration.retries import CallError
from kinesis_video_configuration.service import KinesisVideo

RETENTION = "DataRetentionInHours"


@dataclass(frozen=True)
class Difference:
    """One field in which a stream differs; None is a field that one side doesn't have."""

    field: str
    declared: Any
    actual: Any


@dataclass(frozen=True)
class Drift:
    """The difference between a stream and its declaration."""

    state: Literal["STREAM_DELETED", "MISSING", "CHANGED", "NO_RETENTION"]
    """The stream is gone, has no configuration, has another one, or has the declared one and keeps no data."""
    differences: tuple[Difference, ...]


def compare(streams: KinesisVideo, declaration: Declaration) -> Drift | None:
    """Read the configuration of a stream, and compare it with the declaration.

    A stream that keeps no data has its configuration still, and delivers nothing. It returns None if there is no
    difference, and raises a CallError if the stream can't be read.
    """
    feature, stream_arn = declaration.feature, declaration.stream["StreamARN"]
    try:
        found = streams.configuration(feature, stream_arn)
        stream = streams.describe(stream_arn)
    except CallError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return Drift("STREAM_DELETED", ())
    if stream.get("Status") == "DELETING":
        return Drift("STREAM_DELETED", ())
    names = differences(feature, declaration.configuration, found or {})
    fields = [Difference(name, _value(declaration.configuration, name), _value(found or {}, name)) for name in names]
    if found is None:
        # A field that is left out and has a default is in neither of them.
        fields = [each for each in fields if each.declared is not None]
    changed = bool(fields)
    # The API leaves it out where it is 0.
    if not stream.get(RETENTION):
        fields.append(Difference(RETENTION, "at least 1", 0))
    if not fields:
        return None
    return Drift("MISSING" if found is None else "CHANGED" if changed else "NO_RETENTION", tuple(fields))


def _value(configuration: Mapping[str, Any], name: str) -> Any:
    value: Any = configuration
    for key in name.split("."):
        value = (value or {}).get(key)
    return value
