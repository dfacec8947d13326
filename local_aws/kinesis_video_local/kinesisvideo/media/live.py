"""The service ``kinesis-video-media`` of botocore's models: a stream as it is received."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from kinesis_video_matroska import write_header, write_tags
from kinesis_video_tools.camera.acknowledgements import ERRORS

from ...service.errors import invalid_argument
from ...service.http import Answer, Caller
from ...service.model import Model
from ..streams import Request, Stream, Streams
from .archive import CONTENT_TYPE
from .fragments import FragmentStore, MediaFragment, service_tags

LIVE_MEDIA = Model("kinesis-video-media")

_FRAGMENT_NOT_FOUND = "4000", "Requested fragment is not found"


@dataclass
class LiveMedia:
    """The operation on the streams of one account in one Region."""

    streams: Streams
    store: FragmentStore
    client_gone: Callable[[], Awaitable[None]]
    """Returns when the client has gone away."""
    caller: Caller

    def get_media(self, request: Request) -> Answer:
        """Send the fragments from the selected one on, and each new one, until the client goes away."""
        stream = self.streams.find(request)
        selector = request["StartSelector"]
        kept = self.store.of(stream)
        after = _after(selector)
        if key_error := self.caller.key_error(stream.kms_key_id, "kms:Decrypt"):
            return Answer(200, {"Content-Type": CONTENT_TYPE}, _error(str(ERRORS[key_error][0]), key_error))
        if after is not None and after not in {fragment.number for fragment in kept}:
            return Answer(200, {"Content-Type": CONTENT_TYPE}, _error(*_FRAGMENT_NOT_FOUND))
        if selector["StartSelectorType"] == "NOW" and kept:
            after = kept[-1].number
        return Answer(200, {"Content-Type": CONTENT_TYPE}, self._fragments(stream, after or "", _begins(selector)))

    async def _fragments(
        self, stream: Stream, sent: str, begins: Callable[[MediaFragment], bool]
    ) -> AsyncGenerator[bytes, None]:
        gone = asyncio.ensure_future(self.client_gone())
        begun = False
        try:
            while not gone.done():
                # Read first, since fragments may be added while others are sent.
                added = self.store.added
                kept = self.store.of(stream)
                for fragment in kept:
                    begun = begun or (fragment.number > sent and begins(fragment))
                    if begun and fragment.number > sent:
                        sent = fragment.number
                        newest = (self.store.of(stream) or kept)[-1]
                        behind = newest.server_timestamp - fragment.server_timestamp
                        place = {"MILLIS_BEHIND_NOW": str(behind), "CONTINUATION_TOKEN": fragment.number}
                        yield fragment.write(last=service_tags(place))
                waiting = asyncio.ensure_future(added.wait())
                await asyncio.wait([gone, waiting], return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
        finally:
            gone.cancel()


async def _error(error_id: str, description: str) -> AsyncGenerator[bytes, None]:
    """Send an error in the body, as the service does after its 200."""
    yield write_header([]) + write_tags(service_tags({"ERROR_CODE": description, "ERROR_ID": error_id}))


def _after(selector: Request) -> str | None:
    """Return the number of the fragment after which a selector begins; None if it names none."""
    match selector["StartSelectorType"]:
        case "FRAGMENT_NUMBER":
            return _member(selector, "AfterFragmentNumber")
        case "CONTINUATION_TOKEN":
            return _member(selector, "ContinuationToken")
    return None


def _begins(selector: Request) -> Callable[[MediaFragment], bool]:
    """Return a function that tells whether a fragment is the first one to send."""
    match selector["StartSelectorType"]:
        case "PRODUCER_TIMESTAMP":
            time = float(_member(selector, "StartTimestamp")) * 1000
            return lambda fragment: fragment.producer_timestamp + fragment.length >= time
        case "SERVER_TIMESTAMP":
            time = float(_member(selector, "StartTimestamp")) * 1000
            return lambda fragment: max(fragment.arrivals, default=fragment.server_timestamp) >= time
    return lambda _fragment: True


def _member(selector: Request, name: str) -> str:
    if name not in selector:
        raise invalid_argument(f"{selector['StartSelectorType']} needs {name}")
    return str(selector[name])
