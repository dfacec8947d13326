"""Clips and sessions of HLS, read by FFmpeg."""

from __future__ import annotations

import io
import itertools
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import av
import imageio_ffmpeg
import pytest

from kinesis_video_local import LocalAws
from kinesis_video_matroska import Fragment, Track
from tests.videos import OPEN_GOP, cut, encoded
from wire import Client, put_media, written

Send = Callable[[str, Track, Sequence[Fragment]], str]
START = 1_795_252_104_000
FRAMES = 100
# With frames out of order, and three fragments: 0, 2 and 3 s.
CLOSED = ("libx264", {"bf": "2", "x264-params": "keyint=50:scenecut=0"})
RANGE = {"StartTimestamp": START // 1000, "EndTimestamp": START // 1000 + 60}
SELECTOR = {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": RANGE}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(creating_seconds=0, quotas=False, enforce_iam=True) as aws:
        yield aws


@pytest.fixture(scope="module")
def archive(client: Client) -> Any:
    return client("kinesis-video-archived-media")


@pytest.fixture(scope="module")
def send(aws: LocalAws, client: Client) -> Send:
    """Send fragments to a stream, which is created if it doesn't exist, and return its name."""
    credentials = aws.session().get_credentials()

    def send(stream: str, track: Track, fragments: Sequence[Fragment]) -> str:
        with suppress(client("kinesisvideo").exceptions.ResourceInUseException):
            client("kinesisvideo").create_stream(StreamName=stream, DataRetentionInHours=1)
        body = written([track], fragments)
        events = put_media(aws.endpoint_url, {"x-amzn-stream-name": stream}, [body], credentials=credentials)
        assert [event[0] for event in events] == ["BUFFERING", "RECEIVED", "PERSISTED"] * len(fragments)
        return stream

    return send


@pytest.fixture(scope="module")
def played(send: Send) -> str:
    """A stream with two fragments of two seconds, and a gap of a second between them."""
    track, fragments = made(*CLOSED)
    late = [replace(frame, timecode=frame.timecode + 1_000) for frame in fragments[1].frames]
    return send("played", track, [fragments[0], Fragment(late[0].timecode, late)])


def made(codec: str, options: dict[str, str]) -> tuple[Track, list[Fragment]]:
    track, frames = encoded(codec, options)
    return track, cut(frames, START)


def session(archive: Any, stream: str, **changes: Any) -> str:
    """Open a session of HLS, and return its URL."""
    request = {"PlaybackMode": "ON_DEMAND", "HLSFragmentSelector": SELECTOR, **changes}
    url: str = archive.get_hls_streaming_session_url(StreamName=stream, **request)["HLSStreamingSessionURL"]
    return url


def media_playlist(url: str) -> str:
    return get(f"{url.rpartition('/')[0]}/{get(url).splitlines()[-1]}")


def read_by_ffmpeg(source: str) -> list[float]:
    """Decode a video with ffmpeg, and return when each picture is shown, in seconds."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-xerror", "-copyts", "-i", source]
    read = subprocess.run([*command, "-f", "framecrc", "-"], capture_output=True, text=True, check=True)
    assert read.stderr == ""
    lines = read.stdout.splitlines()
    (base,) = [line.removeprefix("#tb 0: ") for line in lines if line.startswith("#tb 0: ")]
    numerator, denominator = base.split("/")
    return [int(line.split(",")[2]) * int(numerator) / int(denominator) for line in lines if not line.startswith("#")]


def test_a_clip_has_every_frame_at_its_time(archive: Any, played: str, tmp_path: Any) -> None:
    clip = archive.get_clip(StreamName=played, ClipFragmentSelector=SELECTOR)
    assert clip["ContentType"] == "video/mp4"
    (tmp_path / "clip.mp4").write_bytes(clip["Payload"].read())
    times = read_by_ffmpeg(str(tmp_path / "clip.mp4"))
    assert times == pytest.approx(
        [index / 25 + (1 if index >= FRAMES / 2 else 0) for index in range(FRAMES)], abs=0.002
    )
    # What is there before the fragment's beginning isn't in the clip.
    late = {**SELECTOR, "TimestampRange": {**RANGE, "StartTimestamp": START // 1000 + 1}}
    (tmp_path / "late.mp4").write_bytes(
        archive.get_clip(StreamName=played, ClipFragmentSelector=late)["Payload"].read()
    )
    assert len(read_by_ffmpeg(str(tmp_path / "late.mp4"))) == FRAMES / 2


def of_equal_times(track: Track, fragments: Sequence[Fragment]) -> tuple[Track, list[Fragment]]:
    """Give frames that come in pairs the same time."""
    times = [START + 80 * (index // 2) for index in range(FRAMES)]
    frames = [
        replace(frame, timecode=times[(frame.timecode - START) // 40]) for one in fragments for frame in one.frames
    ]
    return track, [Fragment(START, frames)]


@pytest.mark.parametrize(
    ("codec", "sent"),
    [
        ("hevc", lambda: made("libx265", {"x265-params": "log-level=none:pools=1:keyint=50:min-keyint=50:scenecut=0"})),
        ("h264", lambda: of_equal_times(*made(*CLOSED))),
    ],
)
def test_a_clip_of_h265_and_of_frames_with_equal_times_is_one_too(
    send: Send, archive: Any, codec: str, sent: Callable[[], tuple[Track, list[Fragment]]]
) -> None:
    send(codec, *sent())
    clip = archive.get_clip(StreamName=codec, ClipFragmentSelector=SELECTOR)["Payload"].read()
    with av.open(io.BytesIO(clip), "r") as source:
        assert source.streams.video[0].codec_context.name == codec
        assert len(list(source.decode(video=0))) == FRAMES


@pytest.mark.parametrize("mode", ["ALWAYS", "NEVER", "ON_DISCONTINUITY"])
def test_a_session_of_hls_plays_every_frame(archive: Any, played: str, mode: str) -> None:
    url = session(archive, played, DiscontinuityMode=mode, DisplayFragmentTimestamp="ALWAYS")
    times = read_by_ffmpeg(url)
    assert len(times) == FRAMES
    assert times == sorted(times)
    if mode == "NEVER":
        gap = [index for index, (early, late) in enumerate(itertools.pairwise(times)) if late - early > 0.5]
        assert gap == [FRAMES // 2 - 1]
    master = get(url)
    assert 'CODECS="avc1.' in master
    assert "RESOLUTION=128x96" in master
    media = media_playlist(url)
    assert media.count("#EXT-X-DISCONTINUITY") == (0 if mode == "NEVER" else 1)
    assert media.count("#EXTINF:2.000,") == 2
    begin = datetime.fromtimestamp(START / 1000, UTC)
    assert f"#EXT-X-PROGRAM-DATE-TIME:{begin:%Y-%m-%dT%H:%M:%S}.000Z" in media
    assert media.endswith("#EXT-X-ENDLIST\n")


@pytest.mark.parametrize("options", [CLOSED[1], OPEN_GOP])
def test_a_player_that_begins_with_a_fragment_shows_its_key_frame_first_without_a_gap(
    send: Send, archive: Any, options: dict[str, str]
) -> None:
    track, fragments = made("libx264", options)
    url = session(archive, send(f"gapless-{options['bf']}", track, fragments))
    media = media_playlist(url)
    begins = []
    for uri in [line for line in media.splitlines() if line.startswith("getMP4MediaFragment")]:
        with urllib.request.urlopen(f"{url.rpartition('/')[0]}/{uri}") as answer:
            part = answer.read()
        decoded_from, runs = part.index(b"tfdt") + 8, part.index(b"trun") + 4
        begins.append(int.from_bytes(part[decoded_from : decoded_from + 8]))
        # After the flags, the count, the offset, the first frame's flags and its size: how much later it is shown.
        assert part[runs : runs + 4] == bytes.fromhex("01000a05")
        assert part[runs + 20 : runs + 24] == bytes(4)
    # Players in browsers take no negative time, so the presentation starts at 20 s.
    seconds = [20 + (fragment.timecode - START) / 1000 for fragment in fragments]
    assert [begin / begins[0] * seconds[0] for begin in begins] == pytest.approx(seconds)


def get(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        text: str = answer.read().decode()
    return text


def test_a_session_takes_no_other_token_and_ends_when_ten_more_begin(archive: Any, played: str) -> None:
    first = session(archive, played)
    get(first)
    for url in (first[:-1], first.partition("?")[0]):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(url)
    for _ in range(10):
        session(archive, played)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(first)


def clip(archive: Any, stream: str, **changes: Any) -> None:
    archive.get_clip(StreamName=stream, ClipFragmentSelector={**SELECTOR, **changes})


BACKWARD = {"StartTimestamp": 10, "EndTimestamp": 9}
EARLY = {"StartTimestamp": 10, "EndTimestamp": 20}


def dash(archive: Any, stream: str) -> None:
    archive.get_dash_streaming_session_url(StreamName=stream)


@pytest.mark.parametrize(
    ("call", "changes", "error"),
    [
        (clip, {"TimestampRange": EARLY}, "ResourceNotFoundException"),
        (clip, {"TimestampRange": BACKWARD}, "InvalidArgumentException"),
        (session, {"PlaybackMode": "LIVE"}, "InvalidArgumentException"),
        (session, {"PlaybackMode": "LIVE_REPLAY"}, "InvalidArgumentException"),
        (session, {"ContainerFormat": "MPEG_TS"}, "InvalidArgumentException"),
        (dash, {}, "InvalidArgumentException"),
    ],
)
def test_what_cant_be_played_is_the_services_error(
    archive: Any, played: str, call: Callable[..., object], changes: dict[str, Any], error: str
) -> None:
    with pytest.raises(archive.exceptions.from_code(error)):
        call(archive, played, **changes)


def test_video_without_what_a_player_needs_is_the_services_error(send: Send, client: Client, archive: Any) -> None:
    track, fragments = made(*CLOSED)
    for name, sent, error in (
        ("nameless", replace(track, codec_private=b""), "MissingCodecPrivateDataException"),
        ("sound", replace(track, codec_id="V_MJPEG"), "UnsupportedStreamMediaTypeException"),
    ):
        send(name, sent, fragments)
        with pytest.raises(archive.exceptions.from_code(error)):
            clip(archive, name)
    send("changing", track, fragments[:1])
    send("changing", replace(track, codec_private=track.codec_private[:-1] + b"\1"), fragments[1:])
    with pytest.raises(archive.exceptions.InvalidCodecPrivateDataException):
        clip(archive, "changing")
    with pytest.raises(archive.exceptions.ResourceNotFoundException):
        clip(archive, "nobody")
    client("kinesisvideo").create_stream(StreamName="forgetful")
    with pytest.raises(archive.exceptions.NoDataRetentionException):
        clip(archive, "forgetful")
