"""A stream can have only one configuration of a kind in an app, however the app refers to it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from aws_cdk import App, ArnFormat, CfnOutput, CfnParameter, Environment, Fn, NestedStack, Stack, Stage, Token
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_sns as sns
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from cdk_kinesis_video import FragmentNotification, VideoStream

from .conftest import ENVIRONMENT, fails_with, images_in

STREAM_ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/lobby/1690707290324"


def imported(scope: Construct, construct_id: str = "Lobby") -> IStreamRef:
    return VideoStream.from_stream_name(scope, construct_id, "lobby")


def declared(scope: Construct, make: type, name: str = "lobby") -> IStreamRef:
    if make is VideoStream:
        return VideoStream(scope, "Stream", stream_name=name)
    return kinesisvideo.CfnStream(scope, "Stream", name=name, data_retention_in_hours=24)


def sentence(one: str, two: str, noun: str = "image generation") -> str:
    return f"`stream` has its {noun} at {one!r} already and can't have a second one at {two!r}, keep one of the two"


def a_parameter(stack: Stack) -> str:
    return CfnParameter(stack, "Name").value_as_string


def one_token(stack: Stack) -> list[IStreamRef]:
    name = a_parameter(stack)
    return [VideoStream.from_stream_name(stack, construct_id, name) for construct_id in ("One", "Two")]


def named_by_a_parameter(stack: Stack) -> list[IStreamRef]:
    name = a_parameter(stack)
    return [VideoStream(stack, "Stream", stream_name=name), VideoStream.from_stream_name(stack, "Imported", name)]


@pytest.mark.parametrize(
    ("environment", "reverse"),
    [(None, False), (None, True), (ENVIRONMENT, False)],
    ids=["any account", "any account, reversed", "known account"],
)
@pytest.mark.parametrize(
    "twice",
    [
        lambda stack: [VideoStream(stack, "Stream")] * 2,
        lambda stack: [kinesisvideo.CfnStream(stack, "Stream", data_retention_in_hours=1)] * 2,
        lambda stack: [imported(stack, "One"), imported(stack, "Two")],
        lambda stack: [imported(stack), VideoStream.from_stream_arn(stack, "ByArn", STREAM_ARN)],
        lambda stack: [declared(stack, VideoStream), imported(stack)],
        lambda stack: [declared(stack, kinesisvideo.CfnStream), imported(stack)],
        one_token,
        named_by_a_parameter,
    ],
    ids=[
        "a VideoStream",
        "a CfnStream",
        "imported twice by name",
        "imported by name and by ARN",
        "a VideoStream and imported",
        "a CfnStream and imported",
        "imported twice by a token",
        "named by a parameter and imported by it",
    ],
)
def test_fails_on_a_stream_twice_in_a_stack(twice: Any, environment: Environment | None, reverse: bool) -> None:
    stack = Stack(App(), "Cameras", env=environment)
    one, two = reversed(twice(stack)) if reverse else twice(stack)
    images_in(stack, stream=one)
    with fails_with(sentence("Cameras/Images", "Cameras/Again")):
        images_in(stack, "Again", stream=two)


@pytest.mark.parametrize(
    "places",
    [
        lambda app: [Stack(app, name, env=ENVIRONMENT) for name in ("One", "Two")],
        lambda app: [Stack(Stage(app, name, env=ENVIRONMENT), "Cameras") for name in ("Beta", "Prod")],
        lambda app: [outer := Stack(app, "Cameras"), NestedStack(outer, "Nested")],
    ],
    ids=["two stacks of one environment", "two stages of one environment", "a stack and its nested stack"],
)
@pytest.mark.parametrize(
    ("first", "again"),
    [
        (imported, imported),
        (imported, lambda scope: VideoStream.from_stream_arn(scope, "Lobby", STREAM_ARN)),
        (lambda scope: declared(scope, VideoStream), imported),
    ],
    ids=["by name", "by ARN", "declared"],
)
def test_fails_on_an_imported_stream_in_two_places(
    places: Callable[[App], list[Stack]],
    first: Callable[[Construct], IStreamRef],
    again: Callable[[Construct], IStreamRef],
) -> None:
    one, two = places(App())
    images_in(one, stream=first(one))
    with fails_with(sentence(f"{one.node.path}/Images", f"{two.node.path}/Images")):
        images_in(two, stream=again(two))


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (lambda scope, stream: stream, lambda scope, stream: stream),
        (
            lambda scope, stream: VideoStream.from_stream_arn(scope, "Imported", stream.stream_arn),
            lambda scope, stream: VideoStream.from_stream_name(scope, "Imported", stream.stream_name),
        ),
    ],
    ids=["itself", "tokens of it"],
)
def test_fails_on_a_stream_of_the_app_in_two_stacks(first: Any, again: Any) -> None:
    app = App()
    stream = VideoStream(Stack(app, "Home"), "Stream")
    one, two = Stack(app, "One"), Stack(app, "Two")
    images_in(one, stream=first(one, stream))
    with fails_with(sentence("One/Images", "Two/Images")):
        images_in(two, stream=again(two, stream))


def parameter(stream: IStreamRef, cfn: kinesisvideo.CfnStream, there: Construct) -> str:
    given, nested = CfnParameter(there, "Stream"), Stack.of(there)
    assert isinstance(nested, NestedStack)
    nested.set_parameter(nested.get_logical_id(given), cfn.attr_arn)
    return given.value_as_string


def output(stream: IStreamRef, cfn: kinesisvideo.CfnStream, there: Construct) -> str:
    exported = CfnOutput(cfn, "Arn", value=cfn.attr_arn, export_name=cfn.node.addr)
    return Fn.import_value(str(exported.export_name))


def logical_id(cfn: kinesisvideo.CfnStream) -> str:
    return cfn.stack.get_logical_id(cfn)


# The forms in which an app can import a stream of its own, and where.
BY_ARN, BY_NAME = VideoStream.from_stream_arn, VideoStream.from_stream_name
OWN, NESTED, ANYWHERE = ("own",), ("nested",), ("own", "other", "nested")
TOKENS: dict[str, tuple[Any, Callable[[IStreamRef, Any, Construct], str], tuple[str, ...]]] = {
    "the ARN": (BY_ARN, lambda stream, cfn, there: stream.stream_ref.stream_arn, ANYWHERE),
    "the name": (BY_NAME, lambda stream, cfn, there: stream.stream_ref.stream_name, ANYWHERE),
    "an attribute": (BY_ARN, lambda stream, cfn, there: cfn.get_att("Arn").to_string(), ANYWHERE),
    "the name in the ARN": (BY_NAME, lambda stream, cfn, there: Fn.select(1, Fn.split("/", cfn.attr_arn)), ANYWHERE),
    "an export": (BY_ARN, lambda stream, cfn, there: cfn.stack.export_value(cfn.attr_arn), ANYWHERE),
    "an export of the name": (BY_NAME, lambda stream, cfn, there: cfn.stack.export_value(cfn.ref), ANYWHERE),
    "an output": (BY_ARN, output, ANYWHERE),
    "Fn.get_att": (BY_ARN, lambda stream, cfn, there: Fn.get_att(cfn.logical_id, "Arn").to_string(), OWN),
    "Fn.ref": (BY_NAME, lambda stream, cfn, there: Fn.ref(cfn.logical_id), OWN),
    "Fn.sub": (BY_ARN, lambda stream, cfn, there: Fn.sub(f"${{{logical_id(cfn)}.Arn}}"), OWN),
    "Fn.sub of the name": (BY_NAME, lambda stream, cfn, there: Fn.sub(f"${{{logical_id(cfn)}}}"), OWN),
    "Fn.sub with a value": (BY_NAME, lambda stream, cfn, there: Fn.sub("${Name}", {"Name": cfn.ref}), OWN),
    "GetAtt as text": (
        BY_ARN,
        lambda stream, cfn, there: Token.as_string({"Fn::GetAtt": f"{logical_id(cfn)}.Arn"}),
        OWN,
    ),
    "the name of split_arn": (
        BY_NAME,
        lambda stream, cfn, there: cfn.stack.split_arn(cfn.attr_arn, ArnFormat.SLASH_RESOURCE_NAME).resource_name,
        OWN,
    ),
    "a parameter": (BY_ARN, parameter, NESTED),
}


@pytest.mark.parametrize(
    ("token", "place"), [(token, place) for token, (_, _, places) in TOKENS.items() for place in places]
)
def test_fails_on_a_stream_of_the_app_and_a_token_of_it(token: str, place: str) -> None:
    app = App()
    home = Stack(app, "Home")
    other = home if place == "own" else Stack(app, "There") if place == "other" else NestedStack(home, "There")
    by, text, _ = TOKENS[token]
    # In one app, as most of the time goes into the functions of its stacks.
    for make, imported_first in product((VideoStream, kinesisvideo.CfnStream), (False, True)):
        case = f"{make.__name__}{imported_first}"
        here, there = Construct(home, f"Here{case}"), Construct(other, f"There{case}")
        stream = declared(here, make, case)
        cfn = stream if isinstance(stream, kinesisvideo.CfnStream) else stream.cfn_stream  # type: ignore[attr-defined]
        pair = [(here, stream), (there, by(there, "Imported", text(stream, cfn, there)))]
        (one, first), (two, second) = reversed(pair) if imported_first else pair
        images_in(one, "One", stream=first)
        with fails_with(sentence(f"{one.node.path}/One", f"{two.node.path}/Two")):
            images_in(two, "Two", stream=second)


def test_tokens_of_others_are_other_streams() -> None:
    app = App()
    beta, prod = (Stack(Stage(app, name), "Cameras") for name in ("Beta", "Prod"))
    for stack in (beta, prod):
        stream = VideoStream(stack, "Stream")
        images_in(stack, stream=stream)
        copy = VideoStream.from_stream_name(stack, "Imported", f"{stream.stream_name}-copy")
        images_in(stack, "Copy", stream=copy)


def test_fails_on_a_token_of_a_stream_that_keeps_no_data(stack: Stack) -> None:
    stream = kinesisvideo.CfnStream(stack, "Stream")
    with pytest.raises(ValueError, match="keeps no data"):
        images_in(stack, stream=VideoStream.from_stream_arn(stack, "Imported", stream.attr_arn))


def test_fails_on_two_fragment_notifications(stack: Stack) -> None:
    topic = sns.Topic(stack, "Topic")
    FragmentNotification(stack, "One", stream=imported(stack, "A"), topic=topic)
    images_in(stack, stream=imported(stack, "B"))
    with fails_with(sentence("Cameras/One", "Cameras/Two", "fragment notification")):
        FragmentNotification(stack, "Two", stream=imported(stack, "C"), topic=topic)


def test_stacks_and_stages_without_an_environment_may_each_have_a_stream_of_that_name() -> None:
    app = App()
    for scope in (app, Stage(app, "Beta"), Stage(app, "Prod")):
        stack = Stack(scope, "Cameras")
        images_in(stack, stream=imported(stack))


def test_environments_and_apps_each_have_a_stream_of_that_name() -> None:
    app = App()
    for scope, construct_id, region in (
        (app, "Ireland", "eu-west-1"),
        (app, "Frankfurt", "eu-central-1"),
        (App(), "Ireland", "eu-west-1"),
    ):
        stack = Stack(scope, construct_id, env=Environment(account="111122223333", region=region))
        images_in(stack, stream=imported(stack))


def test_streams_of_other_names_are_others(stack: Stack) -> None:
    images_in(stack, stream=imported(stack))
    images_in(stack, "Gate", stream=VideoStream(stack, "Stream", stream_name="gate"))
    images_in(stack, "Named by CloudFormation")
