"""PutMedia with bytes of all kinds, and with a connection that sends none."""

from __future__ import annotations

import asyncio
import json
import selectors
import time
from collections.abc import AsyncGenerator, Iterable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinesis_video_local.kinesisvideo.media.fragments import FragmentStore, MediaFragment
from kinesis_video_local.kinesisvideo.media.images import ImageGenerator
from kinesis_video_local.kinesisvideo.media.live import LiveMedia
from kinesis_video_local.kinesisvideo.media.protocol import Begun, FragmentError, Protocol
from kinesis_video_local.kinesisvideo.media.put_media import PutMedia
from kinesis_video_local.kinesisvideo.streams import Stream, Streams
from kinesis_video_local.service.errors import ServiceError
from kinesis_video_local.service.faults import Fault, Faults
from kinesis_video_local.service.http import Request
from kinesis_video_matroska import (
    Cluster,
    Fragment,
    Frame,
    Reader,
    SimpleTag,
    Tags,
    Track,
    write_header,
    write_tags,
)
from wire import END_OF_FRAGMENT, HEADER, IMAGE, TRACK, cluster

TWO_TRACKS = [TRACK, Track(2, "A_AAC", type=2)]
PAIR = SimpleTag("a", "b")


def received(pieces: Iterable[bytes]) -> list[Any]:
    """Return what begins and ends in a body, and the error that ends it."""
    protocol = Protocol(0)
    events: list[Any] = []
    try:
        for piece in pieces:
            events += protocol.feed(piece)
        events += protocol.close()
    except FragmentError as error:
        # What came before the error was taken already.
        events.append(str(error))
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


def stream_that_retains_an_hour(streams: Streams) -> Stream:
    return streams.create({"StreamName": "a", "DataRetentionInHours": 1}, creating_seconds=0)


def stored(number: int, *, age_seconds: float = 0, frames: int = 1) -> MediaFragment:
    """A fragment that begins after this many seconds, with a frame of a kilobyte every 100 ms."""
    begin = number * 1_000
    media = Fragment(begin, [Frame(1, begin + 100 * index, True, bytes(1_000)) for index in range(frames)])
    return MediaFragment(f"{number:047d}", begin, round((time.time() - age_seconds) * 1_000), [TRACK], media)


@pytest.mark.parametrize(
    ("ages", "max_bytes", "kept"),
    [([0] * 20, 10_000, list(range(13, 20))), ([3_660, 3_540, 0], 1_000_000, [1, 2])],
    ids=["the newest", "those within the retention"],
)
def test_fragments_are_kept(ages: list[float], max_bytes: int, kept: list[int]) -> None:
    async def store() -> list[int]:
        stream = stream_that_retains_an_hour(Streams("000000000000", "us-east-1"))
        store = FragmentStore(max_bytes)
        for number, age in enumerate(ages):
            store.add(stream, stored(number, age_seconds=age))
        return [int(fragment.number) for fragment in store.of(stream)]

    assert asyncio.run(store()) == kept


class Reading:
    """A stream that is read with GetMedia, until its client is gone."""

    def __init__(self, *fragments: MediaFragment) -> None:
        self._streams, self._store, self.gone = Streams("000000000000", "us-east-1"), FragmentStore(), asyncio.Event()
        self._stream = stream_that_retains_an_hour(self._streams)
        self.add(*fragments)

    def add(self, *fragments: MediaFragment) -> None:
        for fragment in fragments:
            self._store.add(self._stream, fragment)

    def start(self, selector: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        async def client_gone() -> None:
            await self.gone.wait()

        media = LiveMedia(self._streams, self._store, client_gone, Anybody())
        body = media.get_media({"StreamName": "a", "StartSelector": selector}).body
        assert isinstance(body, AsyncGenerator)
        return body


def test_get_media_misses_nothing_and_ends_when_its_client_goes_away() -> None:
    async def pieces() -> list[bytes]:
        reading = Reading(stored(1))
        body = reading.start({"StartSelectorType": "EARLIEST"})
        first = await anext(body)
        # It comes while the first one is being sent.
        reading.add(stored(2))
        async with asyncio.timeout(20):
            second = await anext(body)
        asyncio.get_running_loop().call_later(0.05, reading.gone.set)
        return [first, second, *[piece async for piece in body]]

    assert len(asyncio.run(pieces())) == 2


@pytest.mark.parametrize(
    ("selector", "first"),
    [
        ({"StartSelectorType": "EARLIEST"}, 1),
        ({"StartSelectorType": "NOW"}, 4),
        ({"StartSelectorType": "FRAGMENT_NUMBER", "AfterFragmentNumber": f"{2:047d}"}, 3),
        ({"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": f"{1:047d}"}, 2),
        # The fragment that has a frame at that time or later: they end after 0.1 s.
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": 0.5}, 1),
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": 1.05}, 1),
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": 1.5}, 2),
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": 2}, 2),
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": 2.1}, 2),
        ({"StartSelectorType": "SERVER_TIMESTAMP", "StartTimestamp": time.time() - 1_000}, 3),
    ],
)
def test_get_media_begins_where_it_is_told_to(selector: dict[str, Any], first: int) -> None:
    async def begin() -> int:
        ages = {1: 3_400, 2: 3_300, 3: 100}
        reading = Reading(*(stored(number, age_seconds=age, frames=2) for number, age in ages.items()))
        body = reading.start(selector)
        reading.add(stored(4, age_seconds=-1))
        async with asyncio.timeout(20):
            piece = await anext(body)
        await body.aclose()
        return next(element.timecode for element in Reader().feed(piece) if isinstance(element, Cluster)) // 1_000

    assert asyncio.run(begin()) == first


def test_fragments_that_wait_for_their_images_have_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    async def submit() -> None:
        stream = stream_that_retains_an_hour(Streams("000000000000", "us-east-1"))
        stream.image_generation = {"Status": "ENABLED"}
        faults = Faults({"PutMedia.Images": ()})
        faults.add(Fault("PutMedia.Images", times=3, delay_seconds=1_000))
        images = ImageGenerator(faults)
        for number in range(3):
            media = Fragment(number, [Frame(1, number, True, bytes(40_000_000))], [IMAGE])
            images.submit(stream, MediaFragment(f"fragment {number}", number, 0, [TRACK], media), Anybody())

    asyncio.run(submit())
    assert [record.getMessage() for record in caplog.records] == [
        "no images of fragment fragment 2: this machine can't keep up"
    ]


def test_a_stream_that_is_created_is_not_there_yet() -> None:
    with pytest.raises(ServiceError, match="CREATING") as refusal:
        connected([], creating_seconds=1_000)
    assert refusal.value.code == "ResourceNotFoundException"


class NoWaiting(selectors.DefaultSelector):
    """Waits for nothing, and moves the clock of its loop instead."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Without a timeout, or with none left, something is ready.
        self.waited += timeout or 0
        return super().select(0 if timeout else timeout)


class Clockwork(asyncio.SelectorEventLoop):
    """A loop in which hours pass at once."""

    def __init__(self) -> None:
        self._waiting = NoWaiting()
        super().__init__(self._waiting)

    def time(self) -> float:
        return self._waiting.waited


class Sender:
    """A request whose body comes in pieces, with a pause before each; it doesn't end."""

    def __init__(self, pieces: Iterable[tuple[float, bytes]]) -> None:
        self._pieces = iter(pieces)
        self._coming: tuple[float, bytes] | None = None

    def __aiter__(self) -> Sender:
        return self

    async def __anext__(self) -> bytes:
        clock = asyncio.get_running_loop()
        if self._coming is None:
            pause, piece = next(self._pieces, (1e6, b""))
            self._coming = clock.time() + pause, piece
        due, piece = self._coming
        # The caller may give up waiting and come back.
        await asyncio.sleep(due - clock.time())
        self._coming = None
        return piece


class Anybody:
    """A caller who may do everything."""

    account, region = "000000000000", "us-east-1"

    def identity(self) -> dict[str, Any]:
        return {}

    def authenticate(self, body: bytes) -> None: ...

    def check(self, action: str, resource: str) -> None: ...

    def key_error(self, key_id: str, action: str) -> str | None: ...

    async def put_object(self, bucket: str, key: str, headers: Any, body: bytes) -> None: ...

    def publish(self, topic_arn: str, subject: str, message: str) -> None: ...


def connected(
    pieces: Iterable[tuple[float, bytes]], *, paced: bool = True, creating_seconds: float = 0
) -> list[tuple[Any, ...]]:
    """Send a body that doesn't end and return the acknowledgements.

    Each is its second, its type, its timecode and its error.
    """

    async def acknowledgements() -> list[tuple[Any, ...]]:
        streams = Streams("000000000000", "us-east-1")
        stream: Stream = streams.create({"StreamName": "front-door"}, creating_seconds=creating_seconds)
        faults = Faults({})
        put_media = PutMedia(lambda _: streams, FragmentStore(), ImageGenerator(faults), faults, lambda *_: None, paced)
        headers = {"x-amzn-stream-arn": stream.arn, "x-amzn-fragment-timecode-type": "ABSOLUTE"}

        async def gone() -> None: ...

        request = Request("POST", "/putMedia", headers, Sender(pieces), Anybody(), "http", gone)
        answer = await put_media.operation().run(request, b"")
        assert not isinstance(answer.body, bytes)
        clock = asyncio.get_running_loop()
        return [(round(clock.time(), 3), *read(piece)) async for piece in answer.body]

    def read(piece: bytes) -> tuple[Any, ...]:
        entry = json.loads(piece)
        return tuple(entry.get(name) for name in ("EventType", "FragmentTimecode", "ErrorId"))

    with asyncio.Runner(loop_factory=Clockwork) as runner:
        return runner.run(acknowledgements())


def test_a_connection_without_data_is_told_so_for_30_seconds_and_ends() -> None:
    assert connected([(0, HEADER), (5, cluster(1_000))]) == [
        (5, "BUFFERING", 1_000, None),
        (15, "IDLE", 1_000, None),
        (25, "IDLE", 1_000, None),
        (35, "IDLE", 1_000, None),
        # The end of the connection is the end of the fragment.
        (35, "RECEIVED", 1_000, None),
    ]


def test_a_connection_that_brought_nothing_at_all_is_idle_as_well() -> None:
    assert connected([]) == [(second, "IDLE", None, None) for second in (10, 20, 30)]


def test_a_connection_ends_after_45_minutes_with_an_error() -> None:
    pieces = [(0, HEADER), *((20, cluster(number * 20_000)) for number in range(1, 1_000))]
    received = connected(pieces)
    # It is about the fragment that is being received.
    assert received[-1] == (45 * 60, "ERROR", 45 * 60_000 - 20_000, 4003)
    assert [entry[0] for entry in received if entry[1] == "BUFFERING"] == list(range(20, 45 * 60, 20))


@pytest.mark.parametrize(("paced", "seconds"), [(True, 9), (False, 0)])
def test_five_fragments_a_second_are_read(paced: bool, seconds: int) -> None:
    # A second's worth is read at once.
    pieces = [(0, HEADER), *((0, cluster(number * 1_000)) for number in range(1, 52))]
    begun = [entry for entry in connected(pieces, paced=paced) if entry[1] == "BUFFERING"]
    assert (len(begun), begun[-1][0]) == (51, seconds)


def test_a_hundred_megabits_a_second_are_read() -> None:
    # Five fragments of 25 MB take 10 seconds, and the last one needs not to have been paid for.
    pieces = [(0, HEADER), *((0, cluster(number * 1_000, data=bytes(12_500_000))) for number in range(1, 6))]
    begun = [entry for entry in connected(pieces) if entry[1] == "BUFFERING"]
    assert [round(entry[0]) for entry in begun] == [0, 1, 3, 5, 7]
