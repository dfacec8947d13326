"""Video from files, which FFmpeg has written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
from av.video.reformatter import Colorspace, ColorTrc

import wire
from kinesis_video_matroska import Fragment, Frame, Track, write_header
from kinesis_video_tools.camera import ClockVideo, VideoFile
from tests.videos import RATE, decoded, encoded, written

from .clock_reader import read_clock

START = 1795252104607


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a producer would send: six seconds of the test picture, in fragments of two seconds."""
    path = tmp_path_factory.mktemp("own") / "own.mkv"
    video = ClockVideo("front-door", width=160, height=96, frame_rate=5)
    path.write_bytes(wire.written([video.track], islice(video.fragments(START), 3)))
    return path


def repack(source: Path, target: Path) -> Path:
    """Do what `ffmpeg -i SOURCE -map 0:v:0 -c copy TARGET` does."""
    with av.open(source) as read, av.open(target, "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(read.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    return target


@pytest.mark.parametrize("repacked", [False, True])
def test_a_file_is_sent_as_it_is(own: Path, repacked: bool) -> None:
    # Another layout: known sizes, an index, block groups.
    video = VideoFile(repack(own, own.with_name("repacked.mkv")) if repacked else own)
    fragments = list(video.fragments(START))
    drawn = list(islice(ClockVideo("front-door", width=160, height=96, frame_rate=5).fragments(START), 3))
    assert [fragment.frames for fragment in fragments] == [fragment.frames for fragment in drawn]
    assert video.duration(None) == pytest.approx(5.8)
    for fragment in fragments:
        first, *_ = decoded(video.track, fragment.frames)
        assert read_clock(first.to_image(), 160, 96) == fragment.timecode


def test_the_video_begins_when_it_is_told_to(own: Path) -> None:
    fragments = list(VideoFile(own).fragments(1_000_000))
    assert [fragment.timecode for fragment in fragments] == [1_000_000, 1_002_000, 1_004_000]


def test_a_video_with_frames_out_of_order_is_sent_in_the_order_of_decoding(tmp_path: Path) -> None:
    # Sets of pictures of half a second, with B-frames: fragments take two of them to last a second.
    options = {"g": "13", "bf": "2", "sc_threshold": "0", "forced_idr": "1"}
    (tmp_path / "b.mkv").write_bytes(written("matroska", "libx264", options))
    video = VideoFile(tmp_path / "b.mkv")
    fragments = list(video.fragments(START))
    assert [fragment.timecode - START for fragment in fragments] == [0, 1040, 2080, 3120]
    assert [[frame.key for frame in fragment.frames].count(True) for fragment in fragments] == [2, 2, 2, 2]
    assert [frame.timecode for frame in fragments[0].frames] != sorted(frame.timecode for frame in fragments[0].frames)
    assert [len(decoded(video.track, fragment.frames)) for fragment in fragments] == [26, 26, 26, 22]


H264 = {"g": "25", "sc_threshold": "0"}


@cache
def h264(container: str, **options: str) -> bytes:
    return written(container, "libx264", {**H264, **options}, seconds=2)


@cache
def web() -> bytes:
    return written("webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "5"}, seconds=1)


@cache
def one_key_frame(container: str) -> bytes:
    return written(container, "libx264", {"g": "999", "sc_threshold": "0", "preset": "ultrafast"}, seconds=21)


def thumbnail_first() -> bytes:
    """A picture on a track of its own before the video."""
    track, frames = encoded("libx264", H264, seconds=2)
    thumbnail = Track(1, "V_MJPEG", width=64, height=48)
    moved = [replace(frame, track=2) for frame in frames]
    fragment = Fragment(0, [Frame(1, 0, True, b"no picture"), *moved])
    return wire.written([thumbnail, replace(track, number=2)], [fragment])


def compressed() -> bytes:
    """A file whose frames lack their first bytes, which its header has, as Matroska can compress them."""
    track, frames = encoded("libx264", {**H264, "bf": "0"}, seconds=2)
    # ContentEncodings of one ContentEncoding: ContentCompression by header stripping, with the bytes 0000.
    encoding = bytes.fromhex("6d80 8f 6240 8c 5034 89 4254 81 03 4255 82 0000")
    name = bytes.fromhex("536e 8f") + b"kvs_video_track"
    assert len(encoding) == len(name)
    stripped = [replace(frame, data=frame.data.removeprefix(bytes(2))) for frame in frames]
    file = wire.written([replace(track, name="kvs_video_track")], [Fragment(0, stripped)])
    return file.replace(name, encoding)


RARE = "has no key frame for more than 20 s"

KINDS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    # The file, its codec if it is sent as it is, and what is wrong with it if it isn't.
    "porch.mp4": (lambda: h264("mp4"), "V_MPEG4/ISO/AVC", ""),
    "porch.ts": (lambda: h264("mpegts"), "V_MPEG4/ISO/AVC", ""),
    "porch.flv": (lambda: h264("flv"), "V_MPEG4/ISO/AVC", ""),
    "compressed.mkv": (compressed, "V_MPEG4/ISO/AVC", ""),
    "front door's.mp4": (
        lambda: written("mp4", "libx265", {"x265-params": "log-level=none"}, seconds=2),
        "V_MPEGH/ISO/HEVC",
        "",
    ),
    "-raw.h264": (lambda: h264("h264"), "", "has video without timestamps"),
    "12:30.avi": (lambda: h264("avi"), "", "has video without timestamps"),
    "motion.avi": (lambda: written("avi", "mjpeg", pixels="yuvj420p", seconds=2), "", "has video of the codec mjpeg"),
    "motion.mkv": (
        lambda: written("matroska", "mjpeg", pixels="yuvj420p", seconds=2),
        "",
        "has video of the codec V_MJPEG",
    ),
    "odd.mkv": (
        lambda: written("matroska", "mpeg4", size=(127, 95), seconds=2),
        "",
        "has video of the codec V_MPEG4/ISO/ASP",
    ),
    "phone.mov": (lambda: one_key_frame("mov"), "", RARE),
    "phone.mkv": (lambda: one_key_frame("matroska"), "", RARE),
    "web.webm": (
        lambda: written("webm", "libvpx-vp9", {"deadline": "realtime"}, seconds=2),
        "",
        "has video of the codec V_VP9",
    ),
}


@pytest.fixture
def kind(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of `KINDS`, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path(request.param).write_bytes(KINDS[request.param][0]())
    return Path(request.param)


@pytest.fixture
def no_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)


def check(video: VideoFile) -> None:
    """Each frame can be decoded, and is shown when its timecode says."""
    shown: list[int] = []
    for fragment in video.fragments(START):
        times = [picture.pts or 0 for picture in decoded(video.track, fragment.frames)]
        assert len(times) == len(fragment.frames)
        assert times == sorted(times)
        assert times[-1] - times[0] <= 20_000
        shown += times
    assert {later - earlier for earlier, later in pairwise(shown)} == {1000 // RATE}


@pytest.mark.parametrize("kind", KINDS, indirect=True)
def test_with_pyav_each_file_is_sent_and_what_no_stream_takes_is_encoded_again(kind: Path) -> None:
    _, codec, fault = KINDS[kind.name]
    video = VideoFile(kind)
    assert video.track.codec_id == codec or (fault and video.track.codec_id == "V_MPEG4/ISO/AVC")
    h265 = ["the video is H.265, and AWS documents no images of it; it is sent as it is"] if "HEVC" in codec else []
    assert video.warnings == ([f"the file {fault}; it is encoded again as H.264"] if fault else h265)
    check(video)


@pytest.mark.parametrize("kind", KINDS, indirect=True)
def test_without_pyav_the_line_of_a_refusal_makes_a_file_that_is_sent(kind: Path, no_pyav: None) -> None:
    with pytest.raises(ValueError, match=r"^`file` is .*; install PyAV .* or make another one with ffmpeg ") as refusal:
        VideoFile(kind)
    # As a user pastes it.
    line = str(refusal.value).partition(" or make another one with ")[2]
    Path("bin").mkdir()
    Path("bin/ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    environment = {**os.environ, "PATH": f"{Path('bin').resolve()}:{os.environ['PATH']}"}
    done = subprocess.run(line, shell=True, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    video = VideoFile(f"{kind.stem}-kinesis.mkv")
    assert video.warnings == []
    check(video)


def test_the_video_is_the_first_track_that_can_be_sent(tmp_path: Path) -> None:
    (tmp_path / "thumbnail.mkv").write_bytes(thumbnail_first())
    video = VideoFile(tmp_path / "thumbnail.mkv")
    assert (video.track.codec_id, video.track.number, video.warnings) == ("V_MPEG4/ISO/AVC", 1, [])
    check(video)


@pytest.mark.parametrize(("zeros", "whole_frames"), [(0, 49), (5_000, 50)])
def test_a_recording_that_was_cut_is_sent_as_far_as_it_goes(tmp_path: Path, zeros: int, whole_frames: int) -> None:
    whole = written("matroska", "libx264", {**H264, "bf": "0"}, seconds=2)
    # Without FFmpeg's index, which comes last.
    (tmp_path / "cut.mkv").write_bytes(whole[: whole.rindex(bytes.fromhex("1c53bb6b")) - 100] + bytes(zeros))
    video = VideoFile(tmp_path / "cut.mkv")
    frames = [frame for fragment in video.fragments(START) for frame in fragment.frames]
    assert len(frames) == whole_frames
    assert len(video.warnings) == 1
    assert "as one does that was cut; what comes before is sent" in video.warnings[0]


DAMAGED = "the file is damaged or cut; what FFmpeg reads of it is sent"
UPRIGHT, ON_ITS_SIDE = (
    b"".join(number.to_bytes(4, signed=True) for number in (*matrix, 0, 0, 1 << 30))
    for matrix in ((1 << 16, 0, 0, 0, 1 << 16, 0), (0, 1 << 16, 0, -1 << 16, 0, 0))
)


@pytest.mark.parametrize(
    ("name", "content", "frames", "warnings"),
    [
        ("cut.flv", lambda: h264("flv")[:-300], None, [DAMAGED]),
        (
            "cut.webm",
            lambda: web()[: len(web()) * 3 // 4],
            None,
            [DAMAGED, "the file has video of the codec V_VP9; it is encoded again"],
        ),
        ("twice.mkv", lambda: h264("matroska") * 2, 100, ["the file has timestamps that go back; it is encoded again"]),
        # FFmpeg expects frames out of order, and none is.
        ("in-order.mp4", lambda: h264("mp4", **{"x264-params": "b-adapt=2:scenecut=0", "g": "2"}), 50, []),
        ("phone.mp4", lambda: h264("mp4").replace(UPRIGHT, ON_ITS_SIDE), 50, ["players rotate the video by "]),
    ],
)
def test_the_user_is_warned_of_what_becomes_of_a_file(
    tmp_path: Path, name: str, content: Callable[[], bytes], frames: int | None, warnings: list[str]
) -> None:
    (tmp_path / name).write_bytes(content())
    video = VideoFile(tmp_path / name)
    times = sorted(frame.timecode for fragment in video.fragments(START) for frame in fragment.frames)
    assert frames is None or len(set(times)) == frames
    assert len(video.warnings) == len(warnings)
    assert all(said.startswith(warning) for said, warning in zip(video.warnings, warnings, strict=True))


@pytest.mark.parametrize(("container", "codec"), [("mov", "libx264"), ("webm", "libvpx-vp9")])
def test_the_colours_stay_what_they_are(tmp_path: Path, container: str, codec: str) -> None:
    colours = {"colorspace": "bt709", "color_trc": "bt709"}
    (tmp_path / "hd").write_bytes(written(container, codec, colours, seconds=1))
    video = VideoFile(tmp_path / "hd")
    picture, *_ = decoded(video.track, next(video.fragments(START)).frames)
    assert (picture.colorspace, picture.color_trc) == (Colorspace.ITU709, ColorTrc.BT709)


def sound() -> bytes:
    return write_header([Track(1, "A_AAC", type=2)])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty; record it again, or use another one"),
        (sound(), "has no video; use a file with H.264 video"),
        (
            b"no video" * 100,
            r"FFmpeg can't read \(Invalid data found when processing input\); record it again, or use ",
        ),
        (written("mp4", "libx264", H264, seconds=1)[:3_000], r"FFmpeg can't read \(Invalid data"),
        (write_header([ClockVideo("porch").track]), r"FFmpeg can't read \(End of file\)"),
    ],
)
def test_a_file_without_video_is_refused_without_a_line(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "porch.mkv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"`file` is .*porch.mkv, (which )?{fault}"):
        VideoFile(tmp_path / "porch.mkv")


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:2,\nprivate.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile private.mp4\n",
    ],
)
def test_a_playlist_leads_nowhere(tmp_path: Path, playlist: str) -> None:
    """Neither into the network nor to another file of this machine."""
    (tmp_path / "private.mp4").write_bytes(written("mp4", "libx264", H264, seconds=1))
    (tmp_path / "a.m3u8").write_text(playlist)
    with pytest.raises(ValueError, match="FFmpeg can't read"):
        VideoFile(tmp_path / "a.m3u8")
