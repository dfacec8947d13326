"""Every configuration that passes at synth reaches the service unchanged."""

from __future__ import annotations

from typing import Any

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
        assert isinstance(arrived["ImageGenerationConfiguration"]["SamplingInterval"], str)
        declaration = Declaration.parse(IMAGE_GENERATION, arrived)
        request = {**declaration.stream, "ImageGenerationConfiguration": declaration.configuration}
        assert CONTROL_PLANE.parse("UpdateImageGenerationConfiguration", request) == {
            "StreamARN": STREAM_ARN,
            "ImageGenerationConfiguration": expected(props),
        }
