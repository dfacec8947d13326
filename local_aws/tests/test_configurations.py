"""The image generation configuration and the notification configuration of a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

NewStream = Callable[..., str]


def test_a_configuration_is_described_as_it_was_given(
    kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str, configuration: Any
) -> None:
    arn = new_stream(stream_name)

    kinesis_video.update_image_generation_configuration(
        StreamName=stream_name, ImageGenerationConfiguration=configuration
    )

    described = kinesis_video.describe_image_generation_configuration(StreamARN=arn)
    assert described["ImageGenerationConfiguration"] == configuration


def test_an_update_replaces_the_whole_configuration(
    kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str, configuration: Any
) -> None:
    new_stream(stream_name)
    kinesis_video.update_image_generation_configuration(
        StreamName=stream_name, ImageGenerationConfiguration=configuration
    )
    for optional in "FormatConfig", "WidthPixels", "HeightPixels":
        del configuration[optional]

    kinesis_video.update_image_generation_configuration(
        StreamName=stream_name, ImageGenerationConfiguration=configuration
    )

    described = kinesis_video.describe_image_generation_configuration(StreamName=stream_name)
    assert described["ImageGenerationConfiguration"] == configuration


def test_an_update_without_a_configuration_deletes_it(
    kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str, configuration: Any
) -> None:
    new_stream(stream_name)
    kinesis_video.update_image_generation_configuration(
        StreamName=stream_name, ImageGenerationConfiguration=configuration
    )

    kinesis_video.update_image_generation_configuration(StreamName=stream_name)

    described = kinesis_video.describe_image_generation_configuration(StreamName=stream_name)
    assert "ImageGenerationConfiguration" not in described


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
    kinesis_video: KinesisVideoClient,
    new_stream: NewStream,
    stream_name: str,
    configuration: Any,
    change: dict[str, Any],
) -> None:
    new_stream(stream_name)

    with pytest.raises(kinesis_video.exceptions.InvalidArgumentException):
        kinesis_video.update_image_generation_configuration(
            StreamName=stream_name, ImageGenerationConfiguration=configuration | change
        )

    described = kinesis_video.describe_image_generation_configuration(StreamName=stream_name)
    assert "ImageGenerationConfiguration" not in described


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
    kinesis_video: KinesisVideoClient,
    new_stream: NewStream,
    stream_name: str,
    configuration: Any,
    change: dict[str, Any],
) -> None:
    new_stream(stream_name)

    kinesis_video.update_image_generation_configuration(
        StreamName=stream_name, ImageGenerationConfiguration=configuration | change
    )

    described = kinesis_video.describe_image_generation_configuration(StreamName=stream_name)
    assert described["ImageGenerationConfiguration"] == configuration | change


def test_a_stream_that_retains_nothing_takes_no_configuration_and_no_deletion_of_one(
    kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str, configuration: Any
) -> None:
    new_stream(stream_name, DataRetentionInHours=0)

    with pytest.raises(kinesis_video.exceptions.NoDataRetentionException):
        kinesis_video.update_image_generation_configuration(
            StreamName=stream_name, ImageGenerationConfiguration=configuration
        )
    with pytest.raises(kinesis_video.exceptions.NoDataRetentionException):
        kinesis_video.update_image_generation_configuration(StreamName=stream_name)
    with pytest.raises(kinesis_video.exceptions.NoDataRetentionException):
        kinesis_video.update_notification_configuration(StreamName=stream_name)


def test_no_stream_has_no_configuration(kinesis_video: KinesisVideoClient, configuration: Any) -> None:
    with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException):
        kinesis_video.update_image_generation_configuration(
            StreamName="nobody", ImageGenerationConfiguration=configuration
        )
    with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException):
        kinesis_video.describe_image_generation_configuration(StreamName="nobody")
    with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException):
        kinesis_video.describe_notification_configuration(StreamName="nobody")


def test_notifications_are_configured_beside_the_images(
    kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str, configuration: Any
) -> None:
    new_stream(stream_name)
    notification: Any = {
        "Status": "ENABLED",
        "DestinationConfig": {"Uri": "arn:aws:sns:us-east-1:000000000000:fragments"},
    }
    kinesis_video.update_image_generation_configuration(
        StreamName=stream_name, ImageGenerationConfiguration=configuration
    )

    kinesis_video.update_notification_configuration(StreamName=stream_name, NotificationConfiguration=notification)

    described = kinesis_video.describe_notification_configuration(StreamName=stream_name)
    assert described["NotificationConfiguration"] == notification
    kinesis_video.update_notification_configuration(StreamName=stream_name)
    described = kinesis_video.describe_notification_configuration(StreamName=stream_name)
    assert "NotificationConfiguration" not in described
    assert (
        kinesis_video.describe_image_generation_configuration(StreamName=stream_name)["ImageGenerationConfiguration"]
        == configuration
    )
