"""The test picture, decoded by FFmpeg."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import pytest

from kinesis_video_matroska import Fragment, Frame, Track
from kinesis_video_tools.camera import ClockVideo
from kinesis_video_tools.camera.h264 import Encoder
from tests.videos import decoded

from .clock_reader import read_clock

START = 1795252104607


def take(video: ClockVideo, fragments: int) -> list[Fragment]:
    return list(islice(video.fragments(START), fragments))


def frames_of(fragments: Sequence[Fragment]) -> list[Frame]:
    return [frame for fragment in fragments for frame in fragment.frames]


@pytest.mark.parametrize(("width", "height"), [(160, 96), (320, 240), (640, 480), (1920, 1088)])
def test_every_picture_shows_its_own_time(width: int, height: int) -> None:
    video = ClockVideo("front-door", width=width, height=height, frame_rate=3, fragment_seconds=2)
    frames = frames_of(take(video, 2))
    pictures = decoded(video.track, frames)
    assert [(picture.width, picture.height) for picture in pictures] == [(width, height)] * 12
    shown = [read_clock(picture.to_image(), width, height) for picture in pictures]
    assert shown == [frame.timecode for frame in frames] == [START + round(index * 1000 / 3) for index in range(12)]


def test_the_pixels_are_those_that_were_drawn() -> None:
    video = ClockVideo("i", width=160, height=96)
    (picture,) = decoded(video.track, take(video, 1)[0].frames[:1])
    assert picture.format.name == "yuv420p"
    luma, cb, cr = (bytes(plane) for plane in picture.planes)
    stride = picture.planes[0].line_size
    # The letter I of the name: 2x2 pixels a dot, at the fifth row of macroblocks.
    letter = [
        "".join("#" if luma[(64 + 1 + 2 * row) * stride + 8 + 2 * column] == 235 else "." for column in range(5))
        for row in range(7)
    ]
    assert letter == [".###.", "..#..", "..#..", "..#..", "..#..", "..#..", ".###."]
    assert set(luma[:160]) == {41}
    assert (cb[0], cr[0]) == (170, 115)


def test_six_fragments_have_six_colours() -> None:
    video = ClockVideo("i", frame_rate=1, fragment_seconds=1)
    pictures = decoded(video.track, frames_of(take(video, 7)))
    colours = [picture.to_image().getpixel((0, 0)) for picture in pictures]
    assert len(set(colours)) == 6
    assert colours[6] == colours[0]


def test_a_fragment_begins_with_a_key_frame_and_sends_later_only_what_has_changed() -> None:
    (first, second) = take(ClockVideo("front-door"), 2)
    assert [frame.key for frame in first.frames] == [True] + [False] * 19
    assert second.timecode == START + 2000
    assert len(first.frames[0].data) > 20 * max(len(frame.data) for frame in first.frames[1:])
    # Each key frame can be decoded without what came before.
    video = ClockVideo("front-door")
    assert len(decoded(video.track, second.frames)) == 20


def test_more_pictures_than_a_frame_number_counts_are_decoded() -> None:
    encoder = Encoder(16, 16)
    dark, light = bytes([16]) * 384, bytes([235]) * 384
    encoded = [encoder.encode_key_picture([dark]), *(encoder.encode_picture([dark]) for _ in range(65_540))]
    encoded.append(encoder.encode_picture([light]))
    frames = [Frame(1, index, index == 0, data) for index, data in enumerate(encoded)]
    pictures = decoded(Track(1, "V_MPEG4/ISO/AVC", encoder.codec_private), frames)
    assert [bytes(picture.planes[0])[0] for picture in pictures] == [16] * 65_541 + [235]


def test_a_name_that_is_too_long_is_wrapped_and_cut() -> None:
    video = ClockVideo("a" * 256, width=160, height=96)
    assert len(decoded(video.track, take(video, 1)[0].frames)) == 20


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"width": 100}, "`width` and `height` are 100 and 240"),
        ({"height": 80}, "`width` and `height` are 320 and 80"),
        ({"width": 330}, "a picture has 330x240 pixels"),
        ({"width": 3840, "height": 2160}, "a picture has 3840x2160 pixels"),
        ({"fragment_seconds": 0.5}, "`fragment_seconds` is 0.5"),
        ({"fragment_seconds": 21}, "`fragment_seconds` is 21"),
        ({"frame_rate": 0}, "`frame_rate` is 0"),
        ({"frame_rate": float("nan")}, "`frame_rate` is nan"),
    ],
)
def test_what_cant_be_drawn_is_refused(parameters: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ClockVideo("front-door", **parameters)  # type: ignore[arg-type] # mypy takes the values for every parameter's
