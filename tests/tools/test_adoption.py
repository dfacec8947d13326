"""The printed app declares exactly the streams' configurations, or says in a comment that it doesn't."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinesis_video_configuration import FEATURES, IMAGE_GENERATION, Declaration, Feature
from kinesis_video_local.kinesisvideo.control_plane import CONTROL_PLANE
from kinesis_video_tools.adoption import MAX_CONFIGURATIONS, ExistingStream, NothingToAdoptError, write_app
from tests.templates import stringify

IMAGES = "Custom::KinesisVideoImageGeneration"
NOTIFICATION = "Custom::KinesisVideoFragmentNotification"
REGION = "eu-west-1"
# What is printed for `example`, for `make types`, which has read all of the CDK's types already.
ADOPTED = Path(__file__).with_name("adopted.py")


def arn(name: str) -> str:
    return f"arn:aws:kinesisvideo:{REGION}:111122223333:stream/{name}/1690707290324"


def existing(name: str, images: Any = None, notification: Any = None, hours: int = 24, **others: Any) -> ExistingStream:
    return ExistingStream(name, arn(name), hours, images, notification, **others)


def images(**changes: Any) -> dict[str, Any]:
    configuration = {
        "Status": "ENABLED",
        "ImageSelectorType": "PRODUCER_TIMESTAMP",
        "DestinationConfig": {"Uri": "s3://camera-images/front-door/", "DestinationRegion": REGION},
        "SamplingInterval": 3000,
        "Format": "JPEG",
        **changes,
    }
    return {name: value for name, value in configuration.items() if value is not None}


def to(uri: str, region: str = REGION, **changes: Any) -> dict[str, Any]:
    return images(DestinationConfig={"Uri": uri, "DestinationRegion": region}, **changes)


def topic(name: str = "fragments", status: str = "ENABLED") -> dict[str, Any]:
    return {"Status": status, "DestinationConfig": {"Uri": f"arn:aws:sns:{REGION}:111122223333:{name}"}}


def synthesise(code: str, stack_name: str = "AdoptedStreams") -> dict[str, Any]:
    """Run the app, and return the resources of its stack."""
    names: dict[str, Any] = {}
    exec(compile(code, "images_stack.py", "exec"), names)
    resources: dict[str, Any] = names["app"].synth().get_stack_by_name(stack_name).template.get("Resources", {})
    return resources


def declared(resources: dict[str, Any], resource_type: str) -> dict[str, Any]:
    """The configuration that reaches the service for each stream, by its name."""
    found = {}
    for resource in resources.values():
        if resource["Type"] != resource_type:
            continue
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
        assert resource["Properties"]["AdoptExisting"] is True
        declaration = Declaration.parse(resource_type, stringify(resource["Properties"]))
        request = {**declaration.stream, declaration.feature.configuration: declaration.configuration}
        operation = declaration.feature.update
        parsed = CONTROL_PLANE.parse("".join(word.capitalize() for word in operation.split("_")), request)
        found[parsed["StreamName"]] = parsed[declaration.feature.configuration]
    return found


def app_of(*streams: ExistingStream) -> str:
    """The app, whose comments are what is said."""
    code, said = write_app(streams)
    assert re.findall(r"^ *# (.*)$", code, re.MULTILINE) == said
    return code


def left_out(*streams: ExistingStream) -> dict[str, str]:
    """The sentences about the streams that are left out, by their names."""
    try:
        said = write_app(streams)[1]
    except NothingToAdoptError as error:
        said = error.left_out
    return dict(sentence.split(": without ", 1) for sentence in said)


# Everything that botocore's model of the service accepts.
URIS = st.one_of(
    st.from_regex(r"[a-zA-Z_0-9]+:(//)?([^/]+)/?([^*]*)", fullmatch=True),
    st.builds(
        "s3://{}{}".format,
        st.sampled_from(["camera-images", "b.c", "Camera_Images", "192.168.1.1"]),
        st.one_of(
            st.sampled_from(["", "/", "/a", "//", "/../", "/a//", "/a/./"]),
            st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), max_size=40).map("/{}/".format),
            st.text("abc{}'\"\\<>$\N{SNOWMAN}\N{CAMERA} ", max_size=20).map("/NAME/{}/".format),
        ),
    ),
).filter(lambda uri: len(uri) <= 255)
CONFIGURATIONS = st.fixed_dictionaries(
    {
        "Status": st.sampled_from(["ENABLED", "DISABLED"]),
        "ImageSelectorType": st.sampled_from(["SERVER_TIMESTAMP", "PRODUCER_TIMESTAMP"]),
        "DestinationConfig": st.fixed_dictionaries(
            {"Uri": URIS, "DestinationRegion": st.sampled_from([REGION] * 9 + ["us-east-1"])}
        ),
        "SamplingInterval": st.sampled_from([3000, 1000]) | st.integers(200, 2**31 - 1) | st.integers(1, 199),
        "Format": st.sampled_from(["JPEG", "PNG"]),
    },
    optional={
        "FormatConfig": st.fixed_dictionaries(
            {"JPEGQuality": st.integers(1, 100).map(str) | st.sampled_from(["080", "101", "best"])}
        ),
        "WidthPixels": st.integers(1, 3840),
        "HeightPixels": st.integers(1, 2160),
    },
)
NOTIFICATIONS = st.builds(
    topic, st.sampled_from(["fragments", "others", "orders.fifo"]), st.sampled_from(["ENABLED", "DISABLED"])
)


# Many streams in one app, since the synthesis takes most of the time.
@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.none() | CONFIGURATIONS, st.none() | NOTIFICATIONS), min_size=1, max_size=40))
def test_any_configuration_becomes_the_same_request_or_a_comment(
    many: list[tuple[dict[str, Any] | None, dict[str, Any] | None]],
) -> None:
    streams = []
    for number, (configuration, notification) in enumerate(many):
        name = f"cam.{number}_{number}"
        if configuration is not None:
            destination = configuration["DestinationConfig"]
            destination = {**destination, "Uri": destination["Uri"].replace("NAME", name)}
            configuration = {**configuration, "DestinationConfig": destination}
        streams.append(existing(name, configuration, notification))
    if not any(stream.image_generation or stream.notification for stream in streams):
        return
    comments = left_out(*streams)
    try:
        resources = synthesise(app_of(*streams))
    except NothingToAdoptError:
        resources = {}
    got = declared(resources, IMAGES)
    notified = declared(resources, NOTIFICATION)
    for stream in streams:
        wanted = stream.image_generation
        if stream.name in got:
            assert got[stream.name] == wanted
        else:
            assert not wanted or stream.name in comments
        if stream.name in notified:
            assert notified[stream.name] == stream.notification
        else:
            assert stream.notification is None or stream.name in comments


@pytest.mark.parametrize(
    ("configuration", "problem"),
    [
        (to("s3://a-b/{{resolve:x"), "a dynamic reference"),
        (to("s3://a-b/${Token[x]}"), "as text"),
        (to("s3://images/*"), "'s3://images/*'"),
        (to("s3://Images/"), "'s3://Images/'"),
        (to("http://images/"), "'http://images/'"),
        (to("s3://images", "us-east-1"), "its bucket is in 'us-east-1'"),
        (images(DestinationConfig={"Uri": "s3://images"}), "isn't in the form that the API documents"),
        (images(DestinationConfig=None), "isn't in the form that the API documents"),
        (images(SamplingInterval="3000"), "its SamplingInterval is '3000'"),
        (images(SamplingInterval=33), "its SamplingInterval is 33"),
        (images(FormatConfig={"JPEGQuality": "080"}), "its JPEGQuality is '080'"),
        (
            images(Format="PNG", FormatConfig={"JPEGQuality": "80"}),
            "it has a JPEG quality and its Format is PNG",
        ),
        (images(WidthPixels=4000), "its WidthPixels is 4000"),
        (images(Format="WEBP"), "its Format is 'WEBP'"),
        (images(ImageSelectorType="KEYFRAME"), "its ImageSelectorType is 'KEYFRAME'"),
        (images(Status="PAUSED"), "its Status is 'PAUSED'"),
    ],
)
def test_what_no_construct_can_declare_is_left_out_and_said(configuration: dict[str, Any], problem: str) -> None:
    streams = [existing("cam-1", configuration), existing("cam-2", images())]
    assert problem in left_out(*streams)["cam-1"]
    assert list(declared(synthesise(app_of(*streams)), IMAGES)) == ["cam-2"]


@pytest.mark.parametrize("structure", [None, "DestinationConfig", "FormatConfig"])
@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_a_field_that_only_the_contract_knows_is_left_out_and_said(
    feature: Feature, structure: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields: Any = feature.fields if structure is None else feature.fields.get(structure, {})
    monkeypatch.setitem(fields, "Foo", str)
    configuration = images() if feature is IMAGE_GENERATION else topic()
    (configuration if structure is None else configuration.setdefault(structure, {}))["Foo"] = "bar"
    of_images = feature is IMAGE_GENERATION
    stream = existing("cam-1", *((configuration, None) if of_images else (None, configuration)))
    path = "Foo" if structure is None else f"{structure}.Foo"
    assert left_out(stream) == {"cam-1": f"its {feature.noun}, since no construct declares its {path}"}


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (existing("cam-1", images(), hours=0), "the stream's data retention is 0, so it delivers nothing"),
        (
            existing("cam-1", images(), declared_by={IMAGES: "the stack Cameras"}),
            "the stack Cameras declares it already",
        ),
        (existing("cam-1", problem="it can't be read, x"), "its configurations, since it can't be read, x"),
    ],
)
def test_a_stream_that_can_not_be_adopted_is_left_out_and_said(stream: ExistingStream, problem: str) -> None:
    with pytest.raises(NothingToAdoptError, match=r"^none of the configurations can be adopted$"):
        write_app([stream])
    assert left_out(stream)["cam-1"].endswith(problem)
    assert list(declared(synthesise(app_of(stream, existing("cam-2", images()))), IMAGES)) == ["cam-2"]


HOSTILE = "x\nimport os  # \r\x1b[2J\u2028\"\"\"'''"


@pytest.mark.parametrize(
    "stream",
    [
        existing(HOSTILE, images()),
        ExistingStream("cam-1", f"{arn('cam-1')}{HOSTILE}", 24, images()),
        ExistingStream("cam-1", arn("another"), 24, images()),
        existing("cam-1", problem=HOSTILE),
        existing("cam-1", images(), declared_by={IMAGES: HOSTILE}),
        *(existing("cam-1", images(**{name: HOSTILE})) for name in images()),
        *(existing("cam-1", images(**{HOSTILE: 1, name: None})) for name in images()),
        existing("cam-1", images(FormatConfig={"JPEGQuality": HOSTILE})),
        existing("cam-1", images(FormatConfig=HOSTILE, WidthPixels=HOSTILE)),
        existing("cam-1", to(f"s3://{HOSTILE}")),
        existing("cam-1", to("s3://images", HOSTILE)),
        # A regular expression with backtracking would never end.
        existing("cam-1", to(f"s3://{'a' * 62}_")),
        existing("cam-1", notification={"Status": HOSTILE, "DestinationConfig": {"Uri": HOSTILE}}),
    ],
)
def test_an_endpoint_that_lies_reaches_no_code(stream: ExistingStream) -> None:
    honest = existing("cam-2", images())
    assert ast.dump(ast.parse(app_of(stream, honest))) == ast.dump(ast.parse(app_of(honest)))
    assert app_of(stream, honest).isascii()


@pytest.mark.parametrize(
    "end", ["", "/", "/yard", "/yard/", "/cam-1", "/cam-1/", "//", "/a//b", "/../", f"/{HOSTILE}/"]
)
def test_any_path_is_declared_as_it_is(end: str) -> None:
    resources = synthesise(app_of(existing("cam-1", to(f"s3://camera-images{end}"))))
    assert declared(resources, IMAGES)["cam-1"]["DestinationConfig"]["Uri"] == f"s3://camera-images{end}"


def test_a_stream_on_two_pages_is_one() -> None:
    assert app_of(*example(), *example()) == app_of(*example())


def test_the_stack_has_the_name_that_is_given() -> None:
    code, _ = write_app([existing("cam-1", images())], "Lobby-2")
    assert list(declared(synthesise(code, "Lobby-2"), IMAGES)) == ["cam-1"]


def test_nothing_to_adopt_and_too_much_for_a_stack_are_said() -> None:
    with pytest.raises(NothingToAdoptError, match=r"^no stream has a configuration, so there is nothing to adopt$"):
        write_app([existing("cam-1")])
    too_many = [existing(f"cam-{number}", images()) for number in range(MAX_CONFIGURATIONS + 1)]
    with pytest.raises(
        ValueError, match=r"^the streams have 491 configurations, a stack holds 490, select fewer of them"
    ):
        write_app(too_many)


def example() -> list[ExistingStream]:
    """Streams of each kind: two that are alike, one with each setting, and one that can't be declared."""
    odd = to(
        's3://others/it\'s "{here}" \\ \N{CAMERA}/lobby/',
        SamplingInterval=500,
        FormatConfig={"JPEGQuality": "60"},
        ImageSelectorType="SERVER_TIMESTAMP",
        Status="DISABLED",
        WidthPixels=640,
        HeightPixels=360,
    )
    return [
        existing("cam-1", to("s3://camera-images/cam-1", Format="PNG")),
        existing("cam-2", to("s3://camera-images/cam-2", Format="PNG")),
        existing("lobby", odd, topic()),
        existing("yard", images(SamplingInterval=1)),
    ]


def test_the_app_passes_ruff_and_is_the_one_whose_types_are_checked(tmp_path: Path) -> None:
    streams = example()
    app = tmp_path / "images_stack.py"
    for streams_of_app in (streams, streams[:1]):
        app.write_text(app_of(*streams_of_app))
        for arguments in (["check", "--extend-select", "B,I,N,RET,UP"], ["format", "--check", "--diff"]):
            command = [sys.executable, "-m", "ruff", arguments[0], "--isolated", *arguments[1:], str(app)]
            ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert ran.returncode == 0, ran.stdout + ran.stderr
    assert app_of(*streams) == ADOPTED.read_text(), "write it again: .venv/bin/python -m tests.tools.test_adoption"


if __name__ == "__main__":
    ADOPTED.write_text(app_of(*example()))
