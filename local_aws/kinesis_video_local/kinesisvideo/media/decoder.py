"""Pictures from the frames of a fragment, by FFmpeg and Pillow.

Both are imported when the first picture is made: only images need them.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from kinesis_video_matroska import Frame, Track

if TYPE_CHECKING:
    from av import VideoFrame

_CODECS = {"V_MPEG4/ISO/AVC": "h264", "V_MPEG/ISO/AVC": "h264", "V_MPEGH/ISO/HEVC": "hevc"}
# Types of NAL units, of ITU-T H.264 and H.265, tables 7-1.
_IDR_PICTURE = 5
_SLICES = {"h264": frozenset(range(1, 6)), "hevc": frozenset(range(32))}
# 4096 by 2304, the most of level 5.2 of H.264. A header of a few bytes could otherwise make FFmpeg take gigabytes.
_MAX_PIXELS = 9_437_184


class UndecodableError(ValueError):
    """The frames make no picture."""


@dataclass(frozen=True)
class ImageFormat:
    """The format of a picture, as the API names it, and its size in pixels if it isn't the video's own."""

    name: str
    """``JPEG`` or ``PNG``."""
    quality: int = 80
    """The quality of a JPEG, 1 to 100."""
    width: int | None = None
    """Without a height, the height follows."""
    height: int | None = None
    """Without a width, the width follows; with one, the picture is stretched."""

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size in which a picture of this size is written."""
        if self.width and self.height:
            return self.width, self.height
        if self.width:
            return self.width, max(round(height * self.width / width), 1)
        if self.height:
            return max(round(width * self.height / height), 1), self.height
        return width, height


@dataclass
class Pictures:
    """The pictures of the frames of a fragment."""

    encoded: dict[int, bytes]
    """The pictures, by the indexes of their frames, in the order of the clock."""
    missing: dict[int, str]
    """Why frames that were due make no picture, by their indexes. The next frame that makes one replaces it."""


def video_track(tracks: Sequence[Track]) -> Track | None:
    """Return the first track that pictures can be made of."""
    return next((track for track in tracks if track.codec_id in _CODECS and not track.encoded), None)


def encoded_pictures(
    track: Track,
    frames: Sequence[Frame],
    clock: Sequence[int],
    slot: Callable[[int], int | None],
    image_format: ImageFormat,
) -> Pictures:
    """Make a picture of the first frame in each slot of time that can be decoded.

    Parameters
    ----------
    track
        The track of the frames.
    frames
        The frames, from a key frame.
    clock
        The time of each frame.
    slot
        Returns the slot of a time; None if no picture is wanted.
    image_format
        How the pictures are written.
    """
    decoding = _Decoding(track, frames)
    slots = [slot(time) for time in clock]
    order = sorted(range(len(frames)), key=clock.__getitem__)
    rank = {index: number for number, index in enumerate(order)}
    best: dict[int, int] = {}
    encoded: dict[int, bytes] = {}

    def wanted(index: int) -> bool:
        # Pictures come in the order in which they are shown; the server's clock may count otherwise.
        at = slots[index]
        return at is not None and (at not in best or rank[index] < rank[best[at]])

    coming = set(range(len(frames)))
    for index, picture in decoding.pictures():
        coming.discard(index)
        at = slots[index]
        if at is not None and wanted(index):
            try:
                encoded[index] = _encode(picture, image_format)
            except (ValueError, OSError) as error:
                decoding.faults[index] = str(error)
                continue
            encoded.pop(best.get(at, -1), None)
            best[at] = index
        if not any(wanted(other) for other in coming):
            break
    due: dict[int | None, int] = {}
    for index in order:
        due.setdefault(slots[index], index)
    due.pop(None, None)
    return Pictures(
        {index: encoded[index] for index in order if index in encoded},
        {index: decoding.fault(index) for index in due.values() if index not in encoded},
    )


class _Decoding:
    """Decodes the frames of one fragment, from its key frame on."""

    def __init__(self, track: Track, frames: Sequence[Frame]) -> None:
        self._track = track
        self._frames = frames
        self._first_shown: int | None = None
        self.faults: dict[int, str] = {}
        """The faults of frames that the decoder or the encoder reports, by their indexes."""

    def fault(self, index: int) -> str:
        """Return why a frame has made no picture."""
        timecode, begin = self._frames[index].timecode, self._frames[0].timecode
        if index in self.faults:
            return self.faults[index]
        if self._first_shown is None:
            return "the decoder makes no picture of any frame of the fragment"
        first_shown = self._frames[self._first_shown].timecode
        if timecode < first_shown and first_shown > begin:
            return "the fragment begins with a gradual refresh, and its first whole picture comes later"
        if timecode < begin:
            return "it is shown before the key frame and refers to the fragment before (an open group of pictures)"
        return "the decoder makes no picture of it"

    def pictures(self) -> Iterator[tuple[int, VideoFrame]]:
        """Yield the indexes of frames with their pictures, in the order in which they are shown."""
        import av

        codec = _CODECS[self._track.codec_id]
        decoder = av.CodecContext.create(codec, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        if self._track.codec_private:
            decoder.extradata = self._track.codec_private
        decoder.options = {"max_pixels": str(_MAX_PIXELS)}
        # The fragments of many streams are decoded at the same time, so one thread for each is enough.
        decoder.thread_count = 1
        if any(later.timecode < earlier.timecode for earlier, later in pairwise(self._frames)):
            # Otherwise FFmpeg guesses how far frames are out of order if the H.264 doesn't say so, and drops the first
            # frames for which the guess is wrong.
            decoder.options["strict"] = "strict"
        # Pictures may refer to damaged ones of the same key frame.
        keys = (index if frame.key else 0 for index, frame in enumerate(self._frames))
        begins = list(accumulate(keys, max))
        damaged: dict[int, int] = {}
        if codec == "h264" and self._frames and _IDR_PICTURE not in self._units(self._frames[0].data):
            # FFmpeg replaces the missing pictures to which such a frame refers, unless the frame's number is 0: then it
            # drops the frame, and its part of a gradual refresh stays wrong. Decoded twice, it refers to itself.
            with suppress(av.FFmpegError, ValueError):
                decoder.decode(av.Packet(self._frames[0].data))
        for index, frame in enumerate([*self._frames, None]):
            if frame is not None and not frame.data:
                # For a decoder, an empty packet is the end.
                self.faults[index] = "it has no bytes"
                continue
            packet = None
            if frame is not None:
                packet = av.Packet(frame.data)
                packet.pts = packet.dts = index
            try:
                pictures = decoder.decode(packet)
            except (av.FFmpegError, ValueError) as error:
                self.faults[index] = f"the decoder refuses it ({error})"
                if frame is not None and self._units(frame.data) & _SLICES[codec]:
                    damaged.setdefault(begins[index], index)
                continue
            for picture in pictures:
                # A decoder that was given nonsense was seen to return times that no packet had.
                if picture.pts is not None and 0 <= picture.pts < len(self._frames):
                    if self._first_shown is None:
                        self._first_shown = picture.pts
                    if picture.is_corrupt:
                        damaged.setdefault(begins[picture.pts], picture.pts)
                    first = damaged.get(begins[picture.pts], math.inf)
                    if first == picture.pts:
                        self.faults[picture.pts] = "it is damaged"
                    elif first < picture.pts:
                        self.faults[picture.pts] = f"it may refer to frame {first}, which is damaged"
                    else:
                        yield picture.pts, picture

    def _units(self, data: bytes) -> set[int]:
        """Return the types of a frame's NAL units; none if they aren't known."""
        codec, private = _CODECS[self._track.codec_id], self._track.codec_private
        length_at = 4 if codec == "h264" else 21
        if len(private) <= length_at:
            return set()
        length, position, types = private[length_at] % 4 + 1, 0, set()
        while position + length < len(data):
            header = data[position + length]
            types.add(header % 32 if codec == "h264" else header >> 1)
            position += length + int.from_bytes(data[position : position + length])
        return types


def _encode(picture: VideoFrame, image_format: ImageFormat) -> bytes:
    width, height = image_format.size(picture.width, picture.height)
    written = io.BytesIO()
    picture.to_image(width=width, height=height).save(written, image_format.name, quality=image_format.quality)
    return written.getvalue()
