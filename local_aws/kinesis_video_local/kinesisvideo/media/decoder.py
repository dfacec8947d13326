"""Pictures from the frames of a fragment, by FFmpeg and Pillow.

Both are imported when the first picture is made: only images need them.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kinesis_video_matroska import Frame, Track

if TYPE_CHECKING:
    from av import VideoFrame

_CODECS = {"V_MPEG4/ISO/AVC": "h264", "V_MPEG/ISO/AVC": "h264", "V_MPEGH/ISO/HEVC": "hevc"}
_DEFAULT_QUALITY = 80


class UndecodableError(ValueError):
    """The frames make no picture."""


@dataclass(frozen=True)
class ImageFormat:
    """How a picture is written: a format of the API, and its size in pixels if it isn't the video's own."""

    name: str
    """``JPEG`` or ``PNG``."""
    quality: int = _DEFAULT_QUALITY
    """Of a JPEG, 1 to 100."""
    width: int | None = None
    """Without a height, the height follows."""
    height: int | None = None
    """Without a width, the width follows; with one, the picture is stretched."""

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Tell the size that a picture of this size gets."""
        if self.width and self.height:
            return self.width, self.height
        if self.width:
            return self.width, max(round(height * self.width / width), 1)
        if self.height:
            return max(round(width * self.height / height), 1), self.height
        return width, height


def video_track(tracks: Sequence[Track]) -> Track | None:
    """Return the first track that pictures can be made of."""
    return next((track for track in tracks if track.codec_id in _CODECS and not track.encoded), None)


def encoded_pictures(
    track: Track, frames: Sequence[Frame], wanted: Collection[int], image_format: ImageFormat
) -> Iterator[tuple[int, bytes]]:
    """Make pictures of some of a fragment's frames.

    Parameters
    ----------
    track
        The track of the frames.
    frames
        The frames, from a key frame.
    wanted
        The indexes of the frames that pictures are made of.
    image_format
        How the pictures are written.

    Returns
    -------
    An iterator over indexes and pictures, in the order of their timestamps.

    Raises
    ------
    UndecodableError
        From the iterator.
    """
    import av

    try:
        for picture in _decode(track, frames[: max(wanted) + 1]):
            if picture.pts is not None and picture.pts in wanted:
                yield picture.pts, _encode(picture, image_format)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise UndecodableError(str(error)) from error


def _decode(track: Track, frames: Sequence[Frame]) -> Iterator[VideoFrame]:
    import av

    decoder = av.CodecContext.create(_CODECS[track.codec_id], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    if track.codec_private:
        decoder.extradata = track.codec_private
    # The fragments of many streams are decoded at the same time, so one needs no more than its own thread.
    decoder.thread_count = 1
    for index, frame in enumerate(frames):
        packet = av.Packet(frame.data)
        packet.pts = packet.dts = index
        yield from decoder.decode(packet)
    yield from decoder.decode(None)


def _encode(picture: VideoFrame, image_format: ImageFormat) -> bytes:
    width, height = image_format.size(picture.width, picture.height)
    written = io.BytesIO()
    picture.to_image(width=width, height=height).save(written, image_format.name, quality=image_format.quality)
    return written.getvalue()
