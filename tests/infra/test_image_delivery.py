"""The mixin that declares the images of every stream of an app."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import App, Duration, Mixins, Stack
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageDelivery, VideoStream

from .conftest import IMAGE_GENERATION, bucket_in, fails_with, images_in, role_in
from .synthesis import messages_of, resources_of, statements_of, template_of


@pytest.fixture
def bucket() -> s3.IBucket:
    # In a stack of its own, so that every stack of a test can use it.
    return bucket_in(Stack())


def configurations_of(template: dict[str, Any]) -> list[dict[str, Any]]:
    resources = resources_of(template, IMAGE_GENERATION).values()
    return [resource["Properties"]["ImageGenerationConfiguration"] for resource in resources]


def uris_of(template: dict[str, Any]) -> list[Any]:
    return [configuration["DestinationConfig"]["Uri"] for configuration in configurations_of(template)]


def test_every_stream_of_an_app_has_a_prefix_of_its_own(bucket: s3.IBucket) -> None:
    app = App()
    one, two = Stack(app, "One"), Stack(app, "Two")
    VideoStream(one, "Stream", stream_name="front-door")
    kinesisvideo.CfnStream(one, "Bare", name="back-door", data_retention_in_hours=24)
    VideoStream(two, "Stream", stream_name="lobby")
    delivery = ImageDelivery(bucket=bucket, prefix="/cameras/")
    Mixins.of(app).apply(delivery)
    assert sorted(uris_of(template_of(one))) == [
        "s3://camera-images/cameras/back-door/",
        "s3://camera-images/cameras/front-door/",
    ]
    assert uris_of(template_of(two)) == ["s3://camera-images/cameras/lobby/"]
    assert sorted(images.prefix for images in delivery.image_generations) == [
        "cameras/back-door/",
        "cameras/front-door/",
        "cameras/lobby/",
    ]


def test_a_stream_without_a_name_has_the_one_that_it_gets(stack: Stack, bucket: s3.IBucket) -> None:
    VideoStream(stack, "Stream")
    kinesisvideo.CfnStream(stack, "Bare", data_retention_in_hours=24)
    Mixins.of(stack).apply(ImageDelivery(bucket=bucket))
    template = template_of(stack)
    names = resources_of(template, "AWS::KinesisVideo::Stream")
    assert uris_of(template) == [{"Fn::Join": ["", ["s3://camera-images/", {"Ref": name}, "/"]]} for name in names]


def hex_prefixes(bucket: s3.IBucket) -> list[str]:
    stack = Stack(App(), "Cameras")
    for name in ("front-door", "back-door"):
        VideoStream(stack, name, stream_name=name)
    Mixins.of(stack).apply(ImageDelivery(bucket=bucket, prefix="cameras", hex_prefix=True))
    return [uri.removeprefix("s3://camera-images/") for uri in uris_of(template_of(stack))]


def test_a_hexadecimal_prefix_comes_first_and_is_always_the_same(bucket: s3.IBucket) -> None:
    first = hex_prefixes(bucket)
    assert first == hex_prefixes(bucket)
    assert all(re.fullmatch(r"[0-9a-f]{4}/cameras/(front|back)-door/", prefix) for prefix in first)
    assert first[0][:4] != first[1][:4]


def test_a_stream_that_has_its_images_declared_keeps_them(stack: Stack, bucket: s3.IBucket) -> None:
    images_in(stack, prefix="mine")
    delivery = ImageDelivery(bucket=bucket)
    Mixins.of(stack).apply(delivery)
    Mixins.of(stack).apply(delivery)
    assert uris_of(template_of(stack)) == ["s3://camera-images/mine/"]
    assert delivery.image_generations == ()


def test_a_stream_takes_it_with_all_options_of_an_image_generation(stream: VideoStream, bucket: s3.IBucket) -> None:
    delivery = ImageDelivery(
        bucket=bucket, sampling_interval=Duration.seconds(1), width_pixels=640, height_pixels=360, enabled=False
    )
    assert stream.with_(delivery) is stream
    (configuration,) = configurations_of(template_of(stream.stack))
    assert (configuration["WidthPixels"], configuration["HeightPixels"]) == (640, 360)
    assert (configuration["SamplingInterval"], configuration["Status"]) == (1000, "DISABLED")


def test_only_the_streams_that_are_named_are_adopted(stack: Stack, bucket: s3.IBucket) -> None:
    VideoStream(stack, "One", stream_name="cam-1")
    kinesisvideo.CfnStream(stack, "Two", name="cam-2", data_retention_in_hours=24)
    VideoStream(stack, "Three", stream_name="cam-3")
    VideoStream(stack, "Unnamed")
    Mixins.of(stack).apply(ImageDelivery(bucket=bucket, adopt_existing=["cam-1", "cam-2"], revision="2"))
    sent = [resource["Properties"] for resource in resources_of(template_of(stack), IMAGE_GENERATION).values()]
    assert [properties.get("AdoptExisting") for properties in sent] == [True, True, None, None]
    assert {properties["Revision"] for properties in sent} == {"2"}


def test_one_producer_for_all_streams(stack: Stack, bucket: s3.IBucket) -> None:
    role = role_in(stack)
    key = kms.Key(stack, "Key")
    for name in ("front-door", "back-door"):
        VideoStream(stack, name, stream_name=name, encryption_key=key)
    Mixins.of(stack).apply(ImageDelivery(bucket=bucket, producer=role, by_thing_name=True, tag_stream=True))
    template = template_of(stack)
    video, with_key, put = statements_of(template)
    assert put["Resource"]["Fn::Join"][1][-1] == ":s3:::camera-images/${credentials-iot:ThingName}/*"
    assert video["Action"][-2:] == ["kinesisvideo:PutMedia", "kinesisvideo:TagStream"]
    assert with_key["Action"] == ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
    assert [s["Action"] for s in statements_of(template, "AWS::KMS::Key")] == ["kms:*", with_key["Action"]]
    assert messages_of(stack, "warning") == []


def test_without_a_producer_each_stream_is_a_warning(stack: Stack, bucket: s3.IBucket) -> None:
    for name in ("front-door", "back-door"):
        VideoStream(stack, name)
    Mixins.of(stack).apply(ImageDelivery(bucket=bucket))
    assert len(messages_of(stack, "warning")) == 2


def test_other_constructs_are_none_of_its_business(stack: Stack, bucket: s3.IBucket) -> None:
    s3.Bucket(stack, "Another").with_(ImageDelivery(bucket=bucket))
    assert resources_of(template_of(stack), IMAGE_GENERATION) == {}


def test_fails_on_props_that_do_not_go_together(stack: Stack, bucket: s3.IBucket) -> None:
    with fails_with("`by_thing_name` is True without `producer`, pass the role of the IoT role alias"):
        ImageDelivery(bucket=bucket, by_thing_name=True)
    with fails_with("`tag_stream` is True without `producer`, pass the role that sends the video"):
        ImageDelivery(bucket=bucket, tag_stream=True)
    with fails_with("`by_thing_name` and `hex_prefix` are both True, leave one of the two out"):
        ImageDelivery(bucket=bucket, producer=role_in(stack), by_thing_name=True, hex_prefix=True)
