"""The whole life of a configuration with IAM enforced: the function's role has all permissions that it needs."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageFormat, ImageGeneration, ImageSelectorType, VideoStream

from .conftest import IMAGE_GENERATION, Build, ClientAs, Cloud, answer_to

STACK = "Guarded"
STREAM = "guarded"
EVERYTHING: dict[str, Any] = {
    "enabled": False,
    "image_selector_type": ImageSelectorType.SERVER_TIMESTAMP,
    "bucket_name": "other-images",
    "prefix": "front",
    "sampling_interval": Duration.millis(200),
    "width_pixels": 3840,
    "height_pixels": 2160,
}
CHANGED: dict[str, Any] = {
    "Status": "DISABLED",
    "ImageSelectorType": "SERVER_TIMESTAMP",
    "DestinationConfig": {"Uri": "s3://other-images/front/", "DestinationRegion": "us-east-1"},
    "SamplingInterval": 200,
    "WidthPixels": 3840,
    "HeightPixels": 2160,
}


def camera(bucket_name: str = "camera-images", **props: Any) -> Build:
    def build(stack: Stack) -> None:
        stream = VideoStream(stack, "Stream", stream_name=STREAM, removal_policy=RemovalPolicy.RETAIN)
        bucket = s3.Bucket.from_bucket_name(stack, "Bucket", bucket_name)
        ImageGeneration(stack, "Images", stream=stream, bucket=bucket, **props)

    return build


def test_the_role_is_enough_for_the_whole_life_and_for_nothing_else(cloud: Cloud, client_as: ClientAs) -> None:
    assert cloud.deploy(STACK, camera()) == "CREATE_COMPLETE"
    declared, arn = cloud.images(STREAM), cloud.stream_arn(STREAM)
    assert declared["SamplingInterval"] == 3000
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({**EVERYTHING, "format": ImageFormat.png()}, {**CHANGED, "Format": "PNG"}),
        ({"format": ImageFormat.jpeg(quality=1)}, {"FormatConfig": {"JPEGQuality": "1"}}),
        ({}, {}),
    ]
    for props, change in steps:
        assert cloud.deploy(STACK, camera(**props)) == "UPDATE_COMPLETE"
        assert cloud.images(STREAM) == {**declared, **change}
        assert cloud.physical_ids(STACK, IMAGE_GENERATION) == [arn]

    role, elsewhere = cloud.role_arn(STACK), arn.replace("us-east-1", "eu-west-1")
    video, video_elsewhere = (client_as(cloud, role, "kinesisvideo", r) for r in ("us-east-1", "eu-west-1"))
    bucket = client_as(cloud, role, "s3")
    assert {
        "describe its stream": answer_to(video.describe_stream, StreamARN=arn),
        "describe its images": answer_to(video.describe_image_generation_configuration, StreamARN=arn),
        "describe a stream of another Region": answer_to(video_elsewhere.describe_stream, StreamARN=elsewhere),
        "describe the images of another Region": answer_to(
            video_elsewhere.describe_image_generation_configuration, StreamARN=elsewhere
        ),
        "delete its stream": answer_to(video.delete_stream, StreamARN=arn),
        "end the retention of its stream": answer_to(
            video.update_data_retention,
            StreamARN=arn,
            CurrentVersion="1",
            Operation="DECREASE_DATA_RETENTION",
            DataRetentionChangeInHours=24,
        ),
        "write to the bucket": answer_to(bucket.put_object, Bucket="assets", Key="image.jpg"),
        "list the streams": answer_to(video.list_streams),
    } == {
        "describe its stream": "allowed",
        "describe its images": "allowed",
        "describe a stream of another Region": "NotAuthorizedException",
        "describe the images of another Region": "AccessDeniedException",
        "delete its stream": "NotAuthorizedException",
        "end the retention of its stream": "NotAuthorizedException",
        "write to the bucket": "AccessDenied",
        "list the streams": "AccessDeniedException",
    }

    assert cloud.delete(STACK) == "DELETE_COMPLETE"
    assert cloud.images(STREAM) is None
