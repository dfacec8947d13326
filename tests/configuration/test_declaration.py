"""Parses declarations, and compares configurations."""

from __future__ import annotations

from typing import Any

import pytest

from kinesis_video_configuration import FRAGMENT_NOTIFICATION, IMAGE_GENERATION, Declaration, Feature, differences

from ..handler.conftest import DECLARED as IMAGES
from ..handler.conftest import STREAM_ARN
from ..normalisations import Normalisation, each_normalisation

NOTIFICATIONS: dict[str, Any] = {"Status": "ENABLED", "DestinationConfig": {"Uri": "arn:aws:sns:us-east-1:1:t"}}


def without(configuration: dict[str, Any], name: str) -> dict[str, Any]:
    outer, _, inner = name.partition(".")
    if inner:
        return {**configuration, outer: without(configuration[outer], inner)}
    return {key: value for key, value in configuration.items() if key != outer}


def changed(configuration: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    outer, _, inner = name.partition(".")
    return {**configuration, outer: changed(configuration[outer], inner, value) if inner else value}


FIELDS = [
    *[
        (IMAGE_GENERATION, IMAGES, name, other)
        for name, other in [
            ("Status", "DISABLED"),
            ("ImageSelectorType", "SERVER_TIMESTAMP"),
            ("DestinationConfig.Uri", "s3://camera-images/Front-Door/"),
            ("DestinationConfig.DestinationRegion", "us-east-2"),
            ("SamplingInterval", 3001),
            ("Format", "PNG"),
            ("FormatConfig.JPEGQuality", "30"),
            ("WidthPixels", 320),
            ("HeightPixels", 180),
        ]
    ],
    (FRAGMENT_NOTIFICATION, NOTIFICATIONS, "Status", "DISABLED"),
    (FRAGMENT_NOTIFICATION, NOTIFICATIONS, "DestinationConfig.Uri", "arn:aws:sns:us-east-1:1:T"),
]


@pytest.mark.parametrize(("feature", "configuration", "name", "other"), FIELDS)
def test_every_field_that_is_otherwise_or_that_only_one_has_is_named(
    feature: Feature, configuration: dict[str, Any], name: str, other: Any
) -> None:
    otherwise = changed(configuration, name, other)
    # The default quality counts as none.
    base = otherwise if name == "FormatConfig.JPEGQuality" else configuration
    for one, two in ((configuration, otherwise), (base, without(base, name))):
        assert differences(feature, one, two) == [name]
        assert differences(feature, two, one) == [name]


@each_normalisation
def test_neutral_fields_make_no_difference_in_either_direction(row: Normalisation) -> None:
    declared, found = row.configurations(IMAGES)
    assert differences(IMAGE_GENERATION, declared, found) == row.fields
    assert differences(IMAGE_GENERATION, found, declared) == row.fields


def test_a_slash_is_neutral_at_the_end_of_a_uri_alone() -> None:
    bare = changed(IMAGES, "DestinationConfig.Uri", "s3://camera-images/front-door")
    letter_at_the_end = changed(IMAGES, "DestinationConfig.Uri", "s3://camera-images/front-doorX")
    assert differences(IMAGE_GENERATION, bare, letter_at_the_end) == ["DestinationConfig.Uri"]
    assert "Format" in differences(IMAGE_GENERATION, IMAGES, changed(IMAGES, "Format", "JPEG/"))


def test_what_this_version_does_not_know_is_not_compared() -> None:
    assert differences(FRAGMENT_NOTIFICATION, NOTIFICATIONS, {**NOTIFICATIONS, "Version": 1}) == []


def properties(configuration: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"StreamARN": STREAM_ARN, "ImageGenerationConfiguration": configuration, **more}


def parse(properties: dict[str, Any], *, ignore_unknown: bool = False) -> Declaration:
    return Declaration.parse("Custom::KinesisVideoImageGeneration", properties, ignore_unknown=ignore_unknown)


def test_text_becomes_numbers_where_the_api_has_numbers() -> None:
    sent = {
        **IMAGES,
        "SamplingInterval": "3000",
        "WidthPixels": "640",
        "HeightPixels": 360,
        "FormatConfig": {"JPEGQuality": 80},
    }
    declaration = parse(properties(sent))
    assert declaration.configuration == IMAGES
    assert declaration.stream == {"StreamARN": STREAM_ARN}
    assert declaration.feature is IMAGE_GENERATION


@pytest.mark.parametrize(
    ("configuration", "named"),
    [
        (
            {**IMAGES, "Sharpness": "9"},
            "`ImageGenerationConfiguration.Sharpness` is unknown to this version of cdk-kinesis-video, allowed are "
            + ", ".join(IMAGE_GENERATION.fields),
        ),
        (
            {**IMAGES, "FormatConfig": {"PNGLevel": "9"}},
            "`ImageGenerationConfiguration.FormatConfig.PNGLevel` is unknown to this version of cdk-kinesis-video, "
            "allowed are JPEGQuality",
        ),
    ],
)
def test_an_unknown_field_is_refused_by_its_name_or_ignored(configuration: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # the whole sentence is compared
        parse(properties(configuration))
    assert str(raised.value) == named
    assert "Sharpness" not in parse(properties(configuration), ignore_unknown=True).configuration


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"StreamName": "front-door"}, "exactly one of `StreamARN` and `StreamName` must be given, as text"),
        ({"StreamARN": ""}, "exactly one of `StreamARN` and `StreamName` must be given, as text"),
        ({"StreamARN": ["x"]}, "exactly one of `StreamARN` and `StreamName` must be given, as text"),
        ({"ImageGenerationConfiguration": {}}, "`ImageGenerationConfiguration` must be given"),
        ({"ImageGenerationConfiguration": "on"}, "`ImageGenerationConfiguration` is 'on', it must be a map"),
        (
            {"ImageGenerationConfiguration": {**IMAGES, "DestinationConfig": "s3://b"}},
            "`ImageGenerationConfiguration.DestinationConfig` is 's3://b', it must be a map",
        ),
        (
            {"ImageGenerationConfiguration": {**IMAGES, "Status": True}},
            "`ImageGenerationConfiguration.Status` is True, it must be text or a number",
        ),
        (
            {"ImageGenerationConfiguration": {**IMAGES, "DestinationConfig": {"Uri": None}}},
            "`ImageGenerationConfiguration.DestinationConfig.Uri` is None, it must be text or a number",
        ),
        (
            {"ImageGenerationConfiguration": {**IMAGES, "WidthPixels": "wide"}},
            "`ImageGenerationConfiguration.WidthPixels` is 'wide', it must be a whole number",
        ),
    ],
)
def test_what_can_not_be_read_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # the whole sentence is compared
        parse({**properties(IMAGES), **change})
    assert str(raised.value) == named


def test_a_name_is_kept_as_a_name_and_an_empty_one_is_none() -> None:
    by_name = {"StreamName": "front-door", "StreamARN": "", "ImageGenerationConfiguration": IMAGES}
    assert parse(by_name).stream == {"StreamName": "front-door"}


def test_an_unknown_resource_type_is_named() -> None:
    allowed = "Custom::KinesisVideoImageGeneration, Custom::KinesisVideoFragmentNotification"
    with pytest.raises(ValueError, match=f"^the resource type 'Custom::Other' is unknown, allowed are {allowed}$"):
        Declaration.parse("Custom::Other", properties(IMAGES))
