"""The whole life of a configuration in deployments: the statuses and the stream's configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageFormat, ImageGeneration, ImageSelectorType, VideoStream

from .conftest import IMAGE_GENERATION, Build, Cloud

UPDATE = "UpdateImageGenerationConfiguration"
DESCRIBE = "DescribeImageGenerationConfiguration"


@pytest.fixture
def name(request: pytest.FixtureRequest, cloud: Cloud) -> Iterator[str]:
    """A unique stack name; the rest of the stack is deleted at the end."""
    unique = request.node.name.translate(str.maketrans("_[", "--", "]"))[:100].rstrip("-")
    yield unique
    cloud.aws.clear_faults()
    if cloud.status(unique):
        assert cloud.delete(unique) == "DELETE_COMPLETE"


def camera(stream_name: str, bucket_name: str = "camera-images", **props: Any) -> Build:
    def build(stack: Stack) -> None:
        stream = VideoStream(stack, "Stream", stream_name=stream_name, removal_policy=RemovalPolicy.DESTROY)
        bucket = s3.Bucket.from_bucket_name(stack, "Bucket", bucket_name)
        ImageGeneration(stack, "Images", stream=stream, bucket=bucket, **props)

    return build


def existing(stream_name: str, **props: Any) -> Build:
    def build(stack: Stack) -> None:
        stream = VideoStream.from_stream_name(stack, "Stream", stream_name)
        bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
        ImageGeneration(stack, "Images", stream=stream, bucket=bucket, **props)

    return build


def test_create_and_delete(cloud: Cloud, name: str) -> None:
    cloud.create_stream(name)
    assert cloud.deploy(name, existing(name)) == "CREATE_COMPLETE"
    assert cloud.images(name)["SamplingInterval"] == 3000
    assert cloud.physical_ids(name, IMAGE_GENERATION) == [cloud.stream_arn(name)]
    assert cloud.delete(name) == "DELETE_COMPLETE"
    assert cloud.images(name) is None


def test_update_of_every_field(cloud: Cloud, name: str) -> None:
    cloud.deploy(name, camera(name))
    declared = cloud.images(name)
    arn = cloud.stream_arn(name)
    everything = {
        "enabled": False,
        "image_selector_type": ImageSelectorType.SERVER_TIMESTAMP,
        "bucket_name": "other-images",
        "prefix": "front",
        "sampling_interval": Duration.millis(200),
        "width_pixels": 3840,
        "height_pixels": 2160,
    }
    changed = {
        "Status": "DISABLED",
        "ImageSelectorType": "SERVER_TIMESTAMP",
        "DestinationConfig": {"Uri": "s3://other-images/front/", "DestinationRegion": "us-east-1"},
        "SamplingInterval": 200,
        "WidthPixels": 3840,
        "HeightPixels": 2160,
    }
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({**everything, "format": ImageFormat.png()}, {**changed, "Format": "PNG"}),
        ({"format": ImageFormat.jpeg(quality=1)}, {"FormatConfig": {"JPEGQuality": "1"}}),
        ({}, {}),
    ]
    for props, change in steps:
        assert cloud.deploy(name, camera(name, **props)) == "UPDATE_COMPLETE"
        assert cloud.images(name) == {**declared, **change}
        assert cloud.physical_ids(name, IMAGE_GENERATION) == [arn]


def test_a_replaced_stream(cloud: Cloud, name: str) -> None:
    cloud.deploy(name, camera(f"{name}-1"))
    assert cloud.deploy(name, camera(f"{name}-2", width_pixels=640)) == "UPDATE_COMPLETE"
    assert cloud.images(f"{name}-2")["WidthPixels"] == 640
    assert cloud.physical_ids(name, IMAGE_GENERATION) == [cloud.stream_arn(f"{name}-2")]


def test_a_stream_without_data_retention_fails_with_what_to_change(cloud: Cloud, name: str) -> None:
    cloud.create_stream(name, hours=0)
    assert cloud.deploy(name, existing(name)) == "ROLLBACK_COMPLETE"
    (reason,) = (reason for status, reason in cloud.events(name) if status == "CREATE_FAILED")
    assert f"{name}: " in reason
    assert reason.endswith("; its data retention is 0, set the stream's data retention to at least 1 hour")


def test_a_failing_update_is_rolled_back(cloud: Cloud, name: str) -> None:
    cloud.deploy(name, camera(name))
    before = cloud.images(name)
    cloud.aws.inject_fault(UPDATE, error="InvalidArgumentException")
    assert cloud.deploy(name, camera(name, width_pixels=640)) == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.images(name) == before
    assert cloud.physical_ids(name, IMAGE_GENERATION) == [cloud.stream_arn(name)]


def test_a_rollback_that_fails_once_can_be_continued(cloud: Cloud, name: str) -> None:
    cloud.deploy(name, camera(name))
    before = cloud.images(name)
    cloud.aws.inject_fault(UPDATE, error="InvalidArgumentException", times=2)
    # Else it is seen to be as it was before.
    cloud.aws.inject_fault(DESCRIBE, error="InvalidArgumentException", times=2)
    assert cloud.deploy(name, camera(name, width_pixels=640)) == "UPDATE_ROLLBACK_FAILED"
    cloud.cloudformation.continue_update_rollback(StackName=name)
    assert cloud.wait(name) == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.images(name) == before


def test_what_passes_is_waited_for(cloud: Cloud, name: str) -> None:
    errors = ["ClientLimitExceededException", "ResourceInUseException", "ServiceUnavailable"]
    for error in errors:
        cloud.aws.inject_fault(UPDATE, error=error, times=1)
    assert cloud.deploy(name, camera(name)) == "CREATE_COMPLETE"
    assert [call.error for call in cloud.aws.calls(UPDATE)] == [*errors, None]
    assert cloud.images(name)["Status"] == "ENABLED"


def test_delete_after_the_stream_was_deleted_by_hand(cloud: Cloud, name: str) -> None:
    cloud.deploy(name, camera(name))
    cloud.kinesisvideo.delete_stream(StreamARN=cloud.stream_arn(name))
    assert cloud.delete(name) == "DELETE_COMPLETE"


def test_delete_never_reaches_a_new_stream_of_the_same_name(cloud: Cloud, name: str) -> None:
    cloud.create_stream(name)
    cloud.deploy(name, existing(name))
    configuration = cloud.images(name)
    cloud.kinesisvideo.delete_stream(StreamARN=cloud.stream_arn(name))
    cloud.create_stream(name)
    cloud.kinesisvideo.update_image_generation_configuration(
        StreamName=name, ImageGenerationConfiguration=configuration
    )
    assert cloud.delete(name) == "DELETE_COMPLETE"
    assert cloud.images(name) == configuration


def test_delete_in_the_same_update_that_ends_the_data_retention(cloud: Cloud, name: str) -> None:
    def build(hours: int) -> Callable[[Stack], None]:
        def build_it(stack: Stack) -> None:
            stream = kinesisvideo.CfnStream(stack, "Stream", name=name, data_retention_in_hours=hours)
            bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
            if hours:
                ImageGeneration(stack, "Images", stream=stream, bucket=bucket)

        return build_it

    cloud.deploy(name, build(24))
    assert cloud.deploy(name, build(0)) == "UPDATE_COMPLETE"
    # The service refuses to change the configuration of a stream without retention, which yields no images.
    assert [call.error for call in cloud.aws.calls(UPDATE)] == [None, "NoDataRetentionException"]
    assert cloud.physical_ids(name, IMAGE_GENERATION) == []
