"""The protocol of PutMedia: finds the fragments in the bytes of one connection, and their errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from kinesis_video_matroska import (
    Cluster,
    Element,
    ElementTooLargeError,
    FragmentCollector,
    Frame,
    MatroskaError,
    Reader,
    Segment,
    TagName,
    Tags,
    Track,
    Tracks,
)

from . import limits
from .fragments import MediaFragment, fragment_number, is_reserved, now

# The first millisecond of the year 10000, which no date can name.
_END_OF_TIME = 253_402_300_800_000

_logger = logging.getLogger(__name__)


class FragmentError(Exception):
    """The fragment is refused with the ERROR acknowledgement of this name."""


@dataclass(frozen=True)
class Begun:
    """A fragment begins to arrive."""

    fragment: MediaFragment


@dataclass(frozen=True)
class Ended:
    """A fragment has arrived."""

    fragment: MediaFragment


class Protocol:
    """Finds the fragments in the bytes of one connection.

    Parameters
    ----------
    start
        The time from which the timecodes count, in milliseconds since 1970: 0 if they are absolute.
    count_event_pairs
        Whether the pairs of image and notification events are among the ten tags of a fragment.
    """

    def __init__(self, start: int, *, count_event_pairs: bool = True) -> None:
        self._count_event_pairs = count_event_pairs
        self.open: MediaFragment | None = None
        """The fragment that is being received."""
        self._start = start
        self._reader = Reader(max_element_size=limits.FRAGMENT_BYTES)
        self._collector = FragmentCollector()
        self._segments = 0
        self._tracks: tuple[Track, ...] | None = None
        self._size = 0
        self._last_begin: int | None = None
        # The timecodes of the latest frames of the previous fragment and of this one.
        self._latest_before: int | None = None
        self._latest: int | None = None

    def feed(self, data: bytes) -> Iterator[Begun | Ended]:
        """Take the next bytes of the body.

        Raises
        ------
        FragmentError
            From the iterator, if they break the protocol.
        """
        try:
            for element in self._reader.feed(data):
                yield from self._take(element)
        except ElementTooLargeError as error:
            raise FragmentError("MAX_FRAGMENT_SIZE_REACHED") from error
        except MatroskaError as error:
            raise FragmentError("INVALID_MKV_DATA") from error

    def close(self) -> Iterator[Begun | Ended]:
        """Take the end of the body.

        Raises
        ------
        FragmentError
            If the body ends within an element, or if the last fragment lacks something.
        """
        try:
            self._reader.close()
        except MatroskaError as error:
            raise FragmentError("INVALID_MKV_DATA") from error
        if self._collector.close():
            yield self._end(0)

    def _take(self, element: Element) -> Iterator[Begun | Ended]:
        match element:
            case Segment():
                self._segments += 1
                if self._segments > 1:
                    raise FragmentError("INVALID_MKV_DATA")
            case Tracks(tracks):
                if self._tracks is not None:
                    raise FragmentError("INVALID_MKV_DATA")
                if len(tracks) > limits.TRACKS:
                    raise FragmentError("MORE_THAN_ALLOWED_TRACKS_FOUND")
                self._tracks = tracks
            case Frame() if self.open:
                self._check_frame(element, self.open)
                self.open.arrivals.append(now())
        if self._collector.add(element):
            yield self._end(len(element.tags) if isinstance(element, Tags) else 0)
        if isinstance(element, Cluster):
            yield self._begin(element.timecode)

    def _check_frame(self, frame: Frame, fragment: MediaFragment) -> None:
        if frame.track not in {track.number for track in fragment.tracks}:
            raise FragmentError("TRACK_NUMBER_MISMATCH")
        if not fragment.media.frames and self._latest_before is not None and frame.timecode <= self._latest_before:
            raise FragmentError("FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS")
        if frame.timecode - fragment.media.timecode > limits.FRAGMENT_MILLISECONDS:
            raise FragmentError("MAX_FRAGMENT_DURATION_REACHED")
        self._latest = frame.timecode if self._latest is None else max(self._latest, frame.timecode)
        self._size += len(frame.data)
        if self._size > limits.FRAGMENT_BYTES:
            raise FragmentError("MAX_FRAGMENT_SIZE_REACHED")

    def _begin(self, timecode: int) -> Begun:
        assert self._collector.open
        arrival = now()
        self._size = 0
        self._latest_before = self._latest
        self.open = MediaFragment(
            fragment_number(arrival), self._start + timecode, arrival, self._tracks or (), self._collector.open
        )
        if not 0 <= self.open.producer_timestamp < _END_OF_TIME:
            raise FragmentError("INVALID_PRODUCER_TIMESTAMP")
        if self._last_begin is not None and timecode <= self._last_begin:
            raise FragmentError("FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS")
        self._last_begin = timecode
        return Begun(self.open)

    def _end(self, end_tags: int) -> Ended:
        """End the open fragment; the element that ends it has that many tags."""
        fragment = self.open
        assert fragment
        if {track.number for track in fragment.tracks} != {frame.track for frame in fragment.media.frames}:
            raise FragmentError("FRAMES_MISSING_FOR_TRACK")
        self._check_tags(fragment, end_tags)
        self.open = None
        return Ended(fragment)

    def _check_tags(self, fragment: MediaFragment, end_tags: int) -> None:
        counted, long = [], []
        for element in fragment.media.tags:
            for tag in element.tags:
                if self._count_event_pairs or not _is_event(element) or is_reserved(tag):
                    counted.append(tag.name)
                if len(tag.name.encode()) > limits.TAG_NAME_BYTES or len(tag.value.encode()) > limits.TAG_VALUE_BYTES:
                    long.append(tag.name[:50])
        counted += [TagName.END_OF_FRAGMENT] * end_tags
        if long:
            fault = f"too long are {', '.join(long)}"
        elif len(counted) > limits.TAGS:
            fault = f"{len(counted)} count, and {limits.TAGS} are allowed: {', '.join(counted)}"
        else:
            return
        _logger.warning("fragment %s is refused for its tags: %s", fragment.number, fault)
        raise FragmentError("FRAGMENT_METADATA_LIMIT_REACHED")


def _is_event(tags: Tags) -> bool:
    return TagName.IMAGE_GENERATION in tags or TagName.NOTIFICATION in tags
