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
from .media import images, put_media
from .media.archive import ARCHIVED_MEDIA, ArchivedMedia
from .media.fragments import FragmentStore
from .media.images import ImageGenerator
from .media.live import LIVE_MEDIA, LiveMedia
from .media.metrics import Record
from .media.playback import Playback, Sessions
from .media.put_media import PutMedia
from .quotas import quota
from .streams import Streams, stream_name

NAMESPACE = "kinesisvideo"


class KinesisVideo:
    """The streams, and the services by which CloudFormation and the API reach them. `LocalAws` explains the options.

    Parameters
    ----------
    endpoint_urls
        The addresses of the local AWS, by the scheme of the request: the endpoints for media, also for players.
    record
        Records the metrics.
    audit
        Records the calls for CloudTrail.

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
        self._streams: dict[tuple[str, str], Streams] = {}
        self._store = store = FragmentStore()
        self._sessions = sessions = Sessions(store)
        # The steps in which a fault can be injected, beside whole operations, and their errors.
        faults = Faults({put_media.FAULT: put_media.FAULT_CODES, images.FAULT: ("InternalFailure",)})
        generator = ImageGenerator(faults)
        receiver = PutMedia(self._streams_of, store, generator, faults, record, quotas, count_event_pairs)

        def control_plane(request: Request) -> ControlPlane:
            return ControlPlane(
                self._streams_of(request.caller),
                endpoint_url=endpoint_urls[request.scheme],
                creating_seconds=creating_seconds,
                stale_seconds=stale_seconds,
            )

        def archived_media(request: Request) -> ArchivedMedia:
            return ArchivedMedia(self._streams_of(request.caller), store, generator)

        def playback(request: Request) -> Playback:
            return Playback(self._streams_of(request.caller), store, sessions, endpoint_urls[request.scheme])

        def live_media(request: Request) -> LiveMedia:
            return LiveMedia(self._streams_of(request.caller), store, request.client_gone, request.caller)

        operations = [
            *operations_of(CONTROL_PLANE, ControlPlane, control_plane, quota, management=True),
            *operations_of(ARCHIVED_MEDIA, ArchivedMedia, archived_media, quota),
            *operations_of(ARCHIVED_MEDIA, Playback, playback, quota),
            *operations_of(LIVE_MEDIA, LiveMedia, live_media, quota),
            *sessions.operations(),
            receiver.operation(),
        ]
        self.services = Services(NAMESPACE, operations, self._addressed, audit=audit, quotas=quotas, faults=faults)

    def streams(self, account: str, region: str) -> Streams:
        """Return the streams of one account in one Region."""
        scope = account, region
        if scope not in self._streams:
            self._streams[scope] = Streams(*scope)
        return self._streams[scope]

    def reset(self) -> None:
        """Forget every stream, fragment, session, fault and call."""
        self._streams.clear()
        self._store.clear()
        self._sessions.clear()
        self.services.reset()

    def _streams_of(self, caller: Caller) -> Streams:
        return self.streams(caller.account, caller.region)

    def _addressed(self, caller: Caller, request: Mapping[str, Any]) -> Addressed:
        streams = self._streams_of(caller)
        return Addressed(stream_name(request), streams.arn_for_authorization(request))
