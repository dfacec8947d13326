"""What the stream's archive has: its fragments, their tags and their tracks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError

from kinesis_video_matroska import Fragment, FragmentCollector, MatroskaError, Reader, TagName, Track, Tracks

from .calls import Calls, UndecidedError

_SERVICE = "kinesis-video-archived-media"
_FRAGMENTS_PER_PAGE, _MAX_PAGES = 1000, 20
# What is read to see the tags: enough for a producer that tags every few fragments, and not a stream's whole archive.
_MAX_FRAGMENTS, _MAX_BYTES = 10, 20_000_000
_PIECE = 65_536


@dataclass(frozen=True)
class Media:
    """What the newest fragments hold."""

    fragments: Sequence[Mapping[str, Any]]
    """The fragments that were read, oldest first, as ListFragments describes them."""
    tagged: Sequence[bool]
    """Whether each of them asks for images."""
    tracks: Sequence[Track]
    """The tracks of the newest header."""

    @property
    def newest_tagged(self) -> Mapping[str, Any] | None:
        """The newest fragment that asks for images."""
        return next((one for one, tagged in zip(self.fragments[::-1], self.tagged[::-1], strict=True) if tagged), None)


@dataclass(frozen=True)
class Video:
    """The fragments of a time."""

    stream_arn: str
    fragments: Sequence[Mapping[str, Any]]
    """As ListFragments describes them, oldest first."""

    @classmethod
    def find(cls, call: Calls, stream_arn: str, since: datetime, until: datetime) -> Video:
        """List the fragments that the service has received in a time.

        Raises
        ------
        UndecidedError
            If they can't be listed, or if there are too many.
        """
        client = _client(call, stream_arn, "LIST_FRAGMENTS")
        selector = {
            "FragmentSelectorType": "SERVER_TIMESTAMP",
            "TimestampRange": {"StartTimestamp": since, "EndTimestamp": until},
        }
        fragments: list[Mapping[str, Any]] = []
        page: dict[str, Any] = {}
        for _ in range(_MAX_PAGES):
            page = call(
                "kinesisvideo:ListFragments",
                "list_fragments",
                client=client,
                StreamARN=stream_arn,
                FragmentSelector=selector,
                MaxResults=_FRAGMENTS_PER_PAGE,
                **page,
            )
            fragments += page["Fragments"]
            if not page.get("NextToken"):
                return cls(stream_arn, sorted(fragments, key=lambda fragment: fragment["ServerTimestamp"]))
            page = {"NextToken": page["NextToken"]}
        raise UndecidedError(
            f"the archive has more than {len(fragments)} fragments of this time", "look at fewer: --minutes 10"
        )

    def read(self, call: Calls) -> Media:
        """Read the newest fragments.

        Raises
        ------
        UndecidedError
            If they can't be read.
        """
        chosen = self.fragments[-_MAX_FRAGMENTS:]
        while len(chosen) > 1 and sum(fragment["FragmentSizeInBytes"] for fragment in chosen) > _MAX_BYTES:
            chosen = chosen[1:]
        if not chosen:
            raise UndecidedError("there is no fragment to look at")
        answer = call(
            "kinesisvideo:GetMediaForFragmentList",
            "get_media_for_fragment_list",
            client=_client(call, self.stream_arn, "GET_MEDIA_FOR_FRAGMENT_LIST"),
            StreamARN=self.stream_arn,
            Fragments=[fragment["FragmentNumber"] for fragment in chosen],
        )
        try:
            tracks, read = read_media(answer["Payload"].iter_chunks(_PIECE))
        except (MatroskaError, BotoCoreError) as error:
            raise UndecidedError(f"the archive's fragments can't be read: {error}") from error
        if len(read) != len(chosen):
            raise UndecidedError(f"the archive gave {len(read)} fragments of {len(chosen)}")
        return Media(chosen, [asks_for_images(fragment) for fragment in read], tracks)


def read_media(pieces: Iterable[bytes]) -> tuple[Sequence[Track], list[Fragment]]:
    """Read the tracks and the fragments of Matroska that comes in pieces.

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
            fragments.append(collector.add(element))
    fragments.append(collector.close())
    return tracks, [fragment for fragment in fragments if fragment]


def asks_for_images(fragment: Fragment) -> bool:
    """Tell whether a fragment has the tag by which a producer asks for images."""
    return any(TagName.IMAGE_GENERATION in tags for tags in fragment.tags)


def _client(call: Calls, stream_arn: str, api: str) -> Any:
    answer = call("kinesisvideo:GetDataEndpoint", "get_data_endpoint", StreamARN=stream_arn, APIName=api)
    return call.client(_SERVICE, answer["DataEndpoint"])
