"""The package for the function that images are handed to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinesis_video_images import ImageKey, ImageMetadata, image_keys, image_time, parse_image_key, parse_image_metadata

IMAGE_ID = "0b0b0b0b-1a2b-3c4d-5e6f-0123456789ab"
KEY = f"front-door/111122223333_demo_stream_1690707290324_{IMAGE_ID}.jpg"

ACCOUNTS = st.text("0123456789", min_size=12, max_size=12)
STREAM_NAMES = st.text("abcXYZ019_.-", min_size=1, max_size=256) | st.just("cam_111122223333_b")
# Of the destination and of the producer's tag. A destination may have no slash at its end, and end in a digit.
PREFIXES = st.builds(
    str.__add__, st.text(max_size=300) | st.sampled_from(["111122223333_a", "cam-1"]), st.sampled_from(["", "/", "_"])
)


@settings(deadline=None)
@given(
    prefix=PREFIXES,
    account=ACCOUNTS,
    stream_name=STREAM_NAMES,
    timecode=st.integers(0, 9_999_999_999_999),
    image_id=st.uuids().map(str) | st.text("abc123-", min_size=1),
    extension=st.sampled_from(["jpg", "png"]),
)
def test_a_key_comes_back_from_its_parts(**parts: Any) -> None:
    image = ImageKey(**parts)
    assert parse_image_key(str(image), account=image.account, stream_name=image.stream_name) == image


@contextmanager
def refused_as_ambiguous() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if "may be of stream" not in str(error):
            raise


@settings(deadline=None)
@given(prefix=PREFIXES, stream_name=STREAM_NAMES, timecode=st.integers(0, 9_999_999_999_999))
def test_what_is_read_without_help_is_either_right_or_refused(prefix: str, stream_name: str, timecode: int) -> None:
    image = ImageKey(prefix, "999988887777", stream_name, timecode, IMAGE_ID, "jpg")
    with refused_as_ambiguous():
        assert parse_image_key(str(image)) == image


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_key_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert str(parse_image_key(text)) == text


@pytest.mark.parametrize(
    "prefix",
    # With the producer's own, and of destinations without a slash at their end.
    ["front-door/", "front-door/person_", "front-door", "cam-1", "cams/7", "111122223333", "what?#"],
)
def test_the_parts_of_a_key(prefix: str) -> None:
    key = KEY.replace("front-door/", prefix)
    image = parse_image_key(key)
    assert (image.prefix, image.account, image.stream_name) == (prefix, "111122223333", "demo_stream")
    assert image.timestamp == image_time(key) == datetime(2023, 7, 30, 8, 54, 50, 324000, tzinfo=UTC)
    assert (image.timecode, image.image_id, image.extension) == (1690707290324, IMAGE_ID, "jpg")
    assert str(image) == key


def test_twelve_digits_of_the_prefix_are_told_from_the_account_by_what_is_known() -> None:
    key = f"444455556666_111122223333_cam_1690707290324_{IMAGE_ID}.jpg"
    with pytest.raises(ValueError, match="may be of stream '111122223333_cam' or 'cam', give `stream_name`"):
        parse_image_key(key)
    assert image_time(key) == datetime(2023, 7, 30, 8, 54, 50, 324000, tzinfo=UTC)
    assert parse_image_key(key, account="111122223333").prefix == "444455556666_"
    assert parse_image_key(key, stream_name="111122223333_cam").account == "444455556666"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "front-door/",
        "front-door/picture.jpg",
        KEY.removesuffix(".jpg"),
        KEY.replace("1111", "111"),
        KEY.replace("_1690707290324", ""),
        KEY + "/thumbnail",
        KEY + "\n",
    ],
)
def test_what_is_no_key_of_an_image_is_refused(key: str) -> None:
    for read in (parse_image_key, image_time):
        with pytest.raises(ValueError, match="is not the key of an image, which is <prefix><account>_<stream name>_"):
            read(key)


def test_an_image_of_another_stream_is_refused() -> None:
    with pytest.raises(ValueError, match="is not the key of an image of account '111122223333' of stream 'lobby', "):
        parse_image_key(KEY, account="111122223333", stream_name="lobby")


METADATA = {
    "aws_kinesisvideo_producer_timestamp": "1690707290.324",
    "aws_kinesisvideo_server_timestamp": "1690707291.5",
    "aws_kinesisvideo_fragment_number": "91343852333181432392682062607743920146264079171",
}


def test_the_metadata_of_an_image() -> None:
    metadata = parse_image_metadata({**METADATA, "door": "open"})
    producer, server, fragment = METADATA.values()
    assert metadata == ImageMetadata(producer, server, fragment, {"door": "open"})


def test_metadata_that_is_none_of_an_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the metadata lacks aws_kinesisvideo_producer_timestamp, aws_kinesisvideo_"):
        parse_image_metadata({"aws_kinesisvideo_fragment_number": "1"})


@settings(deadline=None)
@given(st.text(min_size=1))
def test_the_keys_of_both_kinds_of_event_are_the_keys_of_the_objects(key: str) -> None:
    of_eventbridge = {"detail": {"bucket": {"name": "camera-images"}, "object": {"key": key}}}
    of_s3 = {"Records": [{"s3": {"bucket": {"name": "camera-images"}, "object": {"key": quote_plus(key)}}}]}
    for event in (of_eventbridge, of_s3):
        assert list(image_keys(event)) == [("camera-images", key)]


def test_an_event_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the event has body, it must have 'detail' or 'Records'$"):
        list(image_keys({"body": ""}))
