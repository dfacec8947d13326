"""Fragments, as Kinesis Video Streams makes them from clusters and tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from .model import Cluster, Element, Frame, Segment, Tags
from .reader import MatroskaError

_T = TypeVar("_T")


# Three tracks with 1,000 frames a second each, for the 20 s that a fragment may last.
_MAX_FRAMES = 60_000
_MAX_TAGS = 1_000


class TagName(StrEnum):
    """The reserved names of tags."""

    IMAGE_GENERATION = "AWS_KINESISVIDEO_IMAGE_GENERATION"
    IMAGE_PREFIX = "AWS_KINESISVIDEO_IMAGE_PREFIX"
    NOTIFICATION = "AWS_KINESISVIDEO_NOTIFICATION"
    END_OF_FRAGMENT = "AWS_KINESISVIDEO_END_OF_FRAGMENT"


@dataclass
class Fragment:
    """A cluster and the tags that belong to it."""

    timecode: int
    """The cluster's timecode in milliseconds."""
    frames: list[Frame] = field(default_factory=list)
    """Its frames; the first one is a key frame."""
    tags: list[Tags] = field(default_factory=list)
    """The Tags elements that belong to it, without the end-of-fragment tag."""


class FragmentCollector:
    """Puts fragments together from the elements of one stream.

    Tags belong to the cluster before them. Tags before the first cluster, and those between an end-of-fragment tag and
    the next cluster, belong to the next one. A fragment has at most 60,000 frames, 1,000 tags and 1,000 Tags elements.
    """

    def __init__(self) -> None:
        self.open: Fragment | None = None
        """The fragment that is being received, if there is one."""
        self._tags_of_next: list[Tags] = []

    def add(self, element: Element) -> Fragment | None:
        """Take an element.

        Returns
        -------
        The fragment that this element ends, if it ends one.

        Raises
        ------
        MatroskaError
            If a fragment has too many frames or tags.
        """
        match element:
            case Cluster(timecode):
                ended, self.open = self.open, Fragment(timecode, tags=self._tags_of_next)
                self._tags_of_next = []
                return ended
            case Frame() if self.open:
                _append(self.open.frames, element, _MAX_FRAMES, "frames")
            case Tags() if TagName.END_OF_FRAGMENT in element:
                return self.close()
            case Tags():
                tags = self.open.tags if self.open else self._tags_of_next
                if sum(len(each.tags) for each in (*tags, element)) > _MAX_TAGS:
                    raise MatroskaError(f"a fragment has more than {_MAX_TAGS} tags")
                _append(tags, element, _MAX_TAGS, "Tags elements")
            case Segment():
                return self.close()
        return None

    def close(self) -> Fragment | None:
        """Take the end of the stream.

        Returns
        -------
        The fragment that was being received, if there was one.
        """
        ended, self.open = self.open, None
        return ended


def _append(elements: list[_T], element: _T, limit: int, name: str) -> None:
    if len(elements) == limit:
        raise MatroskaError(f"a fragment has more than {limit} {name}")
    elements.append(element)
