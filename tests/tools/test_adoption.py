"""The printed app: whatever streams have, it declares just that, or says in a comment that it doesn't."""

from __future__ import annotations

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
from kinesis_video_tools.adoption import MAX_CONFIGURATIONS, ExistingStream, write_app
from tests.templates import stringify

IMAGES = "Custom::KinesisVideoImageGeneration"
NOTIFICATION = "Custom::KinesisVideoFragmentNotification"
REGION = "eu-west-1"


def arn(name: str) -> str:
    return f"arn:aws:kinesisvideo:{REGION}:111122223333:stream/{name}/1690707290324"


def existing(name: str, images: Any = None, notification: Any = None, hours: int = 24) -> ExistingStream:
    return ExistingStream(name, arn(name), hours, images, notification)


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


def topic(name: str = "fragments", status: str = "ENABLED") -> dict[str, Any]:
    return {"Status": status, "DestinationConfig": {"Uri": f"arn:aws:sns:{REGION}:111122223333:{name}"}}


def synthesise(code: str) -> dict[str, Any]:
    """Run the app, and return the resources of its stack."""
    names: dict[str, Any] = {}
    exec(compile(code, "images_stack.py", "exec"), names)
    resources: dict[str, Any] = names["app"].synth().get_stack_by_name("AdoptedStreams").template.get("Resources", {})
    return resources


def declared(resources: dict[str, Any], resource_type: str) -> dict[str, Any]:
    """What reaches the service for each stream, by its name."""
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


def left_out(code: str) -> dict[str, str]:
    """What the comments say, by the streams' names."""
    return dict(re.findall(r"^        # (\S+): without its [a-z ]+, since (.*)$", code, re.MULTILINE))


# Whatever botocore's model of the service takes.
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


# Many streams in one app, since it is the synthesis that takes the time.
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
    code = write_app(streams)
    resources = synthesise(code)
    got, comments = declared(resources, IMAGES), left_out(code)
    notified = declared(resources, NOTIFICATION)
    for stream in streams:
        wanted = dict(stream.image_generation or {})
        if stream.name in got:
            # A bucket alone is the same place with a slash.
            wanted["DestinationConfig"] = {
                **wanted["DestinationConfig"],
                "Uri": re.sub(r"^(s3://[^/]+)/$", r"\1", wanted["DestinationConfig"]["Uri"]),
            }
            assert got[stream.name] == wanted
        else:
            assert not wanted or stream.name in comments
        if stream.name in notified:
            assert notified[stream.name] == stream.notification
        else:
            assert stream.notification is None or stream.name in comments


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"DestinationConfig": {"Uri": "s3://images/a", "DestinationRegion": REGION}}, "without a slash at its end"),
        ({"DestinationConfig": {"Uri": "s3://images/a//", "DestinationRegion": REGION}}, "'s3://images/a//'"),
        ({"DestinationConfig": {"Uri": "s3://Images/", "DestinationRegion": REGION}}, "'s3://Images/'"),
        ({"DestinationConfig": {"Uri": "http://images/", "DestinationRegion": REGION}}, "'http://images/'"),
        ({"DestinationConfig": {"Uri": "s3://images", "DestinationRegion": "us-east-1"}}, "its bucket is in us-east-1"),
        ({"SamplingInterval": 33}, "its sampling interval is 33 ms"),
        ({"FormatConfig": {"JPEGQuality": "080"}}, "its JPEG quality is '080'"),
        ({"Format": "PNG", "FormatConfig": {"JPEGQuality": "80"}}, "it has a JPEG quality and its format is PNG"),
        ({"WidthPixels": 4000}, "its WidthPixels is 4000"),
        ({"Format": "WEBP"}, "its format is 'WEBP'"),
        ({"ImageSelectorType": "KEYFRAME"}, "its selector type is 'KEYFRAME'"),
        ({"Status": "PAUSED"}, "its status is 'PAUSED'"),
    ],
)
def test_what_no_construct_can_declare_is_left_out_and_said(changes: dict[str, Any], problem: str) -> None:
    code = write_app([existing("cam-1", images(**changes)), existing("cam-2", images())])
    assert problem in left_out(code)["cam-1"]
    assert list(declared(synthesise(code), IMAGES)) == ["cam-2"]


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
    assert left_out(write_app([stream])) == {"cam-1": f"no construct declares its {path}"}


def test_a_stream_that_keeps_no_data_is_left_out_and_said() -> None:
    code = write_app([existing("cam-1", images(), hours=0)])
    assert left_out(code) == {"cam-1": "the stream's data retention is 0, so it delivers nothing"}
    assert synthesise(code) == {}


def test_streams_that_are_alike_are_one_loop_and_only_what_is_not_the_default_is_said() -> None:
    def own_folder(name: str) -> dict[str, Any]:
        return images(DestinationConfig={"Uri": f"s3://camera-images/{name}/", "DestinationRegion": REGION})

    streams = [existing(name, own_folder(name)) for name in ("cam-1", "cam-2")]
    code = write_app([*streams, existing("lobby", images(SamplingInterval=1000, Format="PNG"), topic())])
    assert ALIKE in code


ALIKE = """\
        super().__init__(scope, construct_id, env=env)
        bucket = s3.Bucket.from_bucket_name(
            self,
            "Bucket",
            "camera-images",
        )
        topic = sns.Topic.from_topic_arn(
            self,
            "Topic",
            "arn:aws:sns:eu-west-1:111122223333:fragments",
        )
        for name in [
            "cam-1",
            "cam-2",
        ]:
            ImageGeneration(
                self,
                f"Images-{name}",
                stream=VideoStream.from_stream_name(self, f"Stream-{name}", name),
                bucket=bucket,
                prefix=f"{name}/",
                removal_policy=RemovalPolicy.RETAIN,
                adopt_existing=True,
            )
        for name in [
            "lobby",
        ]:
            ImageGeneration(
                self,
                f"Images-{name}",
                stream=VideoStream.from_stream_name(self, f"Stream-{name}", name),
                bucket=bucket,
                prefix="front-door/",
                sampling_interval=Duration.millis(1000),
                format=ImageFormat.png(),
                removal_policy=RemovalPolicy.RETAIN,
                adopt_existing=True,
            )
        for name in [
            "lobby",
        ]:
            FragmentNotification(
                self,
                f"Notification-{name}",
                stream=VideoStream.from_stream_name(self, f"Notified-{name}", name),
                topic=topic,
                removal_policy=RemovalPolicy.RETAIN,
                adopt_existing=True,
            )


app = App()
AdoptedStreams(
    app,
    "AdoptedStreams",
    env=Environment(account="111122223333", region="eu-west-1"),
)
app.synth()
"""


def test_nothing_to_adopt_and_too_much_for_a_stack_are_said() -> None:
    with pytest.raises(ValueError, match=r"^no stream has a configuration, so there is nothing to adopt$"):
        write_app([existing("cam-1")])
    too_many = [existing(f"cam-{number}", images()) for number in range(MAX_CONFIGURATIONS + 1)]
    with pytest.raises(
        ValueError, match=r"^the streams have 491 configurations, a stack holds 490, take fewer of them"
    ):
        write_app(too_many)


def test_the_app_passes_ruff_and_mypy(tmp_path: Path) -> None:
    odd = images(
        DestinationConfig={"Uri": 's3://others/it\'s "{here}" \\ \N{CAMERA}/lobby/', "DestinationRegion": REGION},
        SamplingInterval=500,
        Format="JPEG",
        FormatConfig={"JPEGQuality": "60"},
        ImageSelectorType="SERVER_TIMESTAMP",
        Status="DISABLED",
        WidthPixels=640,
        HeightPixels=360,
    )
    streams = [
        existing("cam-1", images()),
        existing("lobby", odd, topic()),
        existing("yard", images(SamplingInterval=1)),
    ]
    app = tmp_path / "images_stack.py"
    for streams_of_app in (streams, streams[:1], streams[2:]):
        app.write_text(write_app(streams_of_app))
        for arguments in (["check", "--extend-select", "B,I,N,RET,UP"], ["format", "--check", "--diff"]):
            command = [sys.executable, "-m", "ruff", arguments[0], "--isolated", *arguments[1:], str(app)]
            ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert ran.returncode == 0, ran.stdout + ran.stderr
    app.write_text(write_app(streams))
    root = Path(__file__).parents[2]
    # With the repository's cache: aws-cdk-lib takes mypy half a minute the first time.
    command = [sys.executable, "-m", "mypy", "--strict", str(app)]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.stdout == "Success: no issues found in 1 source file\n"
