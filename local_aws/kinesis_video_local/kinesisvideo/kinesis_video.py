"""Kinesis Video Streams for every account and Region of one local AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..service.audit import Audit
from ..service.faults import Faults
from ..service.http import Caller, Request
from ..service.operation import operations_of
from ..service.services import Addressed, Services
from .control_plane import CONTROL_PLANE, ControlPlane
from .media import FAULTS, MediaPlane, Record
from .quotas import quota
from .streams import Streams, stream_name

NAMESPACE = "kinesisvideo"


class KinesisVideo:
    """The streams, and the services by which CloudFormation and the API reach them.

    Parameters
    ----------
    endpoint_urls
        The addresses of the local AWS, by the scheme of the request: the endpoints for media.
    record
        Records the metrics.
    audit
        Records the calls for CloudTrail.
    quotas
        Whether the API quotas are enforced.
    count_event_pairs
        Whether the pairs of image and notification events are among the ten tags of a fragment.
    creating_seconds
        The seconds for which a stream that the API has created is CREATING.
    stale_seconds
        The seconds for which Describe still returns the previous configuration.

    Attributes
    ----------
    services
        The API.
    """

    def __init__(
        self,
        *,
        endpoint_urls: Mapping[str, str],
        record: Record,
        audit: Audit,
        quotas: bool,
        count_event_pairs: bool,
        creating_seconds: float,
        stale_seconds: float,
    ) -> None:
        self._endpoint_urls = endpoint_urls
        self._creating_seconds = creating_seconds
        self._stale_seconds = stale_seconds
        self._streams: dict[tuple[str, str], Streams] = {}
        faults = Faults(FAULTS)
        self._media = MediaPlane(
            self._streams_of, endpoint_urls, faults, record, paced=quotas, count_event_pairs=count_event_pairs
        )
        operations = {
            **operations_of(CONTROL_PLANE, ControlPlane, self._control_plane, quota, management=True),
            **self._media.operations(),
        }
        self.services = Services(NAMESPACE, operations, self._addressed, audit=audit, quotas=quotas, faults=faults)

    def streams(self, account: str, region: str) -> Streams:
        """Return the streams of one account in one Region."""
        scope = account, region
        if scope not in self._streams:
            self._streams[scope] = Streams(*scope)
        return self._streams[scope]

    def reset(self) -> None:
        """Forget every stream, fragment, fault and call."""
        self._streams.clear()
        self._media.clear()
        self.services.reset()

    def _streams_of(self, caller: Caller) -> Streams:
        return self.streams(caller.account, caller.region)

    def _control_plane(self, request: Request) -> ControlPlane:
        endpoint_url = self._endpoint_urls[request.scheme]
        streams = self._streams_of(request.caller)
        return ControlPlane(
            streams,
            endpoint_url=endpoint_url,
            creating_seconds=self._creating_seconds,
            stale_seconds=self._stale_seconds,
        )

    def _addressed(self, caller: Caller, request: Mapping[str, Any]) -> Addressed:
        streams = self._streams_of(caller)
        return Addressed(stream_name(request), streams.arn_for_authorization(request))
