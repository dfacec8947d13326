"""The service ``kinesis-video-media`` of botocore's models: a stream as it is received."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from ...service.errors import ServiceError, invalid_argument
from ...service.http import Answer
from ...service.model import Model
from ..streams import Request, Stream, Streams
from .archive import CONTENT_TYPE
from .fragments import FragmentStore, MediaFragment, now

LIVE_MEDIA = Model("kinesis-video-media")


class LiveMedia:
    """The operation on the streams of one account in one Region.

    Parameters
    ----------
    streams
        The streams.
    store
        Where their fragments are kept.
    client_gone
        Returns when the client has gone away.
    """

    def __init__(self, streams: Streams, store: FragmentStore, client_gone: Callable[[], Awaitable[None]]) -> None:
        self._streams = streams
        self._store = store
        self._client_gone = client_gone

    def get_media(self, request: Request) -> Answer:
        """Send the fragments from a place on, and each new one, until the client goes away."""
        stream = self._streams.find(request)
        begins = _begins(request["StartSelector"])
        return Answer(200, {"Content-Type": CONTENT_TYPE}, self._fragments(stream, begins))

    async def _fragments(self, stream: Stream, begins: Callable[[MediaFragment], bool]) -> AsyncGenerator[bytes, None]:
        gone = asyncio.ensure_future(self._client_gone())
        sent = ""
        try:
            while not gone.done():
                # Taken first, since fragments may be added while others are sent.
                added = self._store.added
                for fragment in self._store.of(stream):
                    if fragment.number > sent and begins(fragment):
                        sent = fragment.number
                        yield fragment.write()
                waiting = asyncio.ensure_future(added.wait())
                await asyncio.wait([gone, waiting], return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
        finally:
            gone.cancel()


def _begins(selector: Request) -> Callable[[MediaFragment], bool]:
    """Return what tells whether a fragment is one to send."""
    match selector["StartSelectorType"]:
        case "EARLIEST":
            return lambda _fragment: True
        case "NOW":
            begin = now()
            return lambda fragment: fragment.server_timestamp >= begin
        case "FRAGMENT_NUMBER":
            number = _member(selector, "AfterFragmentNumber")
            return lambda fragment: fragment.number > number
        case "CONTINUATION_TOKEN":
            token = _member(selector, "ContinuationToken")
            return lambda fragment: fragment.number > token
        case "PRODUCER_TIMESTAMP":
            time = float(_member(selector, "StartTimestamp")) * 1000
            return lambda fragment: fragment.producer_timestamp >= time
        case "SERVER_TIMESTAMP":
            time = float(_member(selector, "StartTimestamp")) * 1000
            return lambda fragment: fragment.server_timestamp >= time
        case other:
            raise ServiceError("InvalidArgumentException", f"{other} selects nothing")


def _member(selector: Request, name: str) -> str:
    if name not in selector:
        raise invalid_argument(f"{selector['StartSelectorType']} needs {name}")
    return str(selector[name])
