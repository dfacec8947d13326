"""CloudTrail's event history: 90 days of management events of one Region, without a trail, some minutes late."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .calls import Calls

# 50 records each, and 2 calls a second.
_MAX_PAGES = 10


@dataclass(frozen=True)
class Record:
    """A record of a call."""

    time: datetime
    identity: Mapping[str, Any]
    """Who called."""
    request: Mapping[str, Any]
    """What was asked for, by the names of the API in lower case."""

    def is_of(self, stream_name: str, stream_arn: str) -> bool:
        """Tell whether the call was about a stream."""
        return stream_name == self.request.get("streamname") or stream_arn == self.request.get("streamarn")


def look_up(call: Calls, operation: str, since: datetime | None = None) -> Iterator[Record]:
    """Find the newest 500 records of an operation, the newest first, and none that are older.

    Raises
    ------
    UndecidedError
        If the history can't be read.
    """
    attributes = [{"AttributeKey": "EventName", "AttributeValue": operation}]
    start: dict[str, Any] = {"StartTime": since} if since else {}
    page: dict[str, Any] = {}
    for _ in range(_MAX_PAGES):
        page = call("cloudtrail:LookupEvents", "lookup_events", LookupAttributes=attributes, **start, **page)
        for event in page["Events"]:
            record = json.loads(event["CloudTrailEvent"])
            request = {name.lower(): value for name, value in (record.get("requestParameters") or {}).items()}
            yield Record(event["EventTime"], record.get("userIdentity", {}), request)
        if not page.get("NextToken"):
            return
        page = {"NextToken": page["NextToken"]}
