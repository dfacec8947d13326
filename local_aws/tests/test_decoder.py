"""Which frames of a fragment become pictures, and the reasons why others don't."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from kinesis_video_local.kinesisvideo.media.decoder import ImageFormat, Pictures, encoded_pictures, video_track
from kinesis_video_local.kinesisvideo.media.images import intervals
from kinesis_video_matroska import Frame, Track
from kinesis_video_tools.camera import ClockVideo
from tests.videos import OPEN_GOP, RATE, cut, decoded, encoded, without_reordering_told

PNG = ImageFormat("PNG")
CLOCK = ClockVideo("front-door", width=160, height=96, frame_rate=4, fragment_seconds=1)
OPEN = "it is shown before the key frame and refers to the fragment before (an open group of pictures)"
GRADUAL = "the fragment begins with a gradual refresh, and its first whole picture comes later"


def make(track: Track, frames: Sequence[Frame], interval: int, clock: Sequence[int] | None = None) -> Pictures:
    times = clock or [frame.timecode for frame in frames]
    return encoded_pictures(track, frames, times, intervals(times[0], interval), PNG)


@cache
def whole(track: Track, frames: tuple[Frame, ...]) -> dict[int, Image.Image]:
    """Decode everything in one go: the pictures by their timecodes."""
    return {picture.pts: picture.to_image() for picture in decoded(track, frames) if picture.pts is not None}


def alike(made: bytes, shown: Image.Image) -> bool:
    return ImageChops.difference(Image.open(io.BytesIO(made)), shown).getbbox() is None


CLOSED = {"x264-params": "keyint=50:scenecut=0"}
VIDEOS = {
    "closed": ("libx264", CLOSED),
    "open": ("libx264", OPEN_GOP),
    # The second fragment begins with a frame of the number 0, of which FFmpeg makes nothing by itself.
    "gradual": ("libx264", {"x264-params": "intra-refresh=1:keyint=64:bframes=0"}),
    "gradual open": ("libx264", {"x264-params": "intra-refresh=1:keyint=50:bframes=3:b-adapt=0"}),
    "pyramid": ("libx264", {"x264-params": "keyint=50:bframes=7:b-pyramid=normal:b-adapt=0:scenecut=0"}),
    "slices": ("libx264", {"x264-params": "keyint=50:slices=3:scenecut=0"}),
    "interlaced": ("libx264", {"flags": "+ilme+ildct", "x264-params": "keyint=50:tff=1:scenecut=0"}),
    "x265": ("libx265", {"x265-params": "log-level=none:pools=1:b-adapt=0:keyint=50:min-keyint=50:scenecut=0"}),
    "x265 closed": ("libx265", {"x265-params": "log-level=none:pools=1:keyint=50:open-gop=0:radl=2:scenecut=0"}),
    "x265 gradual": ("libx265", {"x265-params": "log-level=none:pools=1:keyint=50:intra-refresh=1"}),
}


@pytest.mark.parametrize("name", VIDEOS)
@pytest.mark.parametrize("interval", [200, 20_000])
def test_each_fragment_gives_the_picture_of_the_first_frame_that_can_be_decoded_when_one_is_due(
    name: str, interval: int
) -> None:
    track, frames = encoded(*VIDEOS[name])
    shown = whole(track, frames)
    fragments = [fragment.frames for fragment in cut(frames)]
    assert any(leads(fragment) for fragment in fragments) == (name in ("open", "gradual open", "x265"))
    for number, fragment in enumerate(fragments):
        begin = fragment[0].timecode
        pictures = make(track, fragment, interval)
        times = [fragment[index].timecode - begin for index in pictures.encoded]
        last = max(frame.timecode for frame in fragment) - begin
        due = list(range(0, min(last, 20_000 - 1) + 1, interval))
        gradual = name.startswith("gradual") and number > 0
        if gradual:
            # x264 refreshes the picture column by column; what comes before its end is no whole picture.
            assert times[0] > 200
            assert times[1:] == [time for time in due if time > times[0]]
        else:
            assert times == due
        assert set(pictures.missing.values()) == ({GRADUAL} if gradual else {OPEN} if leads(fragment) else set())
        for index, made in pictures.encoded.items():
            assert alike(made, shown[fragment[index].timecode])


def leads(fragment: Sequence[Frame]) -> bool:
    """Tell whether frames are shown before the key frame and can't be decoded without the fragment before."""
    return min(frame.timecode for frame in fragment) < fragment[0].timecode


def test_by_the_servers_clock_the_first_frame_to_arrive_is_the_first_picture() -> None:
    track, frames = encoded(*VIDEOS["open"])
    fragment = cut(frames)[1].frames
    arrivals = [1_000 + 10 * index for index in range(len(fragment))]
    # The second one arrives before three frames that are shown earlier.
    pictures = make(track, fragment, 180, arrivals)
    assert [arrivals[index] for index in pictures.encoded] == [1_000, 1_180, 1_360]
    leading = [index for index, frame in enumerate(fragment) if frame.timecode < fragment[0].timecode]
    assert leading
    assert make(track, fragment, 10, arrivals).missing == dict.fromkeys(leading, OPEN)


def test_frames_out_of_order_are_all_decoded_where_h264_does_not_say_how_far() -> None:
    track, frames = encoded(*VIDEOS["pyramid"])
    untold, shown = without_reordering_told(track), whole(track, frames)
    fragment = cut(frames)[0].frames
    pictures = make(untold, fragment, 1_000 // RATE)
    assert len(pictures.encoded) == len(fragment)
    assert pictures.missing == {}
    assert all(alike(made, shown[fragment[index].timecode]) for index, made in pictures.encoded.items())


@pytest.mark.parametrize(
    ("times", "interval", "chosen"),
    [
        ([0, 100, 200, 300], 100, [0, 1, 2, 3]),
        ([0, 100, 200, 300], 150, [0, 2, 3]),
        # The grid stays where it was when frames are missing.
        ([5, 105, 1_005, 1_105, 1_255], 250, [0, 2, 4]),
        # Frames may come in another order than they are shown.
        ([0, 300, 100, 200], 100, [0, 1, 2, 3]),
        ([7], 1_000, [0]),
    ],
)
def test_the_first_frame_after_each_interval_is_chosen(times: list[int], interval: int, chosen: list[int]) -> None:
    key = next(CLOCK.fragments(0)).frames[0]
    frames = [replace(key, timecode=time) for time in times]
    assert sorted(make(CLOCK.track, frames, interval).encoded) == chosen


def test_a_frame_that_is_refused_costs_no_other() -> None:
    key = next(CLOCK.fragments(0)).frames[0]
    frames = [replace(key, timecode=200 * index) for index in range(4)]
    for broken, why in ((b"", "it has no bytes"), (b"no picture", "the decoder refuses it")):
        frames[1] = replace(frames[1], data=broken)
        pictures = make(CLOCK.track, frames, 200)
        assert list(pictures.encoded) == [0, 2, 3]
        assert list(pictures.missing) == [1]
        assert pictures.missing[1].startswith(why)


@pytest.mark.parametrize(("broken", "why"), [(29, "it is damaged"), (30, "the decoder refuses it")])
def test_a_frame_that_is_damaged_and_those_that_may_refer_to_it_make_no_picture(broken: int, why: str) -> None:
    track, frames = encoded(*VIDEOS["closed"])
    shown = whole(track, frames)
    half = len(frames[broken].data) // 2
    damaged = replace(frames[broken], data=frames[broken].data[:half] + bytes(half))
    # Two sets of pictures in a fragment, of 50 frames each: the second one is whole.
    pictures = make(track, [*frames[:broken], damaged, *frames[broken + 1 :]], 1_000 // RATE)
    assert pictures.missing.pop(broken).startswith(why)
    assert pictures.missing == dict.fromkeys(range(broken + 1, 50), f"it may refer to frame {broken}, which is damaged")
    assert sorted(pictures.encoded) == [*range(broken), *range(50, 100)]
    assert all(alike(made, shown[frames[index].timecode]) for index, made in pictures.encoded.items())


def test_without_what_the_decoder_needs_to_know_there_is_no_picture() -> None:
    track, frames = encoded(*VIDEOS["closed"])
    pictures = make(replace(track, codec_private=b""), frames[:3], 20_000)
    assert pictures.encoded == {}
    assert pictures.missing[0].startswith("the decoder refuses it")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3), st.data())
def test_a_broken_picture_is_no_picture_and_nothing_worse(broken: int, data: st.DataObject) -> None:
    h265, encoded_frames = encoded(*VIDEOS["x265"])
    track, start = data.draw(
        st.sampled_from([(CLOCK.track, next(CLOCK.fragments(0)).frames), (h265, list(encoded_frames[:4]))])
    )
    frames = list(start)
    noise = data.draw(st.binary(min_size=1, max_size=20))
    at = data.draw(st.integers(0, len(frames[broken].data)))
    whole_data = frames[broken].data
    frames[broken] = replace(frames[broken], data=whole_data[:at] + noise + whole_data[at + len(noise) :])
    pictures = make(track, frames, 40)
    assert {*pictures.encoded, *pictures.missing} <= set(range(4))
    assert not {*pictures.encoded} & {*pictures.missing}


def test_h264_may_have_the_name_that_the_documentation_gives_it() -> None:
    track = replace(CLOCK.track, codec_id="V_MPEG/ISO/AVC")
    assert video_track([Track(2, "A_AAC", type=2), track]) == track
    assert list(make(track, next(CLOCK.fragments(0)).frames, 750).encoded) == [0, 3]
