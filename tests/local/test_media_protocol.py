"""What PutMedia makes of bytes, and of a connection that brings none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinesis_video_local.kinesisvideo.media.fragments import FragmentStore, MediaFragment
from kinesis_video_local.kinesisvideo.media.images import ImageGenerator, sampled
from kinesis_video_local.kinesisvideo.media.limits import SERVICE_LIMITS, Limits
from kinesis_video_local.kinesisvideo.media.live import LiveMedia
from kinesis_video_local.kinesisvideo.media.protocol import Begun, FragmentError, Protocol
from kinesis_video_local.kinesisvideo.media.put_media import PutMedia
from kinesis_video_local.kinesisvideo.streams import Stream, Streams
from kinesis_video_local.service.faults import Faults
from kinesis_video_local.service.http import Request
from kinesis_video_matroska import Fragment, Frame, SimpleTag, Tags, Track, write_header, write_tags

from .wire import END_OF_FRAGMENT, HEADER, IMAGE, TRACK, cluster

TWO_TRACKS = [TRACK, Track(2, "A_AAC", type=2)]
PAIR = SimpleTag("a", "b")


def received(pieces: Iterable[bytes], *, start: int = 0, limits: Limits = SERVICE_LIMITS) -> list[Any]:
    """What comes of a body: what begins and ends, and the error that ends it."""
    protocol = Protocol(start, limits)
    events: list[Any] = []
    try:
        for piece in pieces:
            events += protocol.feed(piece)
        events += protocol.close()
    except FragmentError as error:
        # What came before the error was taken already.
        events.append(error.error)
    return [described(event) for event in events]


def described(event: Any) -> Any:
    if isinstance(event, str):
        return event
    fragment: MediaFragment = event.fragment
    if isinstance(event, Begun):
        return "begun", fragment.media.timecode
    return "ended", fragment.media.timecode, len(fragment.media.frames), len(fragment.media.tags)


@cache
def capture() -> bytes:
    """Three fragments as the C producer sends them, with tags at every place where it sends some."""
    tags = write_tags(IMAGE)
    return b"".join([HEADER, tags, cluster(1_000, IMAGE), END_OF_FRAGMENT, tags, cluster(2_000), cluster(3_000, IMAGE)])


WHOLE = [
    ("begun", 1_000),
    ("ended", 1_000, 2, 2),
    ("begun", 2_000),
    ("ended", 2_000, 2, 1),
    ("begun", 3_000),
    ("ended", 3_000, 2, 1),
]


def test_the_capture_is_received_in_pieces_of_one_byte() -> None:
    assert received([capture()]) == received(bytes([byte]) for byte in capture()) == WHOLE


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(capture())), max_size=6))
def test_the_capture_is_received_in_pieces_of_any_size(cuts: list[int]) -> None:
    ends = sorted(cuts)
    pieces = [capture()[begin:end] for begin, end in zip([0, *ends], [*ends, len(capture())], strict=True)]
    assert received(pieces) == WHOLE


def test_a_body_that_is_cut_at_any_byte_gives_what_was_complete_and_at_most_an_error() -> None:
    for cut in range(len(capture())):
        events = received([capture()[:cut]])
        complete = [event for event in events if event[0] == "ended"]
        # A cut between two elements is the end of a body, so the last fragment may have fewer frames or tags.
        assert [event[1] for event in complete] == [1_000, 2_000, 3_000][: len(complete)]
        assert complete[:-1] == [event for event in WHOLE if event[0] == "ended"][: max(len(complete) - 1, 0)]
        assert [event for event in events if isinstance(event, str)] in (
            [],
            ["INVALID_MKV_DATA"],
            ["FRAMES_MISSING_FOR_TRACK"],
        )


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(capture())))
def test_no_bytes_break_it(noise: bytes, at: int) -> None:
    received([capture()[:at] + noise + capture()[at:]])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"GET / HTTP/1.1", "INVALID_MKV_DATA"),
        (HEADER + HEADER, "INVALID_MKV_DATA"),
        (HEADER + HEADER[HEADER.index(b"\x16\x54\xae\x6b") :], "INVALID_MKV_DATA"),
        (HEADER + cluster(1_000)[:-1], "INVALID_MKV_DATA"),
        (write_tags(IMAGE) + cluster(1_000), "TRACK_NUMBER_MISMATCH"),
        (HEADER + cluster(1_000, track=2), "TRACK_NUMBER_MISMATCH"),
        (write_header(TWO_TRACKS) + cluster(1_000), "FRAMES_MISSING_FOR_TRACK"),
        (HEADER + cluster(1_000, frames=0), "FRAMES_MISSING_FOR_TRACK"),
        (write_header([*TWO_TRACKS, *TWO_TRACKS]), "MORE_THAN_ALLOWED_TRACKS_FOUND"),
        (HEADER + cluster(1_000) + cluster(1_000), "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS"),
        # The last frame of the first one is at 1,900.
        (HEADER + cluster(1_000, frames=10) + cluster(1_900), "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS"),
        (HEADER + cluster(1_000, frames=202), "MAX_FRAGMENT_DURATION_REACHED"),
        (HEADER + cluster(1_000, frames=6, data=bytes(10_000_000)), "MAX_FRAGMENT_SIZE_REACHED"),
        (HEADER + cluster(1_000, frames=1, data=bytes(50_000_001)), "MAX_FRAGMENT_SIZE_REACHED"),
        (HEADER + cluster(1_000, Tags((PAIR,) * 11)), "FRAGMENT_METADATA_LIMIT_REACHED"),
        (HEADER + cluster(1_000, Tags((PAIR,) * 10)) + END_OF_FRAGMENT, "FRAGMENT_METADATA_LIMIT_REACHED"),
        (HEADER + cluster(1_000, Tags((SimpleTag("n" * 129),))), "FRAGMENT_METADATA_LIMIT_REACHED"),
        (HEADER + cluster(1_000, Tags((SimpleTag("n", "ü" * 129),))), "FRAGMENT_METADATA_LIMIT_REACHED"),
        (HEADER + cluster(1 << 60), "INVALID_PRODUCER_TIMESTAMP"),
    ],
)
def test_what_breaks_a_limit_is_an_error(body: bytes, error: str) -> None:
    assert received([body])[-1] == error


@pytest.mark.parametrize(
    "body",
    [
        HEADER + cluster(1_000, frames=201),
        HEADER + cluster(1_000, Tags((PAIR,) * 10)),
        HEADER + cluster(1_000, Tags((PAIR,) * 9)) + END_OF_FRAGMENT,
        HEADER + cluster(1_000, Tags((SimpleTag("n" * 128, "ü" * 128),))),
        HEADER + cluster(1_000, frames=10) + cluster(1_901),
        b"",
        write_tags(IMAGE) + END_OF_FRAGMENT,
    ],
)
def test_what_keeps_the_limits_is_none(body: bytes) -> None:
    assert not [event for event in received([body]) if isinstance(event, str)]


@pytest.mark.parametrize(
    ("times", "interval", "chosen"),
    [
        ([0, 100, 200, 300], 100, [0, 1, 2, 3]),
        ([0, 100, 200, 300], 150, [0, 2, 3]),
        # The grid stays where it was when frames are missing.
        ([5, 105, 1_005, 1_105, 1_255], 250, [0, 2, 4]),
        # Frames may come in another order than they are shown.
        ([0, 300, 100, 200], 100, [0, 2, 3, 1]),
        ([7], 1_000, [0]),
        ([], 1_000, []),
    ],
)
def test_the_first_frame_after_each_interval_is_chosen(times: list[int], interval: int, chosen: list[int]) -> None:
    assert sampled(times, interval) == chosen


def test_only_the_newest_fragments_are_kept() -> None:
    async def kept() -> list[int]:
        stream = Streams("000000000000", "us-east-1").create(
            {"StreamName": "a", "DataRetentionInHours": 1}, creating_seconds=0
        )
        store = FragmentStore(max_bytes=10_000)
        for number in range(20):
            media = Fragment(number, [Frame(1, number, True, bytes(1_000))])
            store.add(stream, MediaFragment(str(number), number, 1 << 50, [TRACK], media))
        return [fragment.media.timecode for fragment in store.of(stream)]

    assert asyncio.run(kept()) == list(range(13, 20))


def test_get_media_ends_when_its_client_goes_away() -> None:
    async def pieces() -> list[bytes]:
        streams, store, gone = Streams("000000000000", "us-east-1"), FragmentStore(), asyncio.Event()
        stream = streams.create({"StreamName": "a", "DataRetentionInHours": 1}, creating_seconds=0)

        async def client_gone() -> None:
            await gone.wait()

        media = Fragment(1_000, [Frame(1, 1_000, True, b"frame")])
        store.add(stream, MediaFragment("1", 1_000, 1 << 50, [TRACK], media))
        request = {"StreamName": "a", "StartSelector": {"StartSelectorType": "EARLIEST"}}
        answer = LiveMedia(streams, store, client_gone).get_media(request)
        assert not isinstance(answer.body, bytes)
        first = await anext(answer.body)
        asyncio.get_running_loop().call_later(0.05, gone.set)
        return [first, *[piece async for piece in answer.body]]

    assert len(asyncio.run(pieces())) == 1


class Sender:
    """A request whose body comes in pieces, with a pause before each."""

    def __init__(self, pieces: Sequence[tuple[float, bytes]]) -> None:
        self._pieces = iter(pieces)

    def __aiter__(self) -> Sender:
        return self

    async def __anext__(self) -> bytes:
        pause, piece = next(self._pieces, (3_600, b""))
        await asyncio.sleep(pause)
        return piece


class Anybody:
    """A caller who may do everything."""

    account, region = "000000000000", "us-east-1"

    def identity(self) -> dict[str, Any]:
        return {}

    def authenticate(self, body: bytes) -> None: ...

    def check(self, action: str, resource: str) -> None: ...

    def key_error(self, key_id: str) -> str | None: ...

    async def put_object(self, bucket: str, key: str, headers: Any, body: bytes) -> None: ...

    def publish(self, topic_arn: str, subject: str, message: str) -> None: ...


async def connected(limits: Limits, pieces: Sequence[tuple[float, bytes]]) -> list[tuple[Any, ...]]:
    """Send a body that doesn't end, and return the acknowledgements."""
    streams = Streams("000000000000", "us-east-1")
    stream: Stream = streams.create({"StreamName": "front-door"}, creating_seconds=0)
    faults = Faults({})
    put_media = PutMedia(
        lambda _: streams, FragmentStore(), ImageGenerator(faults), faults, lambda *_: None, limits=limits
    )
    headers = {"x-amzn-stream-arn": stream.arn, "x-amzn-fragment-timecode-type": "ABSOLUTE"}

    async def gone() -> None: ...

    request = Request("POST", "/putMedia", headers, Sender(pieces), Anybody(), "http", gone)
    answer = await put_media.operation().run(request, b"")
    assert not isinstance(answer.body, bytes)
    written = [json.loads(piece) async for piece in answer.body]
    return [tuple(entry.get(name) for name in ("EventType", "FragmentTimecode", "ErrorId")) for entry in written]


def test_a_connection_without_data_is_told_so_and_ends() -> None:
    limits = Limits(idle_seconds=0.3, idle_acknowledgement_seconds=0.12)
    received = asyncio.run(connected(limits, [(0, HEADER), (0, cluster(1_000))]))
    assert received[0] == ("BUFFERING", 1_000, None)
    assert set(received[1:-1]) == {("IDLE", 1_000, None)}
    # The end of the connection is the end of the fragment.
    assert received[-1] == ("RECEIVED", 1_000, None)


def test_a_connection_that_is_too_old_ends_with_an_error() -> None:
    limits = Limits(connection_seconds=0.2)
    pieces = [(0.05, HEADER), *((0.05, cluster(number * 1_000)) for number in range(1, 100))]
    received = asyncio.run(connected(limits, pieces))
    begun = [timecode for event_type, timecode, _ in received if event_type == "BUFFERING"]
    # It is about the fragment that is being received, if there is one.
    assert received[-1] == ("ERROR", begun[-1] if begun else None, 4003)
