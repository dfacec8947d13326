"""The custom resource is identified by its stream: these ids are a contract with every stack that is deployed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aws_cdk import App, CfnParameter, NestedStack, Stack, Stage
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from cdk_kinesis_video import ImageGeneration, VideoStream

from .conftest import IMAGE_GENERATION, resources_of, template_of

STREAM_ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1690707290324"
MakeStream = Callable[[Stack], IStreamRef]


def bucket_in(scope: Construct) -> s3.IBucket:
    return s3.Bucket.from_bucket_name(scope, "Bucket", "camera-images")


def ids_in(stack: Stack) -> list[str]:
    return list(resources_of(template_of(stack), IMAGE_GENERATION))


def declared_at(place: Callable[[Stack], tuple[Construct, str]], make_stream: MakeStream) -> list[str]:
    stack = Stack(App(), "Cameras")
    stream = make_stream(stack)
    scope, construct_id = place(stack)
    ImageGeneration(scope, construct_id, stream=stream, bucket=bucket_in(stack))
    return ids_in(stack)


def overridden(stack: Stack) -> IStreamRef:
    stream = kinesisvideo.CfnStream(stack, "Stream", data_retention_in_hours=24)
    stream.override_logical_id("FrontDoor")
    return stream


@pytest.mark.parametrize(
    ("make_stream", "logical_id"),
    [
        (lambda stack: VideoStream(stack, "Stream"), "Stream790BDEE4ImageGeneration"),
        (
            lambda stack: kinesisvideo.CfnStream(stack, "Stream", data_retention_in_hours=24),
            "StreamImageGeneration",
        ),
        (overridden, "FrontDoorImageGeneration"),
        (
            lambda stack: VideoStream.from_stream_name(stack, "Stream", "front-door"),
            "frontdoor2939AD6CImageGeneration",
        ),
        (
            lambda stack: VideoStream.from_stream_arn(stack, "Stream", STREAM_ARN),
            "frontdoor2939AD6CImageGeneration",
        ),
        (
            lambda stack: VideoStream.from_stream_name(stack, "Stream", CfnParameter(stack, "Name").value_as_string),
            "StreamACAE25D8ImageGeneration",
        ),
    ],
    ids=["VideoStream", "CfnStream", "overridden", "by name", "by ARN", "by a parameter"],
)
def test_neither_the_constructs_id_nor_its_place_is_in_the_logical_id(make_stream: MakeStream, logical_id: str) -> None:
    assert declared_at(lambda stack: (stack, "Images"), make_stream) == [logical_id]
    assert declared_at(lambda stack: (stack, "Renamed"), make_stream) == [logical_id]
    assert declared_at(lambda stack: (Construct(stack, "Deeper"), "Images"), make_stream) == [logical_id]


def test_names_that_differ_in_punctuation_only_have_ids_of_their_own() -> None:
    stack = Stack(App(), "Cameras")
    for name in ("front-door", "front_door", "frontdoor"):
        stream = VideoStream.from_stream_name(stack, f"Stream-{name}", name)
        ImageGeneration(stack, f"Images-{name}", stream=stream, bucket=bucket_in(Construct(stack, name)))
    assert len(set(ids_in(stack))) == 3


def test_an_override_after_the_declaration_is_followed() -> None:
    stack = Stack(App(), "Cameras")
    stream = VideoStream(stack, "Stream")
    ImageGeneration(stack, "Images", stream=stream, bucket=bucket_in(stack))
    resource = stream.node.default_child
    assert isinstance(resource, kinesisvideo.CfnStream)
    resource.override_logical_id("FrontDoor")
    assert ids_in(stack) == ["FrontDoorImageGeneration"]


def test_a_stream_of_another_stack_brings_its_stacks_name() -> None:
    app = App()
    streams = {name: VideoStream(Stack(app, f"{name}-Streams"), "Stream") for name in ("North", "South")}
    stack = Stack(app, "Images")
    for name, stream in streams.items():
        ImageGeneration(stack, name, stream=stream, bucket=bucket_in(Construct(stack, f"{name}Bucket")))
    assert ids_in(stack) == [
        "NorthStreamsStream790BDEE4ImageGeneration",
        "SouthStreamsStream790BDEE4ImageGeneration",
    ]


def test_a_stream_of_a_nested_stack_brings_the_nested_stacks_logical_id() -> None:
    stack = Stack(App(), "Cameras")
    nested = NestedStack(stack, "Nested")
    ImageGeneration(stack, "Images", stream=VideoStream(nested, "Stream"), bucket=bucket_in(stack))
    (nested_id,) = resources_of(template_of(stack), "AWS::CloudFormation::Stack")
    assert ids_in(stack) == [f"{nested_id}Stream790BDEE4ImageGeneration"]


def test_stages_have_the_same_ids() -> None:
    app = App()
    for name in ("Beta", "Prod"):
        stack = Stack(Stage(app, name), "Cameras")
        ImageGeneration(stack, "Images", stream=VideoStream(stack, "Stream"), bucket=bucket_in(stack))
        imported = VideoStream.from_stream_name(stack, "Imported", "lobby")
        ImageGeneration(stack, "Lobby", stream=imported, bucket=bucket_in(Construct(stack, "LobbyBucket")))
    assembly = app.synth()
    ids = [
        sorted(resources_of(assembly.get_nested_assembly(f"assembly-{name}").stacks[0].template, IMAGE_GENERATION))
        for name in ("Beta", "Prod")
    ]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 2
