"""How the CDK CLI is run, shown by a stand-in that prints its arguments and its environment."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kinesis_video_local import Cdk, CdkError, LocalAws

STAND_IN = f"""#!{sys.executable}
import json, os, sys
print(json.dumps({{"arguments": sys.argv[1:], "environment": dict(os.environ)}}))
for output in sys.argv:
    if os.path.isdir(output):
        print("synthesised to a directory:", output)
print("to standard error", file=sys.stderr)
sys.exit(int(os.environ.get("EXIT_CODE", "0")))
"""


@pytest.fixture
def cli(tmp_path: Path) -> Path:
    cli = tmp_path / "cdk"
    cli.write_text(STAND_IN)
    cli.chmod(0o755)
    return cli


@pytest.fixture
def cdk(aws: LocalAws, cli: Path) -> Iterator[Cdk]:
    with Cdk(aws, cli=cli) as cdk:
        yield cdk


def given(printed: str) -> Any:
    return json.loads(next(line for line in printed.splitlines() if line.startswith("{")))


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_the_cli_runs_on_the_local_aws_and_not_on_the_users(
    aws: LocalAws, cdk: Cdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "production")

    called = given(cdk.bootstrap())
    environment = called["environment"]

    assert called["arguments"][:2] == ["bootstrap", "aws://000000000000/us-east-1"]
    assert environment["AWS_ENDPOINT_URL"] == aws.endpoint_url
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert environment["AWS_CONFIG_FILE"] == os.devnull
    assert "AWS_PROFILE" not in environment
    assert "AWS_SESSION_TOKEN" not in environment


def test_an_app_runs_with_this_python_and_is_synthesised_to_a_directory_that_is_removed(
    aws: LocalAws, cli: Path, tmp_path: Path
) -> None:
    with Cdk(aws, cli=cli) as cdk:
        printed = cdk.deploy(tmp_path / "app.py", "One", context={"hours": "24"})

    arguments = given(printed)["arguments"]
    output = option(arguments, "--output")
    assert f"synthesised to a directory: {output}" in printed
    assert not Path(output).exists()
    assert arguments[:2] == ["deploy", "One"]
    assert option(arguments, "--app") == f"{sys.executable} {tmp_path / 'app.py'}"
    assert option(arguments, "--context") == "hours=24"
    assert option(arguments, "--require-approval") == "never"


def test_an_app_that_is_synthesised_once_can_be_deployed_and_destroyed(cdk: Cdk, tmp_path: Path) -> None:
    assembly = cdk.synth(tmp_path / "app.py", context={"hours": "24"})

    assert assembly.is_dir()
    for run in cdk.deploy, cdk.destroy:
        arguments = given(run(assembly))["arguments"]
        assert option(arguments, "--app") == str(assembly)
        assert "--output" not in arguments
        assert "--all" in arguments


def test_a_command_is_an_app_as_well(cdk: Cdk) -> None:
    arguments = given(cdk.destroy(["python", "my app.py"]))["arguments"]

    assert option(arguments, "--app") == "python 'my app.py'"
    assert "--force" in arguments


def test_a_failure_carries_all_that_was_printed(cdk: Cdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXIT_CODE", "3")

    with pytest.raises(CdkError, match=r"cdk deploy failed with exit code 3") as failed:
        cdk.deploy(tmp_path)

    assert '"arguments"' in str(failed.value)
    assert "to standard error" in str(failed.value)


def test_echo_prints_the_lines(aws: LocalAws, cli: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Cdk(aws, cli=cli, echo=True) as cdk:
        printed = cdk.bootstrap()

    assert capsys.readouterr().out == printed


def test_an_interruption_stops_the_cli(aws: LocalAws, cli: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_text: str) -> None:
        raise KeyboardInterrupt

    cli.write_text(f"#!{sys.executable}\nimport time\nprint('running', flush=True)\ntime.sleep(3600)\n")
    monkeypatch.setattr(sys.stdout, "write", interrupt)

    # It waits for the CLI to end before it passes the interruption on.
    with Cdk(aws, cli=cli, echo=True) as cdk, pytest.raises(KeyboardInterrupt):
        cdk.bootstrap()


@pytest.mark.parametrize("folder", ["node_modules/.bin", "on-the-path"])
def test_the_cli_is_found_above_the_working_directory_and_on_the_path(
    aws: LocalAws, cli: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    cli.rename(tmp_path / folder / "cdk")
    (tmp_path / "infrastructure").mkdir()
    monkeypatch.chdir(tmp_path / "infrastructure")
    monkeypatch.setenv("PATH", f"{tmp_path / 'on-the-path'}:{os.environ['PATH']}")

    with Cdk(aws) as cdk:
        assert given(cdk.bootstrap())["arguments"][0] == "bootstrap"


def test_fails_without_a_cli(aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CdkError, match=r"There is no CDK CLI .* run `npm install aws-cdk` there$"):
        Cdk(aws)
