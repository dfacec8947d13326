"""The elements of a Matroska stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias


@dataclass(frozen=True)
class Segment:
    """The start of a segment. A PutMedia connection has one."""


@dataclass(frozen=True)
class Track:
    """A track, as the header of the stream describes it."""

    number: int
    """Its number, by which frames refer to it, from 1."""
    codec_id: str
    """``V_MPEG4/ISO/AVC`` is H.264, ``V_MPEGH/ISO/HEVC`` is H.265, ``A_AAC`` is AAC."""
    codec_private: bytes = b""
    """The data that the decoder needs before the first frame, for H.264 an ``avcC`` record; empty if there is none."""
    width: int = 0
    """The picture's width in pixels, 0 for sound."""
    height: int = 0
    """The picture's height in pixels, 0 for sound."""
    type: int = 1
    """1 for video, 2 for audio."""
    name: str = "kvs_video_track"
    """The track's name, for display."""
    encoded: bool = False
    """Whether Matroska itself compresses or encrypts the frames once more."""


@dataclass(frozen=True)
class Tracks:
    """The header's list of tracks."""

    tracks: tuple[Track, ...]


@dataclass(frozen=True)
class Cluster:
    """The start of a cluster, which is a fragment to Kinesis Video Streams."""

    timecode: int
    """Milliseconds, since 1970 or since the start of the stream."""


# There are many frames; slots halve their memory.
@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a track."""

    track: int
    """The number of its track."""
    timecode: int
    """Milliseconds on the cluster's scale: the cluster's timecode plus the block's."""
    key: bool
    """Whether a decoder can begin here."""
    data: bytes
    """The frame as the codec has it; for H.264, NAL units with lengths of 4 bytes."""
    lacing: int = 0
    """The bits of the block's flags that say how ``data`` holds several frames; 0 for one frame."""


class SimpleTag(NamedTuple):
    """A tag: a name and a value."""

    name: str
    value: str = ""


@dataclass(frozen=True)
class Tags:
    """A Tags element: tags that were sent together."""

    tags: tuple[SimpleTag, ...]

    def __contains__(self, name: str) -> bool:
        """Return whether a tag has this name."""
        return any(tag.name == name for tag in self.tags)


Element: TypeAlias = Segment | Tracks | Cluster | Frame | Tags
"""The elements that `Reader` finds."""
