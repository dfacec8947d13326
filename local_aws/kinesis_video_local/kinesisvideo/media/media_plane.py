"""The media plane of one local AWS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ...service.faults import Faults
from ...service.http import Caller, Request
from ...service.operation import Operation, operations_of
from ..quotas import quota
from ..streams import Streams
from . import images, put_media
from .archive import ARCHIVED_MEDIA, ArchivedMedia
from .fragments import FragmentStore
from .images import ImageGenerator
from .live import LIVE_MEDIA, LiveMedia
from .metrics import Record
from .playback import Playback, Sessions
from .put_media import PutMedia

FAULTS: Mapping[str, Collection[str]] = {
    put_media.FAULT: put_media.FAULT_CODES,
    images.FAULT: ("InternalFailure",),
}
"""The steps in which a fault can be injected, beside whole operations, and their errors."""


class MediaPlane:
    """Receives media and returns it.

    Parameters
    ----------
    find_streams
        Finds the streams of a caller's account and Region.
    endpoint_urls
        The addresses of the local AWS, by the scheme of the request: players find their sessions there.
    faults
        The faults to inject.
    record
        Records the metrics.
    paced
        Whether a connection is read no faster than the service reads one.
    count_event_pairs
        Whether the pairs of image and notification events are among the ten tags of a fragment.
    """

    def __init__(
        self,
        find_streams: Callable[[Caller], Streams],
        endpoint_urls: Mapping[str, str],
        faults: Faults,
        record: Record,
        *,
        paced: bool,
        count_event_pairs: bool,
    ) -> None:
        self._find_streams = find_streams
        self._endpoint_urls = endpoint_urls
        self._store = FragmentStore()
        self._sessions = Sessions(self._store)
        self._images = ImageGenerator(faults)
        self._put_media = PutMedia(find_streams, self._store, self._images, faults, record, paced, count_event_pairs)

    def operations(self) -> dict[tuple[str, str], Operation]:
        """Return its operations, by their methods and paths."""
        receive = self._put_media.operation()
        archived = operations_of(ARCHIVED_MEDIA, ArchivedMedia, self._archived, quota)
        live = operations_of(LIVE_MEDIA, LiveMedia, self._live, quota)
        played = operations_of(ARCHIVED_MEDIA, Playback, self._playback, quota)
        received = {(receive.method, receive.path): receive}
        return {**received, **archived, **live, **played, **self._sessions.operations()}

    def clear(self) -> None:
        """Forget every fragment and every session."""
        self._store.clear()
        self._sessions.clear()

    def _archived(self, request: Request) -> ArchivedMedia:
        return ArchivedMedia(self._find_streams(request.caller), self._store, self._images)

    def _playback(self, request: Request) -> Playback:
        endpoint_url = self._endpoint_urls[request.scheme]
        return Playback(self._find_streams(request.caller), self._store, self._sessions, endpoint_url)

    def _live(self, request: Request) -> LiveMedia:
        return LiveMedia(self._find_streams(request.caller), self._store, request.client_gone, request.caller)
