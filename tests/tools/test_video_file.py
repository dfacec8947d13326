"""Video from files, which FFmpeg has written."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import pytest

from kinesis_video_matroska import Fragment, Track, write_cluster, write_frame, write_header
from kinesis_video_tools.camera import ClockVideo, VideoFile

from .clock_reader import read_clock

START = 1795252104607


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a producer would send: six seconds of the test picture, in fragments of two seconds."""
    path = tmp_path_factory.mktemp("own") / "own.mkv"
    video = ClockVideo("front-door", width=160, height=96, frame_rate=5)
    with path.open("wb") as file:
        file.write(write_header([video.track]))
        for fragment in islice(video.fragments(START), 3):
            file.write(write_cluster(fragment.timecode))
            for frame in fragment.frames:
                file.write(write_frame(frame, fragment.timecode))
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


def encode(target: Path, codec: str, seconds: int, **options: str) -> Path:
    """Encode gray pictures, 10 a second."""
    with av.open(target, "w") as written:
        stream = written.add_stream(codec, rate=10, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 64, 48, "yuv420p", Fraction(1, 10)
        for index in range(seconds * 10):
            picture = av.VideoFrame(64, 48, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes([index % 256]) * plane.buffer_size)
            picture.pts = index
            written.mux(stream.encode(picture))
        written.mux(stream.encode(None))
    return target


def decode(video: VideoFile, fragment: Fragment) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata = video.track.codec_private
    return [
        picture for frame in fragment.frames for picture in decoder.decode(av.Packet(frame.data))
    ] + decoder.decode()


def read_own(path: Path) -> VideoFile:
    return VideoFile(path)


def read_repacked(path: Path) -> VideoFile:
    # Another layout: known sizes, an index, block groups.
    return VideoFile(repack(path, path.with_name("repacked.mkv")))


@pytest.mark.parametrize("read", [read_own, read_repacked])
def test_a_file_is_sent_as_it_is(own: Path, read: Callable[[Path], VideoFile]) -> None:
    video = read(own)
    fragments = list(video.fragments(START))
    drawn = list(islice(ClockVideo("front-door", width=160, height=96, frame_rate=5).fragments(START), 3))
    assert [fragment.frames for fragment in fragments] == [fragment.frames for fragment in drawn]
    assert video.duration(None) == pytest.approx(5.8)
    for fragment in fragments:
        first, *_ = decode(video, fragment)
        assert read_clock(first.to_image(), 160, 96) == fragment.timecode


def test_the_video_begins_when_it_is_told_to(own: Path) -> None:
    fragments = list(VideoFile(own).fragments(1_000_000))
    assert [fragment.timecode for fragment in fragments] == [1_000_000, 1_002_000, 1_004_000]


def test_a_video_with_frames_out_of_order_is_sent_in_the_order_of_decoding(tmp_path: Path) -> None:
    # Sets of pictures of half a second, with B-frames: fragments take two of them to last a second.
    video = VideoFile(encode(tmp_path / "b.mkv", "libx264", 4, g="5", bf="2", sc_threshold="0", forced_idr="1"))
    fragments = list(video.fragments(START))
    assert [fragment.timecode - START for fragment in fragments] == [0, 1000, 2000, 3000]
    assert [[frame.key for frame in fragment.frames].count(True) for fragment in fragments] == [2, 2, 2, 2]
    assert [frame.timecode for frame in fragments[0].frames] != sorted(frame.timecode for frame in fragments[0].frames)
    assert [len(decode(video, fragment)) for fragment in fragments] == [10, 10, 10, 10]


def mp4(folder: Path) -> Path:
    return encode(folder / "porch.mp4", "libx264", 1)


def mpeg4(folder: Path) -> Path:
    return encode(folder / "porch.mkv", "mpeg4", 1)


def one_key_frame(folder: Path) -> Path:
    return encode(folder / "porch.mkv", "libx264", 30, g="999", sc_threshold="0")


def cut(folder: Path) -> Path:
    whole = encode(folder / "porch.mkv", "libx264", 1)
    whole.write_bytes(whole.read_bytes()[:-10])
    return whole


def empty(folder: Path) -> Path:
    (folder / "porch.mkv").touch()
    return folder / "porch.mkv"


COPY = "-map 0:v:0 -c copy"
ENCODE = "-map 0:v:0 -c:v libx264 -pix_fmt yuv420p -force_key_frames 'expr:gte(t,n_forced*2)'"


@pytest.mark.parametrize(
    ("make", "fault", "options"),
    [
        (mp4, "is not Matroska that can be read (the byte 00 begins no element's id)", COPY),
        (mpeg4, "has video of the codec V_MPEG4/ISO/ASP, and V_MPEG4/ISO/AVC is sent", ENCODE),
        (one_key_frame, "has no key frame in 29900 ms, and 20000 are allowed", ENCODE),
        (cut, "is not Matroska that can be read (the stream ends within an element)", COPY),
        (empty, "has no tracks", COPY),
    ],
)
def test_what_cant_be_sent_is_refused_with_the_line_that_repacks_it(
    tmp_path: Path, make: Callable[[Path], Path], fault: str, options: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(ValueError, match="`file` is") as refusal:
        VideoFile(path)
    assert str(refusal.value) == (
        f'`file` is {path}, which {fault}; make another one with ffmpeg -i "{path}" {options} "porch-kinesis.mkv"'
    )


def test_a_file_without_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sound.mkv").write_bytes(write_header([Track(1, "A_AAC", type=2)]))
    with pytest.raises(ValueError, match=r"`file` is .*sound.mkv, which has no video; use a file with H.264 video"):
        VideoFile(tmp_path / "sound.mkv")


def test_the_line_that_repacks_an_mp4_makes_a_file_that_is_sent(tmp_path: Path) -> None:
    video = VideoFile(repack(mp4(tmp_path), tmp_path / "porch-kinesis.mkv"))
    (fragment,) = video.fragments(START)
    assert len(decode(video, fragment)) == 10
