"""Every configuration that passes at synth reaches the service unchanged; every other one is refused by its name."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_s3 as s3
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk_kinesis_video import ImageFormat, ImageGeneration, ImageSelectorType, VideoStream
from kinesis_video_configuration import Declaration
from kinesis_video_local.kinesisvideo.control_plane import CONTROL_PLANE
from tests.templates import stringify

from .infra.conftest import ENVIRONMENT, IMAGE_GENERATION
from .infra.synthesis import resources_of, template_of

BUCKET = "camera-images"
STREAM_ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/front-door/1690707290324"

FORMATS = (
    st.just(ImageFormat.png())
    | st.none()
    | st.builds(lambda quality: ImageFormat.jpeg(quality=quality), st.none() | st.integers(1, 100))
)
# Neither `*` nor what only a token has, and short enough beside the bucket's name.
FOLDERS = st.text(st.characters(exclude_characters="*$/", exclude_categories=["C"]), min_size=1, max_size=60)
PREFIXES = st.builds(
    lambda before, folders, after: f"{before}{'/'.join(folders)}{after if folders else ''}",
    st.sampled_from(["", "/"]),
    st.lists(FOLDERS.filter(lambda folder: folder not in (".", "..")), max_size=3),
    st.sampled_from(["", "/"]),
)
PROPS = st.fixed_dictionaries(
    {},
    optional={
        "prefix": PREFIXES,
        "sampling_interval": st.integers(200, 2**31 - 1).map(Duration.millis),
        "format": FORMATS,
        "width_pixels": st.integers(1, 3840),
        "height_pixels": st.integers(1, 2160),
        "image_selector_type": st.sampled_from(ImageSelectorType),
        "enabled": st.booleans(),
    },
)


def expected(props: dict[str, Any]) -> dict[str, Any]:
    """What the API's documentation asks for."""
    prefix = props.get("prefix", "").strip("/")
    interval = props.get("sampling_interval")
    image_format = props.get("format") or ImageFormat.jpeg()
    configuration = {
        "Status": "ENABLED" if props.get("enabled", True) else "DISABLED",
        "ImageSelectorType": props.get("image_selector_type", ImageSelectorType.PRODUCER_TIMESTAMP).value,
        "DestinationConfig": {
            "Uri": f"s3://{BUCKET}/{prefix}/" if prefix else f"s3://{BUCKET}",
            "DestinationRegion": "eu-west-1",
        },
        "SamplingInterval": int(interval.to_milliseconds()) if interval else 3000,
        "Format": image_format.name,
        "WidthPixels": props.get("width_pixels"),
        "HeightPixels": props.get("height_pixels"),
    }
    if image_format.quality is not None:
        configuration["FormatConfig"] = {"JPEGQuality": str(image_format.quality)}
    return {name: value for name, value in configuration.items() if value is not None}


# Many configurations in one stack, since it is the synthesis that takes the time.
@settings(max_examples=10, deadline=None)
@given(st.lists(PROPS, min_size=1, max_size=40))
def test_what_passes_at_synth_reaches_the_service_unchanged(many: list[dict[str, Any]]) -> None:
    stack = Stack(App(), "Cameras", env=ENVIRONMENT)
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", BUCKET)
    for number, props in enumerate(many):
        stream = VideoStream(stack, f"Stream{number}")
        ImageGeneration(stack, f"Images{number}", stream=stream, bucket=bucket, **props)
    sent = [resource["Properties"] for resource in resources_of(template_of(stack), IMAGE_GENERATION).values()]
    assert len(sent) == len(many)
    for properties_sent, props in zip(sent, many, strict=True):
        arrived = stringify({**properties_sent, "StreamARN": STREAM_ARN})
        declaration = Declaration.parse(IMAGE_GENERATION, arrived)
        request = {**declaration.stream, "ImageGenerationConfiguration": declaration.configuration}
        assert CONTROL_PLANE.parse("UpdateImageGenerationConfiguration", request) == {
            "StreamARN": STREAM_ARN,
            "ImageGenerationConfiguration": expected(props),
        }


WRONG = st.one_of(
    st.tuples(st.just("prefix"), st.text(max_size=50).map(lambda text: f"{text}*")),
    st.tuples(st.just("prefix"), st.text("abc/", min_size=300, max_size=400).filter(lambda p: len(p.strip("/")) > 250)),
    st.tuples(st.just("sampling_interval"), st.integers(0, 199).map(Duration.millis)),
    st.tuples(st.just("sampling_interval"), st.integers(2**31, 2**40).map(Duration.millis)),
    st.tuples(st.just("width_pixels"), st.integers(-1000, 0) | st.integers(min_value=3841)),
    st.tuples(st.just("height_pixels"), st.integers(-1000, 0) | st.integers(min_value=2161)),
    st.tuples(st.sampled_from(["width_pixels", "height_pixels"]), st.floats() | st.booleans()),
)


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(App(), "Cameras", env=ENVIRONMENT)


@settings(max_examples=150, deadline=None)
@given(WRONG)
def test_what_does_not_pass_is_refused_by_its_name(stack: Stack, wrong: tuple[str, Any]) -> None:
    prop, value = wrong
    bucket = s3.Bucket.from_bucket_name(Stack(), "Bucket", BUCKET)
    stream: Any = VideoStream.from_stream_name(Stack(), "Stream", "front-door")
    with pytest.raises(ValueError, match=f"^`{prop}` (is|makes) .* must ") as raised:
        ImageGeneration(stack, "Images", stream=stream, bucket=bucket, **{prop: value})
    assert "\n" not in str(raised.value)
    assert not str(raised.value).endswith(".")


@given(st.integers(max_value=0) | st.integers(min_value=101) | st.floats() | st.text())
def test_a_quality_that_does_not_pass_is_refused_by_its_name(quality: Any) -> None:
    with pytest.raises(ValueError, match=r"^`quality` is .* must "):
        ImageFormat.jpeg(quality=quality)
