"""CloudTrail's event history: 90 days of management events of one Region, without a trail, some minutes late."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from kinesis_video_configuration.retries import pages

from .calls import Fact, if_known, utc
from .stream import Stream

# 50 records each, and 2 calls a second.
_MAX_PAGES, _MAX_SECONDS = 10, 20


@dataclass(frozen=True)
class Record:
    """A record of a call."""

    time: datetime
    identity: Mapping[str, Any]
    """Who called."""
    api: str | None
    """The API for which an endpoint was requested."""
    refused: bool
    """Whether the service answered with an error."""

    @property
    def caller(self) -> str:
        """The ARN of the caller; for a session that of its role."""
        issuer = self.identity.get("sessionContext", {}).get("sessionIssuer", {})
        return str(issuer.get("arn") or self.identity.get("arn") or self.identity.get("type"))


class Trail:
    """The records of one stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @Fact
    def askers(self) -> tuple[Sequence[Record], str]:
        """Requests for the stream's PutMedia endpoint, newest first, and the time where reading stopped, if it did."""
        records, cut = self._look_up("GetDataEndpoint")
        return [record for record in records if record.api == "PUT_MEDIA"], cut

    @Fact
    def changed(self) -> datetime | None:
        """When the configuration was changed last, if there is a record within the examined time."""
        records, _ = self._look_up("UpdateImageGenerationConfiguration", StartTime=self._stream.since)
        return next((record.time for record in records if not record.refused), None)

    def _look_up(self, operation: str, **since: Any) -> tuple[list[Record], str]:
        """Find the newest records of an operation on the stream, the newest first."""
        end = time.monotonic() + _MAX_SECONDS
        found: list[Record] = []
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
                request = {name.lower(): value for name, value in (record.get("requestParameters") or {}).items()}
                if names & {request.get("streamname"), request.get("streamarn")}:
                    identity, refused = record.get("userIdentity") or {}, bool(record.get("errorCode"))
                    found.append(Record(event["EventTime"], identity, request.get("apiname"), refused))
            if not page.get("NextToken"):
                return found, ""
            if time.monotonic() > end:
                break
        return found, utc(oldest) if oldest else ""
