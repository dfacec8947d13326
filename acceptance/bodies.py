"""Writes bodies of PutMedia: usual ones, and ones that no producer means to send."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

from kinesis_video_matroska import (
    Fragment,
    SimpleTag,
    TagName,
    Tags,
    write_cluster,
    write_frame,
    write_header,
    write_tags,
)
from kinesis_video_tools.camera import ClockVideo

_END_OF_FRAGMENT = Tags((SimpleTag(TagName.END_OF_FRAGMENT),))


def header(video: ClockVideo) -> bytes:
    """Write what comes before the fragments of a video."""
    return write_header([video.track])


def fragments(video: ClockVideo, count: int) -> list[Fragment]:
    """Make fragments that end about now."""
    begin = time.time() - (video.duration(count) or 0)
    return list(islice(video.fragments(round(begin * 1000)), count))


def written(fragment: Fragment, tags: Sequence[Tags] = ()) -> bytes:
    """Write a fragment with these tags and the end-of-fragment tag."""
    frames = (write_frame(frame, fragment.timecode) for frame in fragment.frames)
    ends = (write_tags(element) for element in (*tags, _END_OF_FRAGMENT))
    return b"".join([write_cluster(fragment.timecode), *frames, *ends])


def tag(name: str) -> bytes:
    """Write a tag."""
    return write_tags(Tags((SimpleTag(name, "yes"),)))


def event_tags(name: TagName, pairs: int) -> Tags:
    """Make the tags of an event with that many pairs, the same ones each time."""
    return Tags((SimpleTag(name), *(SimpleTag(f"name-{number}", "value") for number in range(pairs))))


def of_known_size(fragment: Fragment) -> bytes:
    """Write a fragment whose cluster says how long it is."""
    end = write_tags(_END_OF_FRAGMENT)
    # An id of four bytes, and one that says that the size is unknown.
    whole = written(fragment).removesuffix(end)
    return whole[:4] + (len(whole[5:]) | 1 << 56).to_bytes(8) + whole[5:] + end
