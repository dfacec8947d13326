"""Converts any file that FFmpeg reads to Matroska with PyAV, which is not a dependency: importers check for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import PictureType

_COPIED = ("h264", "hevc")
_KEY_FRAME_MILLISECONDS = 2_000
_MAX_BACK_MILLISECONDS = 1_000
_MILLISECONDS = Fraction(1, 1000)
# A playlist can name any file of this machine, and can have the name of a video.
_NO_OTHER_FILE = {"protocol_whitelist": "none"}


class Conversion:
    """The video of a file as a Matroska stream.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    copies
        Whether the video can be sent as it is.
    unfit
        Why it can't, as a predicate of "the file"; empty if it can be sent as it is.
    duration
        The length of the video in seconds; None if the file doesn't say.
    damaged
        Whether FFmpeg finds packets that are damaged or cut.
    rotation
        The degrees by which a player is to rotate the pictures; a stream has no such information.

    Raises
    ------
    ValueError
        If FFmpeg can't read the file, or if it has no video.
    """

    Error = av.FFmpegError
    """The exception of the iterators if FFmpeg fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with self._open() as source:
                stream = _video(source)
                if stream is None:
                    raise ValueError(f"`file` is {path}, which has no video; use a file with video")
                codec = stream.codec_context.name
                self._index = stream.index
                self.duration = source.duration / av.time_base if source.duration else None
                self.unfit = "" if codec in _COPIED else f"has video of the codec {codec}"
                packets = [
                    (packet.pts, packet.dts, packet.is_corrupt) for packet in source.demux(stream) if packet.size
                ]
                self.damaged = any(corrupt for _, _, corrupt in packets)
                self._timed = bool(self.unfit) or all(None not in times for times in packets)
                if source.format.name == "avi" and stream.codec_context.has_b_frames:
                    # AVI doesn't say when a frame is shown, and FFmpeg counts the frames in the order of decoding.
                    self._timed = False
                self._rate = stream.average_rate or stream.guessed_rate or Fraction(25)
                if not self._timed:
                    self.unfit = "has video without timestamps"
                    self.duration = float(len(packets) / self._rate)
            with self._open() as source:
                picture = next(_decoded(source, source.streams[self._index]), None)
                self.rotation = picture.rotation if picture else 0
        except av.FFmpegError as error:
            raise ValueError(
                f"`file` is {path}, which FFmpeg can't read ({error.strerror}); record it again, or use another one"
            ) from error
        self.copies = not self.unfit

    def copied(self) -> Iterator[bytes]:
        """Repack the video without encoding it again."""
        with self._open() as source, _matroska() as (sink, output):
            stream = source.streams[self._index]
            copy = output.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = copy
                    output.mux(packet)
                    yield sink.take()
            output.close()
            yield sink.take()

    def encoded(self) -> Iterator[bytes]:
        """Encode the video again, as H.264 with a key frame every 2 seconds; frames that can't be decoded are left out.

        Raises
        ------
        ValueError
            From the iterator, if FFmpeg can't encode it.
        """
        try:
            yield from self._encoded()
        except av.FFmpegError as error:
            raise ValueError(f"`file` is {self._path}, which FFmpeg can't encode again ({error.strerror})") from error

    def _encoded(self) -> Iterator[bytes]:
        with self._open() as source, _matroska() as (sink, output):
            stream = source.streams[self._index]
            assert isinstance(stream, av.VideoStream)
            step = max(round(1000 / self._rate), 1)
            encoder = output.add_stream(
                "libx264", rate=self._rate, options={"preset": "veryfast", "forced-idr": "1", "bf": "0"}
            )
            encoder.time_base = encoder.codec_context.time_base = _MILLISECONDS
            last = key = None
            shift = 0
            for number, picture in enumerate(_decoded(source, stream)):
                if last is None:
                    encoder.width, encoder.height = max(picture.width // 2 * 2, 2), max(picture.height // 2 * 2, 2)
                    encoder.pix_fmt = "yuv420p"
                    # Without these a player guesses the colours.
                    for name in ("colorspace", "color_primaries", "color_trc"):
                        if value := getattr(picture, name):
                            setattr(encoder.codec_context, name, value)
                counted = not self._timed or picture.time is None
                at = shift + (number * step if counted else round(picture.time * 1000))
                if last is not None and at < last - _MAX_BACK_MILLISECONDS:
                    # The times go back, as in recordings that were joined: let them continue instead.
                    shift += last + step - at
                    at = last + step
                elif last is not None and at <= last:
                    at = last + 1
                scaled = picture.reformat(encoder.width, encoder.height, "yuv420p")
                scaled.pts, scaled.time_base, scaled.pict_type = at, _MILLISECONDS, PictureType.NONE
                if key is None or at - key >= _KEY_FRAME_MILLISECONDS:
                    key, scaled.pict_type = at, PictureType.I
                last = at
                output.mux(encoder.encode(scaled))
                yield sink.take()
            if last is not None:
                output.mux(encoder.encode(None))
            output.close()
            yield sink.take()

    @contextmanager
    def _open(self) -> Iterator[InputContainer]:
        with self._path.open("rb") as file, av.open(file, "r", options=_NO_OTHER_FILE) as source:
            yield source


class _Sink:
    """The file to which the Matroska is written; it has no seek."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        """Return what has been written since the last call."""
        taken, self._written = bytes(self._written), bytearray()
        return taken


@contextmanager
def _matroska() -> Iterator[tuple[_Sink, av.container.OutputContainer]]:
    sink = _Sink()
    with av.open(sink, "w", format="matroska") as output:
        yield sink, output


def _video(source: InputContainer) -> av.VideoStream | None:
    """Choose the first track of H.264 or H.265, or else the largest; a cover is none."""
    streams = [stream for stream in source.streams.video if not stream.disposition & stream.disposition.attached_pic]
    copied = (stream for stream in streams if stream.codec_context.name in _COPIED)
    largest = max(streams, key=lambda stream: stream.width * stream.height, default=None)
    return next(copied, largest)


def _decoded(source: InputContainer, stream: Stream) -> Iterator[av.VideoFrame]:
    assert isinstance(stream, av.VideoStream)
    stream.thread_type = "AUTO"
    packets = source.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            pictures = packet.decode()
        except av.InvalidDataError:
            continue
        yield from (picture for picture in pictures if isinstance(picture, av.VideoFrame))
