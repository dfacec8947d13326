"""A stream can have only one configuration of a kind in an app, however the app refers to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aws_cdk import App, ArnFormat, CfnOutput, CfnParameter, Environment, Fn, NestedStack, Stack, Stage, Token
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


@pytest.mark.parametrize(
    "places",
    [
        lambda app: [Stack(app, name, env=ENVIRONMENT) for name in ("One", "Two")],
        lambda app: [Stack(Stage(app, name, env=ENVIRONMENT), "Cameras") for name in ("Beta", "Prod")],
        lambda app: [outer := Stack(app, "Cameras"), NestedStack(outer, "Nested")],
    ],
    ids=["two stacks of one environment", "two stages of one environment", "a stack and its nested stack"],
)
@pytest.mark.parametrize("by_arn", [False, True], ids=["by name", "by ARN"])
def test_fails_on_an_imported_stream_in_two_places(places: Callable[[App], list[Stack]], by_arn: bool) -> None:
    one, two = places(App())
    images(one, imported(one))
    again = VideoStream.from_stream_arn(two, "Lobby", STREAM_ARN) if by_arn else imported(two)
    with fails_with(sentence(f"{one.node.path}/Images", f"{two.node.path}/Images")):
        images(two, again)


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


Import = Callable[[Construct, Stack, kinesisvideo.CfnStream, VideoStream | None], IStreamRef]

# The forms in which an app can import a stream of its own.
TOKENS: dict[str, Import] = {
    "the ARN": lambda scope, home, cfn, stream: arn(scope, stream.stream_arn if stream else cfn.attr_arn),
    "the name": lambda scope, home, cfn, stream: named(scope, stream.stream_name if stream else cfn.ref),
    "an attribute": lambda scope, home, cfn, stream: arn(scope, cfn.get_att("Arn").to_string()),
    "the name in the ARN": lambda scope, home, cfn, stream: named(scope, Fn.select(1, Fn.split("/", cfn.attr_arn))),
    "an export": lambda scope, home, cfn, stream: arn(scope, home.export_value(cfn.attr_arn)),
    "an export of the name": lambda scope, home, cfn, stream: named(scope, home.export_value(cfn.ref)),
    "an output": lambda scope, home, cfn, stream: arn(
        scope, Fn.import_value(str(CfnOutput(home, "Arn", value=cfn.attr_arn, export_name="lobby").export_name))
    ),
}
OWN_TOKENS: dict[str, Import] = {
    "Fn.get_att": lambda scope, home, cfn, stream: arn(scope, Fn.get_att(cfn.logical_id, "Arn").to_string()),
    "Fn.ref": lambda scope, home, cfn, stream: named(scope, Fn.ref(cfn.logical_id)),
    "Fn.sub": lambda scope, home, cfn, stream: arn(scope, Fn.sub(f"${{{home.get_logical_id(cfn)}.Arn}}")),
    "Fn.sub of the name": lambda scope, home, cfn, stream: named(scope, Fn.sub(f"${{{home.get_logical_id(cfn)}}}")),
    "Fn.sub with a value": lambda scope, home, cfn, stream: named(scope, Fn.sub("${Name}", {"Name": cfn.ref})),
    "GetAtt as text": lambda scope, home, cfn, stream: arn(
        scope, Token.as_string({"Fn::GetAtt": f"{home.get_logical_id(cfn)}.Arn"})
    ),
    "the name of split_arn": lambda scope, home, cfn, stream: named(
        scope, str(home.split_arn(cfn.attr_arn, ArnFormat.SLASH_RESOURCE_NAME).resource_name)
    ),
}


def parameter(scope: Construct, home: Stack, cfn: kinesisvideo.CfnStream, stream: VideoStream | None) -> IStreamRef:
    assert isinstance(scope, NestedStack)
    scope.set_parameter("Stream", cfn.attr_arn)
    return arn(scope, CfnParameter(scope, "Stream").value_as_string)


NESTED_TOKENS: dict[str, Import] = {"a parameter": parameter}


def arn(scope: Construct, stream_arn: str) -> IStreamRef:
    return VideoStream.from_stream_arn(scope, "Imported", stream_arn)


def named(scope: Construct, stream_name: str) -> IStreamRef:
    return VideoStream.from_stream_name(scope, "Imported", stream_name)


@pytest.mark.parametrize("imported_first", [False, True], ids=["declared first", "imported first"])
@pytest.mark.parametrize("make", [VideoStream, kinesisvideo.CfnStream])
@pytest.mark.parametrize(
    ("token", "place"),
    [(token, place) for token in TOKENS for place in ("own", "other", "nested")]
    + [(token, "own") for token in OWN_TOKENS]
    + [(token, "nested") for token in NESTED_TOKENS],
)
def test_fails_on_a_stream_of_the_app_and_a_token_of_it(
    token: str, place: str, make: type, imported_first: bool
) -> None:
    app = App()
    home = Stack(app, "Home")
    scope = home if place == "own" else Stack(app, "There") if place == "other" else NestedStack(home, "There")
    stream = declared(home, make)
    cfn = stream if isinstance(stream, kinesisvideo.CfnStream) else stream.cfn_stream  # type: ignore[attr-defined]
    again = (TOKENS | OWN_TOKENS | NESTED_TOKENS)[token](
        scope, home, cfn, stream if isinstance(stream, VideoStream) else None
    )
    one, two = ((scope, again), (home, stream)) if imported_first else ((home, stream), (scope, again))
    images(one[0], one[1], "One")
    with fails_with(sentence(f"{one[0].node.path}/One", f"{two[0].node.path}/Two")):
        images(two[0], two[1], "Two")


def test_fails_on_a_stream_that_is_imported_twice_by_tokens_of_it() -> None:
    app = App()
    stream = VideoStream(Stack(app, "Home"), "Stream")
    one, two = Stack(app, "One"), Stack(app, "Two")
    images(one, arn(one, stream.stream_arn))
    with fails_with(sentence("One/Images", "Two/Images")):
        images(two, named(two, stream.stream_name))


@pytest.mark.parametrize("imported_first", [False, True], ids=["declared first", "imported first"])
def test_fails_on_a_stream_whose_name_is_a_parameter_that_is_imported_too(imported_first: bool) -> None:
    stack = Stack(App(), "Cameras", env=ENVIRONMENT)
    name = CfnParameter(stack, "Name").value_as_string
    streams = [VideoStream(stack, "Stream", stream_name=name), named(stack, name)]
    one, two = reversed(streams) if imported_first else streams
    images(stack, one)
    with fails_with(sentence("Cameras/Images", "Cameras/Again")):
        images(stack, two, "Again")


def test_tokens_of_others_are_other_streams() -> None:
    app = App()
    beta, prod = (Stack(Stage(app, name), "Cameras") for name in ("Beta", "Prod"))
    for stack in (beta, prod):
        stream = VideoStream(stack, "Stream")
        images(stack, stream)
        images(stack, named(stack, f"{stream.stream_name}-copy"), "Copy")


def test_fails_on_a_token_of_a_stream_that_keeps_no_data() -> None:
    stack = Stack(App(), "Cameras")
    stream = kinesisvideo.CfnStream(stack, "Stream")
    with pytest.raises(ValueError, match="keeps no data"):
        images(stack, arn(stack, stream.attr_arn))


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
