"""CloudTrail's event history: 90 days of management events of one Region, without a trail, some minutes late."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from kinesis_video_configuration.retries import pages

from .calls import Fact, if_known, utc
from .stream import Stream

# 50 records each, and 2 calls a second.
_MAX_PAGES, _MAX_SECONDS = 10, 20


class Trail:
    """The records of one stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @Fact
    def askers(self) -> tuple[Sequence[str], str]:
        """The callers that asked for the stream's PutMedia endpoint, newest first, and the time where reading stopped.

        They are the ARNs of users and roles. The time is empty if all records were read.
        """
        records, cut = self._look_up("GetDataEndpoint")
        callers = [_caller(record) for _, record in records if _request(record).get("apiname") == "PUT_MEDIA"]
        return list(dict.fromkeys(callers)), cut

    @Fact
    def changed(self) -> datetime | None:
        """When the configuration was changed last, if there is a record within the examined time."""
        records, _ = self._look_up("UpdateImageGenerationConfiguration", StartTime=self._stream.since)
        return next((at for at, record in records if not record.get("errorCode")), None)

    def _look_up(self, operation: str, **since: Any) -> tuple[list[tuple[datetime, Mapping[str, Any]]], str]:
        """Find the newest records of an operation on the stream and their times, the newest first."""
        end = time.monotonic() + _MAX_SECONDS
        found: list[tuple[datetime, Mapping[str, Any]]] = []
        oldest: datetime | None = None
        names = {self._stream.name, if_known(lambda: self._stream.arn, self._stream.name)}
        ask = partial(self._stream.call, "cloudtrail:LookupEvents", "lookup_events", **since)
        attributes = [{"AttributeKey": "EventName", "AttributeValue": operation}]
        for page in islice(pages(ask, LookupAttributes=attributes), _MAX_PAGES):
            for event in page["Events"]:
                oldest = event["EventTime"]
                if self._stream.name not in event["CloudTrailEvent"]:
                    continue
                record = json.loads(event["CloudTrailEvent"])
                request = _request(record)
                if names & {request.get("streamname"), request.get("streamarn")}:
                    found.append((event["EventTime"], record))
            if not page.get("NextToken"):
                return found, ""
            if time.monotonic() > end:
                break
        return found, utc(oldest) if oldest else ""


def _request(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the request's parameters, with names in lower case."""
    return {name.lower(): value for name, value in (record.get("requestParameters") or {}).items()}


def _caller(record: Mapping[str, Any]) -> str:
    """Return the ARN of the caller; for a session that of its role."""
    identity = record.get("userIdentity") or {}
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    return str(issuer.get("arn") or identity.get("arn") or identity.get("type"))
