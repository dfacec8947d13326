"""The service ``kinesis-video-archived-media`` of botocore's models: reads the fragments that a stream keeps."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...service.errors import invalid_argument
from ...service.http import Answer
from ...service.model import Model
from ..streams import Request, Response, Stream, Streams
from .decoder import UndecodableError
from .fragments import FragmentStore, MediaFragment
from .images import ImageGenerator, image_format

ARCHIVED_MEDIA = Model("kinesis-video-archived-media")

CONTENT_TYPE = "video/webm"

_FRAGMENTS_PER_PAGE = 100
_IMAGES_PER_PAGE = 25
# Documented for the API and absent from the service model.
_DEFAULT_INTERVAL_MS, _MIN_INTERVAL_MS = 3_000, 200
_MAX_RANGE_MS = 300_000


@dataclass
class ArchivedMedia:
    """The operations on the kept fragments of the streams of one account in one Region.

    Each is the method of its name: it takes the parsed request and returns the response.
    """

    streams: Streams
    store: FragmentStore
    images: ImageGenerator

    def list_fragments(self, request: Request) -> Response:
        """List the fragments of a time range, a page at a time."""
        fragments = self.store.of(self.streams.find(request))
        if selector := request.get("FragmentSelector"):
            by_producer = selector["FragmentSelectorType"] == "PRODUCER_TIMESTAMP"
            begin, end = _range(selector["TimestampRange"])
            fragments = [fragment for fragment in fragments if begin <= fragment.time(by_producer) <= end]
        page, rest = _page(fragments, request, _FRAGMENTS_PER_PAGE)
        return {"Fragments": [_described(fragment) for fragment in page], **rest}

    def get_media_for_fragment_list(self, request: Request) -> Answer:
        """Return fragments as Matroska, in the order of the request."""
        kept = {fragment.number: fragment for fragment in self.store.of(self.streams.find(request))}
        if missing := [number for number in request["Fragments"] if number not in kept]:
            raise invalid_argument(f"The stream has no fragments {', '.join(missing)}")
        body = b"".join(kept[number].write(timestamp="SIDE_TIMESTAMP") for number in request["Fragments"])
        return Answer(200, {"Content-Type": CONTENT_TYPE}, body)

    async def get_images(self, request: Request) -> Response:
        """Make images of a time range: for each interval the first frame in it that can be decoded."""
        stream = self.streams.find(request)
        interval = request.get("SamplingInterval", _DEFAULT_INTERVAL_MS)
        begin, end = _range(request)
        _check_images(request, stream, interval, begin, end)
        written = image_format(request)
        page, rest = _page(list(range(begin, end, interval)) or [begin], request, _IMAGES_PER_PAGE)
        by_producer = request["ImageSelectorType"] == "PRODUCER_TIMESTAMP"
        found: dict[int | None, bytes | None] = {}
        clocks = [(fragment, fragment.clock(by_producer)) for fragment in self.store.of(stream)]
        for fragment, clock in sorted(clocks, key=lambda entry: min(entry[1], default=0)):
            slot = _slot(begin, interval, {at for at in page if not found.get(at)})
            if due := {slot(time) for time in clock} - {None}:
                found.update(dict.fromkeys(due))
                with suppress(UndecodableError):
                    pictures = await self.images.pictures(fragment, clock, slot, written)
                    found.update({slot(clock[index]): made for index, made in pictures.encoded.items()})
        return {"Images": [_image(at, found) for at in page], **rest}


def _slot(begin: int, interval: int, lacking: Collection[int]) -> Callable[[int], int | None]:
    """Return a function from a time to the start of its interval; None if that interval lacks no image."""

    def slot(time: int) -> int | None:
        at = begin + (time - begin) // interval * interval
        return at if at in lacking else None

    return slot


def _check_images(request: Request, stream: Stream, interval: int, begin: int, end: int) -> None:
    stream.check_retention()
    if interval < _MIN_INTERVAL_MS:
        raise invalid_argument(f"SamplingInterval must be at least {_MIN_INTERVAL_MS}")
    if not 0 <= end - begin <= _MAX_RANGE_MS:
        raise invalid_argument(f"The range from StartTimestamp to EndTimestamp must have 0 to {_MAX_RANGE_MS} ms")
    if "WidthPixels" in request and "HeightPixels" not in request:
        raise invalid_argument("WidthPixels needs HeightPixels")


def _image(at: int, found: Mapping[int | None, bytes | None]) -> Response:
    if picture := found.get(at):
        return {"TimeStamp": at / 1000, "ImageContent": base64.b64encode(picture).decode()}
    return {"TimeStamp": at / 1000, "Error": "MEDIA_ERROR" if at in found else "NO_MEDIA"}


def _described(fragment: MediaFragment) -> Response:
    return {
        "FragmentNumber": fragment.number,
        "FragmentSizeInBytes": fragment.size,
        "ProducerTimestamp": fragment.producer_timestamp / 1000,
        "ServerTimestamp": fragment.server_timestamp / 1000,
        "FragmentLengthInMilliseconds": fragment.length,
    }


def _range(request: Request) -> tuple[int, int]:
    return round(request["StartTimestamp"] * 1000), round(request["EndTimestamp"] * 1000)


def _page(items: Sequence[Any], request: Request, default: int) -> tuple[Sequence[Any], Response]:
    """Return a page, and the member of the response with the next token."""
    begin = _decode_token(request["NextToken"]) if request.get("NextToken") else 0
    end = begin + request.get("MaxResults", default)
    rest = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(items) else {}
    return items[begin:end], rest


def _decode_token(token: str) -> int:
    try:
        begin = int(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        begin = -1
    if begin < 0:
        raise invalid_argument("NextToken is not one that this operation returned")
    return begin
