"""Writes the parts of bodies of PutMedia: usual ones, and unusual ones that no producer sends on purpose."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from kinesis_video_matroska import (
    Fragment,
    SimpleTag,
    TagName,
    Tags,
    Track,
    write_cluster,
    write_frame,
    write_tags,
)
from kinesis_video_tools.camera import Video, VideoFile

_WIDTH, _HEIGHT, _RATE = 320, 240, 10
_END_OF_FRAGMENT = Tags((SimpleTag(TagName.END_OF_FRAGMENT),))


def fragments(video: Video, count: int) -> list[Fragment]:
    """Return fragments that end about now."""
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
    """Return the tags of an event with the given number of pairs."""
    return Tags((SimpleTag(name), *(SimpleTag(f"name-{number}", "value") for number in range(pairs))))


def of_known_size(fragment: Fragment) -> bytes:
    """Write a fragment whose cluster has a known size."""
    end = write_tags(_END_OF_FRAGMENT)
    # The id has four bytes; the next byte means an unknown size.
    whole = written(fragment).removesuffix(end)
    return whole[:4] + (len(whole[5:]) | 1 << 56).to_bytes(8) + whole[5:] + end


def open_groups(count: int) -> tuple[Track, list[Fragment]]:
    """Encode fragments of 2 s of open groups of pictures, as cameras make them.

    The first frames after a key frame are shown before it, and refer to the previous fragment.
    """
    keys = 2 * _RATE
    parameters = f"open-gop=1:keyint={keys}:min-keyint={keys}:scenecut=0:bframes=3:b-adapt=0"
    with TemporaryDirectory() as folder:
        path = Path(folder, "video.mkv")
        with av.open(path, "w") as output:
            encoder = output.add_stream("libx264", rate=_RATE, options={"x264-params": parameters})
            assert isinstance(encoder, av.VideoStream)
            encoder.width, encoder.height, encoder.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
            for index in range((count + 1) * keys):
                picture = av.VideoFrame(_WIDTH, _HEIGHT, "gray")
                picture.planes[0].update(bytes((x + 5 * index) % 256 for x in range(picture.planes[0].buffer_size)))
                picture.pts = index
                output.mux(encoder.encode(picture.reformat(format="yuv420p")))
            output.mux(encoder.encode(None))
        video = VideoFile(path)
        return video.track, fragments(video, count)
