"""Video from a file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from kinesis_video_matroska import Element, ElementTooLargeError, Fragment, Frame, MatroskaError, Reader, Track, Tracks

Pieces: TypeAlias = Callable[[], Iterator[bytes]]
"""Reads a Matroska stream from its start, piece by piece."""

_PIECE = 1 << 20
_VIDEO = 1
_H264, _H265 = "V_MPEG4/ISO/AVC", "V_MPEGH/ISO/HEVC"
_MIN_FRAGMENT, _MAX_FRAGMENT = 1_000, 20_000
_MAX_FRAGMENT_BYTES = 50_000_000

_COPY = "-c:v copy"
_ENCODE = (
    "-c:v libx264 -pix_fmt yuv420p -vf 'scale=trunc(iw/2)*2:trunc(ih/2)*2' -force_key_frames 'expr:gte(t,n_forced*2)'"
)


class _UnfitError(ValueError):
    """The file can't be sent as it is; ffmpeg makes one that can with `options`."""

    def __init__(self, fault: str, options: str = _ENCODE) -> None:
        super().__init__(fault)
        self.options = options


class VideoFile:
    """The first H.264 or H.265 track of a file.

    Matroska is sent as it is. If PyAV is installed (`kinesis-video-local` brings it), so is the video of every other
    container that FFmpeg reads. Video that isn't H.264 or H.265, that has no timestamps or ones that go back, or that
    has no key frame for more than 20 seconds, is encoded again while it is sent, as H.264 with a key frame every 2
    seconds.

    A fragment begins at a key frame and lasts at least a second; it has several key frames if they are closer.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    track
        The video's track.
    warnings
        Warnings for the user who sends the file, a sentence each: that it is encoded again, that it is damaged or cut,
        that players rotate it, that images of H.265 aren't documented.

    Raises
    ------
    ValueError
        If the file can't be sent. Without PyAV, the message ends with the ffmpeg command that makes a file that
        can be sent.
    OSError
        If the file can't be read.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self.warnings: list[str] = []
        with self._path.open("rb") as file:
            if not file.read(1):
                raise ValueError(f"`file` is {path}, which is empty; record it again, or use another one")
        try:
            self._use(self._own_pieces)
            self._check()
        except _UnfitError as unfit:
            self._convert(unfit)
        if self.track.codec_id == _H265:
            self.warnings.append("the video is H.265, and AWS documents no images of it; it is sent as it is")

    def duration(self, fragments: int | None) -> float | None:
        """Return the length of the video in seconds, which that many fragments don't exceed; None if it isn't known.

        Parameters
        ----------
        fragments
            The number of fragments; None for all.
        """
        return self._duration

    def fragments(self, start: int) -> Iterator[Fragment]:
        """Read the fragments of the file, one after the other.

        Parameters
        ----------
        start
            The time of the first picture, in milliseconds since 1970.
        """
        fragment: Fragment | None = None
        offset = size = latest = 0
        for element in self._elements():
            if not isinstance(element, Frame) or element.track != self._number:
                continue
            if element.lacing:
                raise _UnfitError("has several frames in one block", _COPY)
            if fragment is None and element.key:
                offset = start - element.timecode
            frame = replace(element, track=1, timecode=element.timecode + offset)
            if fragment and frame.timecode < (latest if frame.key else fragment.timecode - _MAX_FRAGMENT):
                raise _UnfitError("has timestamps that go back")
            latest = max(latest, frame.timecode)
            if frame.key and (fragment is None or frame.timecode - fragment.timecode >= _MIN_FRAGMENT):
                if fragment:
                    yield fragment
                fragment, size = Fragment(frame.timecode), 0
            if fragment:
                fragment.frames.append(frame)
                size += len(frame.data)
                if frame.timecode - fragment.timecode > _MAX_FRAGMENT:
                    raise _UnfitError("has no key frame for more than 20 s")
                if size > _MAX_FRAGMENT_BYTES:
                    raise _UnfitError("has a fragment of more than 50 MB")
        if fragment:
            yield fragment

    def _use(self, pieces: Pieces) -> None:
        """Read from these pieces from now on, and find the track."""
        self._pieces = pieces
        self._fault: str | None = None
        source = self._find_track()
        self._number = source.number
        self.track: Track = replace(source, number=1)
        self._duration: float | None = None

    def _check(self) -> None:
        """Read the whole file, to find whether its fragments can be sent and how long it is."""
        fragment: Fragment | None = None
        for fragment in self.fragments(0):
            self._duration = max(frame.timecode for frame in fragment.frames) / 1000
        if fragment is None:
            raise _UnfitError(self._fault or "has no key frame")
        if self._fault:
            self.warnings.append(f"the file {self._fault}, as one does that was cut; what comes before is sent")

    def _convert(self, unfit: _UnfitError) -> None:
        """Read the file with FFmpeg, and encode the video again if needed."""
        try:
            import av  # noqa: F401 # the conversion needs it and the tools don't depend on it

            from .conversion import Conversion
        except ImportError:
            raise self._refusal(unfit) from unfit
        foreign, self._fault = self._fault, None
        if not foreign:
            with suppress(_UnfitError):
                for _ in self._elements():
                    """Read the rest, to find its fault."""
        conversion = Conversion(self._path)
        if self._fault or conversion.damaged:
            self.warnings.append("the file is damaged or cut; what FFmpeg reads of it is sent")
        if conversion.rotation:
            self.warnings.append(
                f"players rotate the video by {conversion.rotation} degrees; a stream has no such information, "
                "so the images are not rotated"
            )
        if conversion.copies:
            try:
                self._use(conversion.copied)
                self._check()
            except _UnfitError as error:
                unfit = error
            except conversion.Error as error:
                unfit = _UnfitError(f"has packets that FFmpeg can't repack ({error.strerror})")
            else:
                return
        elif foreign:
            # The reader of Matroska knows nothing about other containers.
            unfit = _UnfitError(conversion.unfit)
        self.warnings.append(f"the file {unfit}; it is encoded again as H.264")
        try:
            self._use(conversion.encoded)
        except _UnfitError as error:
            raise ValueError(
                f"`file` is {self._path}, of which FFmpeg decodes no picture; record it again, or use another one"
            ) from error
        self._duration = conversion.duration

    def _find_track(self) -> Track:
        for element in self._elements():
            if isinstance(element, Tracks):
                videos = [track for track in element.tracks if track.type == _VIDEO]
                if not videos:
                    raise ValueError(f"`file` is {self._path}, which has no video; use a file with H.264 video")
                track = next((track for track in videos if track.codec_id in (_H264, _H265)), None)
                if track is None:
                    raise _UnfitError(f"has video of the codec {videos[0].codec_id}")
                if not track.codec_private:
                    raise _UnfitError("has video without the codec's private data")
                if track.encoded:
                    raise _UnfitError("has frames that Matroska has compressed", _COPY)
                return track
        raise _UnfitError(self._fault or "has no tracks")

    def _elements(self) -> Iterator[Element]:
        """Read the elements, as far as they can be read."""
        reader = Reader()
        try:
            for piece in self._pieces():
                yield from reader.feed(piece)
            reader.close()
        except ElementTooLargeError as error:
            raise _UnfitError(f"has a frame that is too large ({error})") from error
        except MatroskaError as error:
            self._fault = f"is not Matroska that can be read to its end ({error})"

    def _own_pieces(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def _refusal(self, unfit: _UnfitError) -> ValueError:
        target = f"{self._path.stem}-kinesis.mkv"
        return ValueError(
            f"`file` is {self._path}, which {unfit}; install PyAV (pip install av), with which it is sent, or make "
            f"another one with ffmpeg -i {_quoted(str(self._path))} -an -sn -dn {unfit.options} {_quoted(target)}"
        )


def _quoted(path: str) -> str:
    """Quote a path for the shell and for ffmpeg, which takes a dash for an option and a colon for a protocol."""
    return shlex.quote(f"file:{path}" if path.startswith("-") or ":" in path else path)
