"""The fragments of streams, and the store that keeps them."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kinesis_video_matroska import (
    Fragment,
    Frame,
    SimpleTag,
    Tags,
    Track,
    write_cluster,
    write_frame,
    write_header,
    write_tags,
)

from ..streams import Stream
from .decoder import video_track

_MILLISECONDS_PER_HOUR = 3_600_000
_RESERVED = "AWS_KINESISVIDEO_"
# The bytes that Python needs for a frame beside its data.
_FRAME_OVERHEAD = 300

_numbers = itertools.count()


def now() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def fragment_number(timestamp: int) -> str:
    """Make a fragment number: 47 digits, later ones larger."""
    return f"91343852333181{timestamp:013d}{next(_numbers) % 10**10:010d}{random.randrange(10**10):010d}"


@dataclass
class MediaFragment:
    """A fragment that was received, or is being received."""

    number: str
    """Its fragment number."""
    producer_timestamp: int
    """When it begins by the producer's clock, in milliseconds since 1970."""
    server_timestamp: int
    """When it began to arrive, in milliseconds since 1970."""
    tracks: Sequence[Track]
    """The tracks of its stream's header."""
    media: Fragment
    """Its frames and tags; the timecodes are the producer's own."""
    arrivals: list[int] = field(default_factory=list)
    """When each frame arrived, in milliseconds since 1970."""

    @property
    def size(self) -> int:
        """The bytes of its frames."""
        return sum(len(frame.data) for frame in self.media.frames)

    @property
    def length(self) -> int:
        """The milliseconds from its first frame to its last."""
        timecodes = [frame.timecode for frame in self.media.frames]
        return max(timecodes) - min(timecodes)

    @property
    def metadata(self) -> dict[str, str]:
        """The producer's own tags."""
        return own_tags(self.media.tags)

    @property
    def video(self) -> list[Frame]:
        """The frames of the track from which pictures can be made."""
        track = video_track(self.tracks)
        return [frame for frame in self.media.frames if track and frame.track == track.number]

    def clock(self, by_producer: bool) -> list[int]:
        """Return the times of those frames, by the producer's clock or the server's, in milliseconds since 1970."""
        if by_producer:
            return [self.producer_time(frame.timecode) for frame in self.video]
        track = video_track(self.tracks)
        arrived = zip(self.media.frames, self.arrivals, strict=True)
        return [arrival for frame, arrival in arrived if track and frame.track == track.number]

    @property
    def video_index(self) -> int:
        """The index of that track among the tracks."""
        track = video_track(self.tracks)
        assert track
        return self.tracks.index(track)

    def time(self, by_producer: bool) -> int:
        """Return when it begins by the producer's clock or by the server's, in milliseconds since 1970."""
        return self.producer_timestamp if by_producer else self.server_timestamp

    def producer_time(self, timecode: int) -> int:
        """Return the time of a frame by the producer's clock, in milliseconds since 1970."""
        return self.producer_timestamp + timecode - self.media.timecode

    def write(self, *, timestamp: str = "TIMESTAMP", last: Tags | None = None) -> bytes:
        """Write it as a whole Matroska stream, with the tags that the service adds and absolute timecodes.

        The names of the tags with its times end in `timestamp`; the tags `last` come last.
        """
        service = {
            "FRAGMENT_NUMBER": self.number,
            f"SERVER_{timestamp}": f"{self.server_timestamp / 1000:.3f}",
            f"PRODUCER_{timestamp}": f"{self.producer_timestamp / 1000:.3f}",
        }
        begin = [write_header(self.tracks), write_tags(service_tags(service)), write_cluster(self.producer_timestamp)]
        frames = [write_frame(frame, self.media.timecode) for frame in self.media.frames]
        return b"".join([*begin, *frames, *(write_tags(tags) for tags in (*self.media.tags, last) if tags)])


def service_tags(values: Mapping[str, str]) -> Tags:
    """Make tags whose names the service has reserved."""
    return Tags(tuple(SimpleTag(_RESERVED + name, value) for name, value in values.items()))


def own_tags(elements: Sequence[Tags]) -> dict[str, str]:
    """Return the tags of these elements whose names the service hasn't reserved."""
    return {tag.name: tag.value for tags in elements for tag in tags.tags if not is_reserved(tag)}


def is_reserved(tag: SimpleTag) -> bool:
    """Tell whether the service has reserved a tag's name."""
    return tag.name.startswith(_RESERVED)


class FragmentStore:
    """Keeps in memory the newest fragments of all streams together, each for its stream's retention.

    Parameters
    ----------
    max_bytes
        The bytes of fragments that are kept; the default is 100,000,000. Older ones are deleted.
    """

    def __init__(self, max_bytes: int = 100_000_000) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: deque[tuple[str, int, MediaFragment]] = deque()
        self.added = asyncio.Event()
        """Set when the next fragment is added."""

    def add(self, stream: Stream, fragment: MediaFragment) -> None:
        """Keep a fragment."""
        size = fragment.size + _FRAME_OVERHEAD * len(fragment.media.frames)
        self._kept.append((stream.arn, size, fragment))
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._bytes -= self._kept.popleft()[1]
        self.added.set()
        self.added = asyncio.Event()

    def of(self, stream: Stream) -> list[MediaFragment]:
        """List the fragments of a stream, oldest first."""
        oldest = now() - stream.data_retention_in_hours * _MILLISECONDS_PER_HOUR
        return [
            fragment for arn, _, fragment in self._kept if arn == stream.arn and fragment.server_timestamp >= oldest
        ]

    def clear(self) -> None:
        """Delete every fragment."""
        self._kept.clear()
        self._bytes = 0
