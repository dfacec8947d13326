"""A stream has one configuration of a kind, wherever in an app it is declared, and by whatever name it is known."""

from __future__ import annotations

import pytest
from aws_cdk import App, CfnParameter, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from cdk_kinesis_video import FragmentNotification, ImageGeneration, VideoStream

from .conftest import ENVIRONMENT, fails_with

STREAM_ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/lobby/1690707290324"


def images(scope: Construct, stream: IStreamRef, construct_id: str = "Images") -> ImageGeneration:
    bucket = s3.Bucket.from_bucket_name(scope, f"{construct_id}Bucket", "camera-images")
    return ImageGeneration(scope, construct_id, stream=stream, bucket=bucket)


def imported(scope: Construct, construct_id: str = "Lobby") -> IStreamRef:
    return VideoStream.from_stream_name(scope, construct_id, "lobby")


def sentence(one: str, two: str, noun: str = "image generation") -> str:
    return f"`stream` has its {noun} at {one!r} already and can't have a second one at {two!r}, keep one of the two"


def test_fails_on_a_stream_of_the_app_in_two_stacks() -> None:
    app = App()
    one = Stack(app, "One")
    stream = VideoStream(one, "Stream")
    images(one, stream)
    with fails_with(sentence("One/Images", "Two/Images")):
        images(Stack(app, "Two"), stream)


def test_fails_on_an_imported_stream_in_two_stacks_of_one_environment() -> None:
    app = App()
    one, two = (Stack(app, name, env=ENVIRONMENT) for name in ("One", "Two"))
    images(one, imported(one))
    with fails_with(sentence("One/Images", "Two/Images")):
        images(two, VideoStream.from_stream_arn(two, "Lobby", STREAM_ARN))


def test_fails_on_an_imported_stream_in_two_stages_of_one_environment() -> None:
    app = App()
    one, two = (Stack(Stage(app, name, env=ENVIRONMENT), "Cameras") for name in ("Beta", "Prod"))
    images(one, imported(one))
    with fails_with(sentence("Beta/Cameras/Images", "Prod/Cameras/Images")):
        images(two, imported(two))


def test_fails_on_an_imported_stream_in_a_stack_and_its_nested_stack() -> None:
    outer = Stack(App(), "Cameras")
    inner = NestedStack(outer, "Nested")
    images(outer, imported(outer))
    with fails_with(sentence("Cameras/Images", "Cameras/Nested/Images")):
        images(inner, imported(inner))


def declared(stack: Stack, make: type) -> IStreamRef:
    if make is VideoStream:
        return VideoStream(stack, "Stream", stream_name="lobby")
    return kinesisvideo.CfnStream(stack, "Stream", name="lobby", data_retention_in_hours=24)


@pytest.mark.parametrize("make", [VideoStream, kinesisvideo.CfnStream])
@pytest.mark.parametrize("environment", [None, ENVIRONMENT], ids=["any account", "known"])
def test_fails_on_a_stream_that_is_declared_and_imported_in_one_stack(
    make: type, environment: Environment | None
) -> None:
    stack = Stack(App(), "Cameras", env=environment)
    images(stack, declared(stack, make))
    with fails_with(sentence("Cameras/Images", "Cameras/Again")):
        images(stack, imported(stack), "Again")


@pytest.mark.parametrize("make", [VideoStream, kinesisvideo.CfnStream])
def test_fails_on_a_stream_that_is_imported_and_then_declared(make: type) -> None:
    stack = Stack(App(), "Cameras")
    images(stack, imported(stack))
    with fails_with(sentence("Cameras/Images", "Cameras/Again")):
        images(stack, declared(stack, make), "Again")


def test_fails_on_a_stream_that_is_declared_in_one_stack_and_imported_in_another_of_its_environment() -> None:
    app = App()
    one, two = (Stack(app, name, env=ENVIRONMENT) for name in ("One", "Two"))
    images(one, declared(one, VideoStream))
    with fails_with(sentence("One/Images", "Two/Images")):
        images(two, imported(two))


def test_fails_on_two_fragment_notifications() -> None:
    stack = Stack(App(), "Cameras")
    topic = sns.Topic(stack, "Topic")
    FragmentNotification(stack, "One", stream=imported(stack, "A"), topic=topic)
    images(stack, imported(stack, "B"))
    with fails_with(sentence("Cameras/One", "Cameras/Two", "fragment notification")):
        FragmentNotification(stack, "Two", stream=imported(stack, "C"), topic=topic)


def test_fails_on_one_token_twice_in_a_stack() -> None:
    stack = Stack(App(), "Cameras")
    name = CfnParameter(stack, "Name").value_as_string
    images(stack, VideoStream.from_stream_name(stack, "One", name))
    with fails_with(sentence("Cameras/Images", "Cameras/Again")):
        images(stack, VideoStream.from_stream_name(stack, "Two", name), "Again")


def test_stacks_and_stages_without_an_environment_may_each_have_a_stream_of_that_name() -> None:
    app = App()
    for scope in (app, Stage(app, "Beta"), Stage(app, "Prod")):
        stack = Stack(scope, "Cameras")
        images(stack, imported(stack))


def test_environments_and_apps_each_have_a_stream_of_that_name() -> None:
    app = App()
    for scope, construct_id, region in (
        (app, "Ireland", "eu-west-1"),
        (app, "Frankfurt", "eu-central-1"),
        (App(), "Ireland", "eu-west-1"),
    ):
        stack = Stack(scope, construct_id, env=Environment(account="111122223333", region=region))
        images(stack, imported(stack))


def test_streams_of_other_names_are_others() -> None:
    stack = Stack(App(), "Cameras", env=ENVIRONMENT)
    images(stack, imported(stack))
    images(stack, VideoStream(stack, "Stream", stream_name="gate"), "Gate")
    images(stack, VideoStream(stack, "Unnamed"), "Named by CloudFormation")
