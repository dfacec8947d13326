"""Streams that scripts have configured, from `kinesis-video adopt` to a monitored stack and its deletion."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kinesis_video_tools.__main__ import main

from .conftest import ASSETS, Cloud, until
from .deployments import Camera, Deployments, with_a_second_look_after

UPDATE = "UpdateImageGenerationConfiguration"
STACK = "Adopted"
# As in public scripts, of which half have no slash at the end.
DESTINATIONS = ("", "/", "/{name}", "/{name}/", "/all/", "//{name}")
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"SamplingInterval": 1000, "Status": "DISABLED"},
    {"Format": "PNG"},
    {"FormatConfig": {"JPEGQuality": "80"}, "WidthPixels": 640},
    {"ImageSelectorType": "SERVER_TIMESTAMP"},
)
NAMES = [f"adopted-{number}" for number in range(33)]


def configuration(name: str, number: int) -> Any:
    uri = f"s3://{('camera-images', 'other-images')[number % 2]}{DESTINATIONS[number % 6].format(name=name)}"
    return {
        "Status": "ENABLED",
        "ImageSelectorType": "PRODUCER_TIMESTAMP",
        "DestinationConfig": {"Uri": uri, "DestinationRegion": "us-east-1"},
        "SamplingInterval": 3000,
        "Format": "JPEG",
        **CHANGES[number % 5],
    }


@pytest.fixture
def kinesis_video(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a sub-command, and return its exit code and its output."""
    for name, value in cloud.aws.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def template_of(cloud: Cloud, code: str) -> str:
    """Synthesise the app, and return its template for an account without the bootstrap stack."""
    names: dict[str, Any] = {}
    exec(compile(code, "images_stack.py", "exec"), names)
    directory = names["app"].synth().directory
    cloud.upload_assets(directory)
    template = json.loads(Path(directory, f"{STACK}.template.json").read_text())
    del template["Parameters"], template["Rules"]
    return json.dumps(template).replace("cdk-hnb659fds-assets-000000000000-us-east-1", ASSETS)


def everything(cloud: Cloud) -> dict[str, Any]:
    return {name: (cloud.images(name), cloud.notifications(name)) for name in [*NAMES, "not-adopted"]}


@pytest.fixture
def scripted(deployments: Deployments) -> Cloud:
    """Streams that a script has configured."""
    cloud = deployments.cloud
    deployments.existing(*NAMES, "not-adopted", "adopted-without-images")
    for number, name in enumerate([*NAMES, "not-adopted"]):
        cloud.set_images(name, configuration(name, number))
    fragments: Any = {
        "Status": "ENABLED",
        "DestinationConfig": {"Uri": "arn:aws:sns:us-east-1:000000000000:fragments"},
    }
    cloud.kinesisvideo.update_notification_configuration(StreamName=NAMES[0], NotificationConfiguration=fragments)
    return cloud


def monitored(code: str) -> str:
    """Add to the app what an owner would add."""
    code = re.sub(
        "^from cdk_kinesis_video import", "from cdk_kinesis_video import DriftMonitor, Repair\n\\g<0>", code, flags=re.M
    )
    declared = '        DriftMonitor(self, "Drift", repair=Repair.MISSING)\n'
    return code.replace("\n\n\napp = App()", f"\n{declared}\n\napp = App()")


def test_33_streams_from_a_script_to_a_monitored_stack_and_to_its_end(
    scripted: Cloud, kinesis_video: Callable[..., tuple[int, str, str]], deployments: Deployments
) -> None:
    cloud = scripted
    before = everything(cloud)
    code, app, said = kinesis_video("adopt", "--prefix", "adopted-", "--stack-name", STACK)
    assert (code, said) == (0, "")
    assert "not-adopted" not in app
    assert "adopted-without-images" not in app

    # Each stream is set to its own configuration, byte for byte.
    cloud.aws.clear_calls()
    deployments.stacks.append(STACK)
    assert cloud.deploy_template(STACK, template_of(cloud, app)) == "CREATE_COMPLETE"
    assert {call.stream for call in cloud.aws.calls(UPDATE)} == set(NAMES)
    assert everything(cloud) == before
    assert kinesis_video("diff", STACK) == (0, "34 of 34 configurations are as declared\n", "")

    # The declared configurations now have an owner; only its own stack prints them again.
    assert kinesis_video("adopt", "--prefix", "adopted-", "--stack-name", STACK)[:2] == (0, app)
    code, _, said = kinesis_video("adopt", "--prefix", "adopted-")
    assert code == 1
    assert said.count(f"since the stack {STACK} declares it already") == 34

    cloud.set_images(NAMES[1], {**before[NAMES[1]][0], "SamplingInterval": 500})
    cloud.set_images(NAMES[2], None)
    code, table, _ = kinesis_video("diff", STACK)
    assert code == 1
    assert table.endswith("32 of 34 configurations are as declared\n")
    code, table, _ = kinesis_video("diff", STACK, "--repair")
    assert code == 0
    assert table.endswith("34 of 34 configurations are as declared, 2 of them repaired\n")
    assert everything(cloud) == before

    template = with_a_second_look_after(1, template_of(cloud, monitored(app)))
    assert cloud.deploy_template(STACK, template) == "UPDATE_COMPLETE"
    cloud.set_images(NAMES[20], None)
    until(lambda: cloud.images(NAMES[20]) is not None)
    assert everything(cloud) == before
    assert kinesis_video("diff", STACK)[0] == 0

    deployments.delete(STACK)
    assert everything(cloud) == before


def test_what_goes_away_or_can_not_be_read_is_a_comment_and_not_the_end(
    cloud: Cloud, kinesis_video: Callable[..., tuple[int, str, str]], deployments: Deployments
) -> None:
    deployments.existing("mixed-1", "mixed-2", "mixed-3")
    assert deployments.deploy("Owner", Camera("mixed-2")) == "CREATE_COMPLETE"
    for name in ("mixed-1", "mixed-3"):
        deployments.set_by_hand(name, 3)
    # The streams are read in the order in which they were created.
    cloud.aws.inject_fault("DescribeImageGenerationConfiguration", error="ResourceNotFoundException")
    code, app, said = kinesis_video("adopt", "--prefix", "mixed-")
    assert code == 0
    assert [f"  {comment}" for comment in re.findall("^ *# (.*)$", app, re.M)] == said.splitlines()[1:]
    unread = (
        "# mixed-1: without its configurations, since it can't be read, DescribeImageGenerationConfiguration: Resource"
    )
    assert unread in app
    assert "# mixed-2: without its image generation configuration, since the stack Owner declares it already\n" in app
    assert app.count('"mixed-') == 1
    assert '"mixed-3",' in app


def test_python_reads_the_app_whatever_the_encoding_of_the_output_is(cloud: Cloud, deployments: Deployments) -> None:
    deployments.existing("encoded")
    uri = "s3://camera-images/t\xfcr \\\N{CAMERA}/"
    destination = {"Uri": uri, "DestinationRegion": "us-east-1"}
    cloud.set_images("encoded", {**configuration("encoded", 0), "DestinationConfig": destination})
    line = [sys.executable, "-m", "kinesis_video_tools", "adopt", "--prefix", "encoded"]
    for encoding in ("cp1252", "utf-8"):
        env = {**os.environ, **cloud.aws.environment, "PYTHONIOENCODING": encoding}
        app = subprocess.run(line, env=env, stdout=subprocess.PIPE, check=True).stdout
        literals = [node.value for node in ast.walk(ast.parse(app)) if isinstance(node, ast.Constant)]
        assert uri.removeprefix("s3://camera-images/") in literals


def test_nothing_to_adopt_is_said(
    kinesis_video: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kinesis_video("adopt", "--prefix", "nobody-") == (
        1,
        "",
        "no stream has a configuration, so there is nothing to adopt\n",
    )
    with pytest.raises(SystemExit):
        kinesis_video("adopt", "--stack-name", "1 stack")
