"""The stream identifies the custom resource. Deployed stacks depend on these logical ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, NestedStack, Stack, Stage
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_sns as sns
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from cdk_kinesis_video import FragmentNotification, VideoStream

from .conftest import ENVIRONMENT, FRAGMENT_NOTIFICATION, IMAGE_GENERATION, STREAM_ARN, TOPIC_ARN, images_in
from .synthesis import resources_of, template_of

MakeStream = Callable[[Stack], IStreamRef]


def ids_in(stack: Stack) -> list[str]:
    return list(resources_of(template_of(stack), IMAGE_GENERATION))


def declared_at(place: Callable[[Stack], tuple[Construct, str]], make_stream: MakeStream) -> dict[str, Any]:
    """The custom resources, by their logical ids."""
    stack = Stack(App(), "Cameras")
    scope, construct_id = place(stack)
    images_in(scope, construct_id, stream=make_stream(stack))
    return resources_of(template_of(stack), IMAGE_GENERATION)


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
def test_neither_the_constructs_id_nor_its_place_is_in_the_resource(make_stream: MakeStream, logical_id: str) -> None:
    declared = declared_at(lambda stack: (stack, "Images"), make_stream)
    assert list(declared) == [logical_id]
    assert declared_at(lambda stack: (stack, "Renamed"), make_stream) == declared
    assert declared_at(lambda stack: (Construct(stack, "Deeper"), "Images"), make_stream) == declared


@pytest.mark.parametrize(
    "names",
    [("front-door", "front_door", "frontdoor"), ("a" * 250 + "x", "a" * 250 + "y")],
    ids=["in punctuation only", "at their ends only"],
)
def test_names_that_differ_have_ids_of_their_own(stack: Stack, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        images_in(stack, f"Images{number}", stream=VideoStream.from_stream_name(stack, f"Stream{number}", name))
    assert len(set(ids_in(stack))) == len(names)


def test_an_override_after_the_declaration_is_followed(stack: Stack) -> None:
    stream = VideoStream(stack, "Stream")
    images_in(stack, stream=stream)
    stream.cfn_stream.override_logical_id("FrontDoor")
    assert ids_in(stack) == ["FrontDoorImageGeneration"]


def test_a_stream_of_another_stack_brings_its_stacks_name() -> None:
    app = App()
    stack = Stack(app, "Images")
    for name in ("North", "South"):
        images_in(stack, name, stream=VideoStream(Stack(app, f"{name}-Streams"), "Stream"))
    assert ids_in(stack) == [
        "NorthStreamsStream790BDEE4ImageGeneration",
        "SouthStreamsStream790BDEE4ImageGeneration",
    ]


def test_a_stream_of_a_nested_stack_brings_the_nested_stacks_logical_id(stack: Stack) -> None:
    images_in(stack, stream=VideoStream(NestedStack(stack, "Nested"), "Stream"))
    (nested_id,) = resources_of(template_of(stack), "AWS::CloudFormation::Stack")
    assert ids_in(stack) == [f"{nested_id}Stream790BDEE4ImageGeneration"]


def test_stages_have_the_same_ids() -> None:
    app = App()
    for name in ("Beta", "Prod"):
        stack = Stack(Stage(app, name), "Cameras")
        images_in(stack)
        images_in(stack, "Lobby", stream=VideoStream.from_stream_name(stack, "Imported", "lobby"))
    assembly = app.synth()
    ids = [
        sorted(resources_of(assembly.get_nested_assembly(f"assembly-{name}").stacks[0].template, IMAGE_GENERATION))
        for name in ("Beta", "Prod")
    ]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 2


def named(length: int) -> MakeStream:
    return lambda stack: VideoStream.from_stream_name(stack, "Stream", "a" * length)


def deep(stack: Stack) -> IStreamRef:
    scope: Construct = stack
    for number in range(9):
        scope = Construct(scope, f"{number}" + "b" * 40)
    return VideoStream(scope, "Stream")


def deep_in_another_stack(stack: Stack) -> IStreamRef:
    app = stack.node.scope
    assert isinstance(app, App)
    return deep(Stack(app, "c" * 120, env=ENVIRONMENT))


def deep_in_a_nested_stack(stack: Stack) -> IStreamRef:
    return deep(NestedStack(stack, "d" * 200))


def overridden_to_the_longest(stack: Stack) -> IStreamRef:
    stream = kinesisvideo.CfnStream(stack, "Stream", data_retention_in_hours=24)
    stream.override_logical_id("e" * 255)
    return stream


@pytest.mark.parametrize(
    "make_stream",
    [named(233), named(256), deep, deep_in_another_stack, deep_in_a_nested_stack, overridden_to_the_longest],
)
def test_only_ids_that_cloudformation_refuses_are_cut(stack: Stack, make_stream: MakeStream) -> None:
    stream = make_stream(stack)
    images_in(stack, stream=stream)
    topic = sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN)
    FragmentNotification(stack, "Notification", stream=stream, topic=topic)
    template = template_of(stack)
    # The ids are the same in each synth, and differ from each other.
    assert template_of(stack)["Resources"].keys() == template["Resources"].keys()
    ids = [*resources_of(template, IMAGE_GENERATION), *resources_of(template, FRAGMENT_NOTIFICATION)]
    assert [len(logical_id) for logical_id in ids] == [255, 255]
    assert len(set(ids)) == 2


def test_the_longest_id_that_cloudformation_takes_stays() -> None:
    (logical_id,) = declared_at(lambda stack: (stack, "Images"), named(232))
    assert logical_id == f"{'a' * 232}{logical_id[232:240]}ImageGeneration"
    assert len(logical_id) == 255
