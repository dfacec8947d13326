"""Video from a Matroska file that people have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kinesis_video_matroska import Cluster, Element, Fragment, Frame, MatroskaError, Reader, Track, Tracks

_PIECE = 1 << 20
_VIDEO = 1
_H264 = "V_MPEG4/ISO/AVC"
_MIN_FRAGMENT, _MAX_FRAGMENT = 1_000, 20_000
_MAX_FRAGMENT_BYTES = 50_000_000

_COPY = "-c copy"
_ENCODE = "-c:v libx264 -pix_fmt yuv420p -force_key_frames 'expr:gte(t,n_forced*2)'"


class VideoFile:
    """The first video track of a Matroska file, H.264, not encoded again.

    A fragment begins at a key frame and lasts a second at least, if the file has key frames that often or less.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ValueError
        If the file isn't Matroska, has no H.264, or no key frame for more than 20 seconds; the message has the line for
        ffmpeg that makes a file of it that can be sent.
    OSError
        If the file can't be read.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        try:
            source = self._find_track()
            self._number = source.number
            self.track: Track = replace(source, number=1)
            """The video's track."""
            end = None
            for fragment in self.fragments(0):
                end = max(frame.timecode for frame in fragment.frames)
                if end - fragment.timecode > _MAX_FRAGMENT:
                    raise self._refusal(
                        f"has no key frame in {end - fragment.timecode} ms, and 20000 are allowed", _ENCODE
                    )
                if sum(len(frame.data) for frame in fragment.frames) > _MAX_FRAGMENT_BYTES:
                    raise self._refusal("has a fragment of more than 50 MB", _ENCODE)
        except MatroskaError as error:
            raise self._refusal(f"is not Matroska that can be read ({error})", _COPY) from error
        if end is None:
            raise self._refusal("has no key frame", _ENCODE)
        self._duration = end / 1000

    def duration(self, fragments: int | None) -> float:
        """Return the length of the video in seconds, which that many fragments don't exceed.

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
        offset = 0
        for element in self._elements():
            if not isinstance(element, Frame) or element.track != self._number:
                continue
            if fragment is None and element.key:
                offset = start - element.timecode
            frame = replace(element, track=1, timecode=element.timecode + offset)
            if frame.key and (fragment is None or frame.timecode - fragment.timecode >= _MIN_FRAGMENT):
                if fragment:
                    yield fragment
                fragment = Fragment(frame.timecode)
            if fragment:
                fragment.frames.append(frame)
        if fragment:
            yield fragment

    def _find_track(self) -> Track:
        for element in self._elements():
            if isinstance(element, Tracks):
                track = next((track for track in element.tracks if track.type == _VIDEO), None)
                if track is None:
                    raise ValueError(f"`file` is {self._path}, which has no video; use a file with H.264 video")
                if track.codec_id != _H264 or not track.codec_private:
                    raise self._refusal(f"has video of the codec {track.codec_id}, and {_H264} is sent", _ENCODE)
                if track.encoded:
                    raise self._refusal("has frames that Matroska has compressed", _COPY)
                return track
            if isinstance(element, Cluster):
                break
        raise self._refusal("has no tracks", _COPY)

    def _elements(self) -> Iterator[Element]:
        reader = Reader()
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield from reader.feed(piece)
        reader.close()

    def _refusal(self, fault: str, options: str) -> ValueError:
        return ValueError(
            f"`file` is {self._path}, which {fault}; make another one with "
            f'ffmpeg -i "{self._path}" -map 0:v:0 {options} "{self._path.stem}-kinesis.mkv"'
        )
