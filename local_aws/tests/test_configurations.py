"""The image generation configuration and the notification configuration of a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

NewStream = Callable[..., str]
Update = Callable[[Any], None]


@pytest.fixture
def update(kinesis_video: KinesisVideoClient, stream: str) -> Update:
    """Update the configuration of a stream; None deletes it."""

    def update(configuration: Any) -> None:
        given = {} if configuration is None else {"ImageGenerationConfiguration": configuration}
        kinesis_video.update_image_generation_configuration(StreamName=stream, **given)

    return update


def described(kinesis_video: KinesisVideoClient, stream: str) -> Any:
    return kinesis_video.describe_image_generation_configuration(StreamName=stream).get("ImageGenerationConfiguration")


def test_an_update_replaces_the_whole_configuration_and_without_one_deletes_it(
    kinesis_video: KinesisVideoClient, stream: str, update: Update, configuration: Any
) -> None:
    required = {
        name: value
        for name, value in configuration.items()
        if name not in ("FormatConfig", "WidthPixels", "HeightPixels")
    }
    for given in (configuration, required, None):
        update(given)
        assert described(kinesis_video, stream) == given


@pytest.mark.parametrize(
    "change",
    [
        {"SamplingInterval": 199},
        {"DestinationConfig": {"Uri": "s3://images/", "DestinationRegion": "eu-west-1"}},
        {"DestinationConfig": {"Uri": "s3://images/*", "DestinationRegion": "us-east-1"}},
        {"DestinationConfig": {"Uri": "s3://" + "a" * 251, "DestinationRegion": "us-east-1"}},
        {"Format": "GIF"},
        {"Format": "PNG"},  # with a JPEG quality
        {"FormatConfig": {"JPEGQuality": "0"}},
        {"FormatConfig": {"JPEGQuality": "101"}},
        {"FormatConfig": {"JPEGQuality": "high"}},
        {"FormatConfig": {"PNGQuality": "80"}},
        {"WidthPixels": 3841},
        {"HeightPixels": 2161},
        {"Status": "ON"},
    ],
)
def test_a_configuration_that_breaks_a_documented_bound_is_refused_and_changes_nothing(
    kinesis_video: KinesisVideoClient, stream: str, update: Update, configuration: Any, change: dict[str, Any]
) -> None:
    with pytest.raises(kinesis_video.exceptions.InvalidArgumentException):
        update(configuration | change)

    assert described(kinesis_video, stream) is None


@pytest.mark.parametrize(
    "change",
    [
        {"SamplingInterval": 200},
        {"FormatConfig": {"JPEGQuality": "1"}},
        {"FormatConfig": {"JPEGQuality": "100"}},
        {"WidthPixels": 3840, "HeightPixels": 2160},
        {"WidthPixels": 1, "HeightPixels": 1},
        {"Status": "DISABLED", "ImageSelectorType": "SERVER_TIMESTAMP"},
    ],
)
def test_a_configuration_at_a_documented_bound_is_accepted(
    kinesis_video: KinesisVideoClient, stream: str, update: Update, configuration: Any, change: dict[str, Any]
) -> None:
    update(configuration | change)

    assert described(kinesis_video, stream) == configuration | change


@pytest.mark.parametrize(("retention", "error"), [(0, "NoDataRetentionException"), (None, "ResourceNotFoundException")])
def test_a_stream_that_retains_nothing_or_does_not_exist_takes_no_configuration_and_no_deletion_of_one(
    kinesis_video: Any, new_stream: NewStream, stream_name: str, configuration: Any, retention: int | None, error: str
) -> None:
    if retention is not None:
        new_stream(stream_name, DataRetentionInHours=retention)

    for call, given in (
        (kinesis_video.update_image_generation_configuration, {"ImageGenerationConfiguration": configuration}),
        (kinesis_video.update_image_generation_configuration, {}),
        (kinesis_video.update_notification_configuration, {}),
    ):
        with pytest.raises(kinesis_video.exceptions.from_code(error)):
            call(StreamName=stream_name, **given)


def test_what_does_not_exist_has_no_configuration(kinesis_video: KinesisVideoClient) -> None:
    for describe in (
        kinesis_video.describe_image_generation_configuration,
        kinesis_video.describe_notification_configuration,
    ):
        with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException):
            describe(StreamName="nobody")


def test_notifications_are_configured_beside_the_images(
    kinesis_video: KinesisVideoClient, stream: str, update: Update, configuration: Any
) -> None:
    destination = {"Uri": "arn:aws:sns:us-east-1:000000000000:fragments"}
    notification: Any = {"Status": "ENABLED", "DestinationConfig": destination}
    update(configuration)

    kinesis_video.update_notification_configuration(StreamName=stream, NotificationConfiguration=notification)

    answer = kinesis_video.describe_notification_configuration(StreamName=stream)
    assert answer["NotificationConfiguration"] == notification
    kinesis_video.update_notification_configuration(StreamName=stream)
    assert "NotificationConfiguration" not in kinesis_video.describe_notification_configuration(StreamName=stream)
    assert described(kinesis_video, stream) == configuration
