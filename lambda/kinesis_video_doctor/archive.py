"""The stream's archive: its fragments, their tags and their tracks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from kinesis_video_configuration.retries import pages
from kinesis_video_contract.doctor import TEST_PICTURE
from kinesis_video_matroska import Fragment, FragmentCollector, Frame, MatroskaError, Reader, TagName, Track, Tracks

from .calls import Calls, Fact, UndecidedError, if_known
from .stream import Stream

_SERVICE = "kinesis-video-archived-media"
_FRAGMENTS_PER_PAGE, _MAX_PAGES = 1000, 20
# How much is read to see the tags: not a stream's whole archive.
_NEWEST, _MAX_BYTES, _MAX_FRAGMENTS = 5, 20_000_000, 1000
_PIECE = 65_536
_YOUNG = timedelta(minutes=1)
"""After this time the images of a fragment should be there: documented for a changed configuration, inferred here."""
_TOLERANCE = timedelta(seconds=5)
"""The maximum difference between the clocks of two services."""
# AWS_KINESISVIDEO_IMAGE_GENERATION written differently, or the tag of the prefix.
_LIKE_IT = re.compile("image(generation|prefix)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listed:
    """A fragment, as ListFragments describes it."""

    number: str
    arrived: datetime
    """By the service's clock."""
    produced: datetime | None
    """By the producer's clock."""
    length: timedelta
    size: int

    @classmethod
    def parse(cls, fragment: Mapping[str, Any]) -> Listed:
        """Read an entry of ListFragments, whose fields are all optional."""
        return cls(
            fragment["FragmentNumber"],
            fragment["ServerTimestamp"],
            fragment.get("ProducerTimestamp"),
            timedelta(milliseconds=fragment.get("FragmentLengthInMilliseconds", 0)),
            fragment.get("FragmentSizeInBytes", _MAX_BYTES),
        )

    def time(self, *, by_producer: bool) -> datetime:
        """Return the time of its first image."""
        return self.produced if by_producer and self.produced else self.arrived

    def has(self, timecode: int, delivered: datetime, *, by_producer: bool) -> bool:
        """Return whether an image can be of the fragment by its time, in milliseconds since 1970, and its delivery."""
        begin = milliseconds(self.time(by_producer=by_producer))
        end = begin + max(self.length // timedelta(milliseconds=1), 1)
        return begin <= timecode < end and self.arrived <= delivered + _TOLERANCE


@dataclass(frozen=True)
class Read:
    """A fragment whose media was read."""

    listed: Listed
    tags: Mapping[str, str]
    """The first value of each tag, by its name."""

    @property
    def asks(self) -> bool:
        """Whether it has the tag by which a producer asks for images."""
        return TagName.IMAGE_GENERATION in self.tags

    @property
    def own_prefix(self) -> str:
        """The prefix of its images' keys after the destination's prefix."""
        return self.tags.get(TagName.IMAGE_PREFIX, "")

    @property
    def is_test(self) -> bool:
        """Whether `--send` has sent it."""
        return TEST_PICTURE in self.tags


@dataclass(frozen=True)
class Media:
    """The content of some fragments."""

    fragments: Sequence[Read]
    """Oldest first."""
    tracks: Sequence[Track]
    """The tracks of the newest header."""

    @property
    def asking(self) -> Sequence[Read]:
        """Those of the stream's own producer that ask for images, oldest first."""
        return [fragment for fragment in self.fragments if fragment.asks and not fragment.is_test]

    @property
    def almost(self) -> Sequence[str]:
        """Tags that look like the right one, of fragments that don't ask for images: only the exact name counts."""
        names = (name for fragment in self.fragments if not fragment.asks for name in fragment.tags)
        return list(dict.fromkeys(name for name in names if _LIKE_IT.search(re.sub("[^a-z]", "", name.lower()))))

    @property
    def own_prefixes(self) -> Sequence[str]:
        """The prefixes that their tags add to the destination's."""
        return list(dict.fromkeys(fragment.own_prefix for fragment in self.asking))


class TestPicturesError(UndecidedError):
    """The newest fragments are those of `--send`, which show nothing of the producer."""


class Video:
    """The fragments of the examined time."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._call: Calls = stream.call

    @Fact
    def fragments(self) -> Sequence[Listed]:
        """The fragments that the service has received in that time, oldest first."""
        stream = self._stream
        # The archive may answer although DescribeStream is refused.
        if if_known(lambda: stream.retention, None) == 0:
            raise UndecidedError("a stream without retention has no archive to look at")
        now = stream.now
        selector = {
            "FragmentSelectorType": "SERVER_TIMESTAMP",
            "TimestampRange": {"StartTimestamp": stream.since, "EndTimestamp": now + timedelta(minutes=1)},
        }
        ask = partial(
            self._call,
            "kinesisvideo:ListFragments",
            "list_fragments",
            service=_SERVICE,
            endpoint_url=self._endpoint("LIST_FRAGMENTS"),
            **stream.address,
        )
        fragments: list[Listed] = []
        for page in islice(pages(ask, FragmentSelector=selector, MaxResults=_FRAGMENTS_PER_PAGE), _MAX_PAGES):
            fragments += map(Listed.parse, page["Fragments"])
            if not page.get("NextToken"):
                if not fragments:
                    # Without retention there would be none either.
                    _ = stream.retention
                return sorted(fragments, key=lambda fragment: fragment.arrived)
        raise UndecidedError(
            f"the archive has more than {len(fragments)} fragments of this time", "look at fewer: --minutes 10"
        )

    @Fact
    def counted(self) -> Mapping[str, float]:
        """The numbers of fragments received and of errors returned, according to CloudWatch."""
        metrics = {"fragments": "PutMedia.IncomingFragments", "errors": "PutMedia.ErrorAckCount"}
        stream = self._stream
        queries = {id_: ("AWS/KinesisVideo", name, "StreamName", stream.name) for id_, name in metrics.items()}
        return stream.count(queries, stream.since)

    @property
    def is_silent(self) -> bool:
        """Whether no video arrives, as far as known."""
        return if_known(lambda: not self.fragments and not any(self.counted.values()), False)

    def is_young(self, fragment: Listed) -> bool:
        """Return whether the images of a fragment may still arrive."""
        return self._stream.now - fragment.arrived < _YOUNG

    @Fact
    def media(self) -> Media:
        """The five newest fragments, and the five newest of those that are no longer young, without test pictures."""
        settled = [fragment for fragment in self.fragments if not self.is_young(fragment)][-_NEWEST:]
        newest = [fragment for fragment in self.fragments[-_NEWEST:] if fragment not in settled]
        chosen: list[Listed] = []
        # The newest of both kinds first, within the limit of bytes.
        for fragment in sorted([*settled, *newest], key=lambda one: _rank(one, settled, newest)):
            if not chosen or sum(one.size for one in chosen) + fragment.size <= _MAX_BYTES:
                chosen.append(fragment)
        media = self.read(sorted(chosen, key=lambda fragment: fragment.arrived))
        own = [fragment.listed for fragment in media.fragments if not fragment.is_test]
        if not own:
            raise TestPicturesError(
                "the newest fragments are test pictures that `--send` has sent", "run it again while the producer sends"
            )
        # Read again without them, because the tracks are those of the newest fragment.
        return media if len(own) == len(chosen) else self.read(own)

    def later(self, than: Listed) -> Sequence[Listed] | None:
        """List a fragment and all later ones; None if they are too many to read."""
        later = [fragment for fragment in self.fragments if fragment.arrived >= than.arrived]
        small = len(later) <= _MAX_FRAGMENTS and sum(fragment.size for fragment in later) <= _MAX_BYTES
        return later if small else None

    def read(self, chosen: Sequence[Listed]) -> Media:
        """Read fragments."""
        if not chosen:
            raise UndecidedError("there is no fragment to look at")
        answer = self._call(
            "kinesisvideo:GetMediaForFragmentList",
            "get_media_for_fragment_list",
            service=_SERVICE,
            endpoint_url=self._endpoint("GET_MEDIA_FOR_FRAGMENT_LIST"),
            **self._stream.address,
            Fragments=[fragment.number for fragment in chosen],
        )
        body = memoryview(answer["Payload"])
        try:
            tracks, read = read_media(self._call.while_time(body[i : i + _PIECE] for i in range(0, len(body), _PIECE)))
        except MatroskaError as error:
            raise UndecidedError(f"the archive's fragments can't be read: {error}") from error
        if len(read) != len(chosen):
            raise UndecidedError(f"the archive gave {len(read)} fragments of {len(chosen)}")
        return Media([Read(listed, tags) for listed, tags in zip(chosen, read, strict=True)], tracks)

    def _endpoint(self, api: str) -> str:
        answer = self._call("kinesisvideo:GetDataEndpoint", "get_data_endpoint", **self._stream.address, APIName=api)
        return str(answer["DataEndpoint"])


def _rank(fragment: Listed, *lists: Sequence[Listed]) -> int:
    """Count from the newest of its list."""
    return min(len(one) - one.index(fragment) for one in lists if fragment in one)


def milliseconds(time: datetime) -> int:
    """Count the milliseconds since 1970."""
    return round((time - _EPOCH) / timedelta(milliseconds=1))


def read_media(pieces: Iterable[bytes | memoryview]) -> tuple[Sequence[Track], list[Mapping[str, str]]]:
    """Read the tracks, and the tags of each fragment, of Matroska that comes in pieces.

    Raises
    ------
    MatroskaError
        If it is none.
    """
    reader, collector = Reader(), FragmentCollector()
    tracks: Sequence[Track] = ()
    fragments: list[Fragment | None] = []
    for piece in pieces:
        for element in reader.feed(piece):
            if isinstance(element, Tracks):
                tracks = element.tracks
            # Frames take most of the memory and are not needed.
            if not isinstance(element, Frame):
                fragments.append(collector.add(element))
    fragments.append(collector.close())
    return tracks, [_tags(fragment) for fragment in fragments if fragment]


def _tags(fragment: Fragment) -> Mapping[str, str]:
    tags: dict[str, str] = {}
    for element in fragment.tags:
        for tag in element.tags:
            tags.setdefault(tag.name, tag.value)
    return tags
