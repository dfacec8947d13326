"""The contract against the model of the service, and the constructs against the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_sns as sns
from botocore import xform_name
from botocore.model import Shape, StructureShape

from cdk_kinesis_video import (
    FragmentNotification,
    ImageFormat,
    ImageSelectorType,
    StorageTier,
    VideoStream,
)
from cdk_kinesis_video import video_stream as stream_bounds
from kinesis_video_configuration import Declaration
from kinesis_video_contract import configurations, destinations, images, streams
from kinesis_video_contract.configurations import FEATURES, Feature

from .conftest import ENVIRONMENT, TOPIC_ARN, images_in
from .synthesis import only_resource, template_of

MODEL = boto3.Session().client("kinesisvideo", region_name="us-east-1").meta.service_model


def shape(name: str) -> Shape:
    found: Shape = MODEL.shape_for(name)
    return found


def fields(structure: Shape) -> dict[str, Any]:
    """The field names of a structure, with those of its own structures and the keys of its maps."""
    assert isinstance(structure, StructureShape)
    return {
        name: fields(member)
        if member.type_name == "structure"
        else dict.fromkeys(member.key.enum)  # type: ignore[attr-defined]
        if member.type_name == "map"
        else None
        for name, member in structure.members.items()
    }


def names(value: Any) -> Any:
    return {name: names(item) for name, item in value.items()} if isinstance(value, Mapping) else None


# The properties that the function reads besides the API's request.
OURS = (configurations.ADOPT_EXISTING, configurations.REVISION, configurations.REMOVAL_POLICY)
OF_EACH_KIND = pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)


@pytest.fixture(scope="module")
def sent() -> dict[str, Any]:
    """The properties of a custom resource of each type, with every prop."""
    stack = Stack(App(), "Cameras", env=ENVIRONMENT)
    stream = VideoStream(stack, "Stream")
    common: Any = {"adopt_existing": True, "revision": "2", "removal_policy": RemovalPolicy.RETAIN}
    images_in(
        stack,
        stream=stream,
        sampling_interval=Duration.seconds(1),
        format=ImageFormat.jpeg(quality=80),
        width_pixels=640,
        height_pixels=360,
        **common,
    )
    topic = sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN)
    FragmentNotification(stack, "Notification", stream=stream, topic=topic, **common)
    template = template_of(stack)
    return {name: only_resource(template, name)["Properties"] for name in FEATURES}


def test_every_kind_is_in_the_table() -> None:
    assert list(FEATURES.values()) == [
        feature for feature in vars(configurations).values() if isinstance(feature, Feature)
    ]


@OF_EACH_KIND
def test_the_operations_are_the_models(feature: Feature) -> None:
    called = {xform_name(name): name for name in MODEL.operation_names}
    assert called[feature.update] == f"Update{feature.configuration}"
    assert called[feature.describe] == f"Describe{feature.configuration}"


@OF_EACH_KIND
def test_the_construct_sends_every_field_of_the_model(sent: dict[str, Any], feature: Feature) -> None:
    assert names(sent[feature.resource_type][feature.configuration]) == fields(shape(feature.configuration))


@OF_EACH_KIND
def test_the_handler_reads_every_field_of_the_model_and_turns_its_numbers_into_numbers(feature: Feature) -> None:
    structure = shape(feature.configuration)
    assert isinstance(structure, StructureShape)
    assert names(feature.fields) == fields(structure)
    integers = {name for name, member in structure.members.items() if member.type_name == "integer"}
    assert {name for name, kind in feature.fields.items() if kind is int} == integers


@OF_EACH_KIND
def test_the_properties_are_the_request_of_the_api(sent: dict[str, Any], feature: Feature) -> None:
    request = fields(shape(f"Update{feature.configuration}Input"))
    assert set(sent[feature.resource_type]) - {"ServiceToken", "ServiceTimeout", *OURS} < set(request)
    assert request.keys() == {"StreamName", "StreamARN", feature.configuration}


@OF_EACH_KIND
def test_the_handler_reads_what_the_construct_sends(sent: dict[str, Any], feature: Feature) -> None:
    arrived = {**sent[feature.resource_type], "StreamARN": "arn"}
    assert set(OURS) < arrived.keys()
    declaration = Declaration.parse(feature.resource_type, arrived)
    assert declaration.configuration == arrived[feature.configuration]


@pytest.mark.parametrize(
    ("shape_name", "ours"),
    [
        ("WidthPixels", {"min": images.MIN_WIDTH_PIXELS, "max": images.MAX_WIDTH_PIXELS}),
        ("HeightPixels", {"min": images.MIN_HEIGHT_PIXELS, "max": images.MAX_HEIGHT_PIXELS}),
        ("DestinationUri", {"max": destinations.MAX_URI_LENGTH}),
        (
            "StreamName",
            {"max": streams.MAX_STREAM_NAME_LENGTH, "pattern": streams.STREAM_NAME_PATTERN, "min": 1},
        ),
        ("MediaType", {"max": stream_bounds.MAX_MEDIA_TYPE_LENGTH, "pattern": stream_bounds.MEDIA_TYPE_PATTERN}),
    ],
)
def test_the_bounds_are_the_models(shape_name: str, ours: dict[str, Any]) -> None:
    metadata = shape(shape_name).metadata
    assert {name: metadata.get(name) for name in ours} == ours


def test_the_model_still_has_no_bound_where_only_the_documentation_has_one() -> None:
    for name in ("SamplingInterval", "DataRetentionInHours"):
        assert "max" not in shape(name).metadata
    assert shape("SamplingInterval").metadata == {}
    assert shape("FormatConfigValue").metadata["pattern"] == "^[a-zA-Z_0-9]+"


@pytest.mark.parametrize(
    ("shape_name", "ours"),
    [
        ("ImageSelectorType", {*images.IMAGE_SELECTOR_TYPES}),
        ("ImageSelectorType", {*ImageSelectorType}),
        ("Format", {*images.FORMATS}),
        ("ConfigurationStatus", {*images.STATUSES}),
        ("FormatConfigKey", {"JPEGQuality"}),
        ("DefaultStorageTier", {tier.value for tier in StorageTier}),
    ],
)
def test_the_values_are_the_models(shape_name: str, ours: set[str]) -> None:
    assert set(shape(shape_name).enum) == ours  # type: ignore[attr-defined]
