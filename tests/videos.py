"""Videos that FFmpeg encodes for the tests: each once for a process, and as small as its kind can be."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise

import av

from kinesis_video_matroska import Fragment, Frame, Reader, Track, Tracks

WIDTH, HEIGHT, RATE, SECONDS = 128, 96, 25, 4
# With frames that are shown before the key frame and refer to the fragment before.
OPEN_GOP = {"bf": "3", "x264-params": "b-adapt=0:open-gop=1:keyint=50:min-keyint=50:scenecut=0"}


def encoded(codec: str, options: Mapping[str, str], *, seconds: int = SECONDS) -> tuple[Track, tuple[Frame, ...]]:
    """Encode a moving picture; return its track, and its frames in the order of decoding, with key frames marked."""
    return _encoded(codec, tuple(options.items()), seconds)


@cache
def _encoded(codec: str, options: tuple[tuple[str, str], ...], seconds: int) -> tuple[Track, tuple[Frame, ...]]:
    elements = list(Reader().feed(written("matroska", codec, dict(options), seconds=seconds)))
    (track,) = next(element.tracks for element in elements if isinstance(element, Tracks))
    return track, tuple(element for element in elements if isinstance(element, Frame))


def written(
    container: str,
    codec: str,
    options: Mapping[str, str] | None = None,
    *,
    seconds: int = SECONDS,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    pixels: str = "yuv420p",
) -> bytes:
    """Encode a moving picture into a file of a container that FFmpeg has."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        encoder = output.add_stream(codec, rate=RATE, options=dict(options or {}))
        assert isinstance(encoder, av.VideoStream)
        encoder.width, encoder.height = size
        encoder.pix_fmt, encoder.time_base = pixels, Fraction(1, RATE)
        for index in range(seconds * RATE):
            output.mux(encoder.encode(_picture(index, size).reformat(format=pixels)))
        output.mux(encoder.encode(None))
    return file.getvalue()


def cut(frames: Sequence[Frame], start: int = 0) -> list[Fragment]:
    """Cut frames into fragments, each from a key frame to the next, and let them begin at this time."""
    moved = [replace(frame, timecode=frame.timecode + start) for frame in frames]
    begins = [index for index, frame in enumerate(moved) if frame.key]
    return [Fragment(moved[begin].timecode, moved[begin:end]) for begin, end in pairwise([*begins, len(moved)])]


def decoded(track: Track, frames: Iterable[Frame]) -> list[av.VideoFrame]:
    """Decode frames in one go, as a player does. The time of a picture (pts) is the timecode of its frame."""
    decoder = av.CodecContext.create("hevc" if "HEVC" in track.codec_id else "h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata = track.codec_private
    decoder.options = {"strict": "strict"}
    pictures = []
    for frame in frames:
        packet = av.Packet(frame.data)
        packet.pts = packet.dts = frame.timecode
        pictures += decoder.decode(packet)
    return pictures + decoder.decode(None)


@cache
def _pattern(width: int, height: int) -> bytes:
    """Two pictures' worth of it, of which each picture shows another part."""
    return bytes(x * y // 8 % 256 for y in range(2 * height) for x in range(width))


def _picture(index: int, size: tuple[int, int]) -> av.VideoFrame:
    picture = av.VideoFrame(*size, "gray")
    plane = picture.planes[0]
    begin = 7 * index % (plane.line_size * plane.height)
    plane.update(_pattern(plane.line_size, plane.height)[begin : begin + plane.buffer_size])
    picture.pts = index
    return picture


def without_reordering_told(track: Track) -> Track:
    """Leave out of the H.264 parameters what says how far frames are out of order, as many cameras do."""
    private = track.codec_private
    length = int.from_bytes(private[6:8])
    parameters = _without_vui(private[8 : 8 + length])
    changed = private[:6] + len(parameters).to_bytes(2) + parameters + private[8 + length :]
    return replace(track, codec_private=changed)


def _without_vui(parameters: bytes) -> bytes:
    """Cut a sequence parameter set where its VUI begins (ITU-T H.264, 7.3.2.1.1)."""
    bits = "".join(f"{byte:08b}" for byte in parameters.replace(b"\0\0\3", b"\0\0"))
    position = 32

    def number() -> int:
        nonlocal position
        zeros = bits.index("1", position) - position
        begin, position = position + zeros, position + 2 * zeros + 1
        return int(bits[begin:position], 2) - 1

    number()
    if parameters[1] >= 100:
        # Chroma format, two bit depths, a flag, and no scaling matrix.
        assert [number(), number(), number()] == [1, 0, 0]
        position += 2
    number()
    assert number() == 0
    number(), number()
    position += 1
    number(), number()
    position += 3 if bits[position] == "0" else 2
    position += 1
    if bits[position - 1] == "1":
        for _ in range(4):
            number()
    cut = bits[:position] + "01"
    cut += "0" * (-len(cut) % 8)
    return bytes(int(cut[begin : begin + 8], 2) for begin in range(0, len(cut), 8))
