"""The commands of examples/README.md."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from kinesis_video_local import Cdk

from .conftest import Cloud

ROOT = Path(__file__).parents[2]


def test_an_example_is_deployed_by_the_command_of_its_page(
    cloud: Cloud, cdk: Cdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "false")
    (command,) = re.findall(r"^npx cdk (.*)$", ROOT.joinpath("examples", "README.md").read_text(), re.MULTILINE)
    name, *arguments = shlex.split(command)
    cdk.run(name, *arguments, "--require-approval", "never", "--output", str(tmp_path), directory=ROOT)
    assert cloud.status("FrontDoor") == "CREATE_COMPLETE"
    cloud.delete("FrontDoor")
