"""The behaviour that all sub-commands of `kinesis-video` share: options, help, failures, exit codes and endings."""

from __future__ import annotations

import argparse
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from kinesis_video_configuration import timing
from kinesis_video_configuration.retries import CallError
from kinesis_video_tools.__main__ import main, parser
from kinesis_video_tools.command_line.account import OUTAGE_SECONDS, AccountSession, Patience, region_of, session_of
from kinesis_video_tools.command_line.failures import CommandError, explain
from kinesis_video_tools.command_line.parser import INTERRUPTED_MEANS, UNKNOWN_MEANS, ExitCode, Parser
from kinesis_video_tools.command_line.screen import shows_colour

from ..handler.conftest import FakeClock, clock
from .processes import command, on_a_terminal

__all__ = ["clock"]

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
ACCOUNT = {"--profile", "--region", "--endpoint-url"}


def sub_commands() -> dict[str, Parser]:
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(commands.choices)


def rows_of_page() -> dict[str, list[str]]:
    rows = [re.split(r"\s*\|\s*", line.strip("| \n")) for line in PAGE.read_text().splitlines() if line.startswith("|")]
    return {cells[0].strip("`"): cells[1:] for cells in rows}


def test_the_page_and_each_help_have_the_exit_codes_of_the_code() -> None:
    page = rows_of_page()
    assert {page[str(code.value)] != [] for code in ExitCode} == {True}
    assert page["2"] == [UNKNOWN_MEANS]
    assert page["130"] == [INTERRUPTED_MEANS]
    for name, of_command in sub_commands().items():
        assert page[name] == [of_command.good, of_command.wrong]
        said = " ".join(of_command.format_help().split())
        ending = f"1 if {of_command.wrong}; 2 if {UNKNOWN_MEANS}; 130 after Ctrl-C"
        assert said.endswith(f"exit code: 0 if {of_command.good}; {ending}")


def test_whatever_looks_at_an_account_has_the_same_options() -> None:
    for name, of_command in sub_commands().items():
        options = set(of_command._option_string_actions)
        assert options >= ACCOUNT or name == "local"


@pytest.mark.parametrize("columns", [1, 40, 80])
def test_help_fits_the_terminal_and_breaks_no_word(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    # What is narrower breaks the lines itself.
    width = max(columns, 40)
    for of_command in [parser(), *sub_commands().values()]:
        text = of_command.format_help()
        assert max(map(len, text.splitlines())) <= width
        words = " ".join(text.split())
        assert " ".join((of_command.description or "").split()) in words
        assert " ".join((of_command.epilog or "").split()) in words


def test_without_a_sub_command_it_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == parser().format_help()


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    from cdk_kinesis_video import __version__

    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"kinesis-video {__version__}\n"


def test_a_shell_completes_it(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    with script.open("w") as file:
        subprocess.run(command("--print-completion", "bash"), stdout=file, check=True)
    ask = f"source {script}; COMP_WORDS=(kinesis-video di); COMP_CWORD=1; _shtab_kinesis_video; echo ${{COMPREPLY[@]}}"
    ran = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert ran.stdout == "diff\n"


def refusal(operation: str, code: str, message: str = "", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


def told_by_retries(cause: Exception) -> CallError:
    """The error that reaches a command after several attempts."""
    first = CallError.of("ListStreams", cause)
    first.__cause__ = cause
    last = CallError("ListStreams", first.code, "again")
    last.__cause__ = first
    return last


@pytest.mark.parametrize(
    ("error", "problem", "fix"),
    [
        (exceptions.NoRegionError(), "no Region is set", "give --region REGION"),
        (exceptions.NoCredentialsError(), "there are no credentials", "give --profile NAME"),
        (exceptions.ProfileNotFound(profile="x"), "profile (x)", "`aws configure list-profiles`"),
        (refusal("ListStreams", "ExpiredTokenException"), "ListStreams in eu-west-1: Expired", "have expired"),
        (refusal("ListStreams", "UnrecognizedClientException"), "Unrecognized", "`aws sts get-caller-identity`"),
        (refusal("ListStreams", "AccessDeniedException", "no."), "AccessDeniedException: no", "allow ListStreams to"),
        (refusal("ListStreams", "NotAuthorizedException"), "NotAuthorized", "allow ListStreams to"),
        (refusal("DescribeStream", "ResourceNotFoundException"), "NotFound", "check the name, --region and"),
        (refusal("DescribeStacks", "ValidationError", "Stack x does not exist"), "does not exist", "check the name"),
        (refusal("ListStreams", "InternalFailure", status=500), "InternalFailure", "try again"),
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), "can't be reached in eu-west-1", "--region"),
        (exceptions.ProxyConnectionError(proxy_url="http://p"), "can't be reached", "the network and its proxy"),
        (ResponseParserError("HTML"), "the server that answers in eu-west-1 is not AWS", "HTTPS_PROXY"),
    ],
)
def test_a_failure_says_what_was_tried_why_it_failed_and_what_to_do(error: Exception, problem: str, fix: str) -> None:
    for raised in (error, told_by_retries(error)):
        said = explain(raised, "eu-west-1")
        assert problem in str(said)
        assert fix in said.fix


def run_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    def fail(_: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr("kinesis_video_tools.commands.diff.run", fail)
    return main(["diff", "Cameras"])


def test_each_way_to_end_has_its_exit_code_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""
    assert run_with(monkeypatch, CommandError("it is \x1b[2Jso", "do\nthis")) == 2
    assert capsys.readouterr().err == "kinesis-video diff: it is \\x1b[2Jso\n  → do\\nthis\n"
    assert run_with(monkeypatch, KeyError("x")) == 2
    said = capsys.readouterr().err
    assert said.startswith("kinesis-video diff: an error of kinesis-video itself, KeyError: 'x'\n  → report it")
    assert "Traceback" not in said


def test_ctrl_c_while_it_starts_is_no_error() -> None:
    line = command("diff", "Cameras", "--endpoint-url", "http://127.0.0.1:9")
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        # Its first line comes while it still tries.
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert said.startswith("no answer from 127.0.0.1:9 yet")
    assert (process.returncode, rest) == (130, "")


@pytest.mark.parametrize(("output", "code"), [("print('x' * 9)", 2), ("print('x' * 99999)", 2), ("help", 0)])
def test_a_reader_that_goes_away_is_no_error(output: str, code: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    replaced = f"from kinesis_video_tools.commands import diff; diff.run = lambda _: {output} or 0; "
    last = "-h" if output == "help" else "Cameras"
    script = f"{replaced}from kinesis_video_tools.__main__ import main; raise SystemExit(main(['diff', '{last}']))"
    line = [sys.executable, "-c", script]
    ran = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (code, "")


@pytest.mark.parametrize("ends", ["1>&-", "2>&-", "1>/dev/full"])
def test_where_nothing_can_be_written_the_exit_code_is_of_the_table(ends: str) -> None:
    for arguments, codes in ((["--version"], (0, 2)), (["diff", "arn:x"], (2,))):
        line = f"{shlex.join(command(*arguments))} {ends}"
        ran = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
        assert ran.returncode in codes
        assert "Traceback" not in ran.stdout + ran.stderr


def test_aws_region_counts_unless_it_is_empty_and_an_option_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def region(given: str | None, of_arn: str | None = None) -> str | None:
        options = argparse.Namespace(region=given, profile=None, endpoint_url=None)
        assert session_of(options, of_arn).region_name == options.region
        return session_of(options, of_arn).region_name

    assert region(None) == "eu-central-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert region(None) == "eu-west-1"
    assert region(None, "eu-west-2") == "eu-west-2"
    assert region("eu-west-3", "eu-west-2") == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    assert region(None) == "us-east-2"


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "no Region is set\n  → give --region REGION"),
        (
            {"AWS_ENDPOINT_URL_CLOUDFORMATION": "nonsense"},
            "boto3 can't make a call, ValueError: Invalid endpoint: nons",
        ),
        (
            {"AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/x", "AWS_WEB_IDENTITY_TOKEN_FILE": "/not-there"},
            "boto3 can't make a call, FileNotFoundError: ",
        ),
    ],
)
def test_a_setting_that_boto3_can_not_use_is_no_error_of_ours(
    variables: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"AWS_REGION": "eu-west-1", **variables}.items():
        monkeypatch.setenv(name, value)
    assert main(["diff", "Cameras"]) == 2
    assert capsys.readouterr().err.startswith(f"kinesis-video diff: {problem}")


def test_an_arn_says_its_region_and_one_of_something_else_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    arn = "arn:aws:cloudformation:eu-west-2:111122223333:stack/Cameras/1"
    assert region_of(arn, "cloudformation", "stack") == "eu-west-2"
    assert region_of("arn:aws:states:eu-west-2:1:stateMachine:X", "states", "stateMachine") == "eu-west-2"
    assert region_of("Cameras", "cloudformation", "stack") is None
    for line in (["send", "arn:aws:s3:::bucket"], ["doctor", "arn:aws:s3:::bucket"]):
        assert main(line) == 2
        assert (
            "arn:aws:s3:::bucket is not the ARN of a stream of kinesisvideo\n  → give the name"
            in capsys.readouterr().err
        )
    for wrong in ("arn:", "arn:aws:s3:::bucket", arn.replace("stack/", "changeSet/"), arn.replace("eu-west-2", "")):
        assert main(["diff", wrong]) == 2
        problem, advice = capsys.readouterr().err.splitlines()
        assert problem == f"kinesis-video diff: {wrong} is not the ARN of a stack of cloudformation"
        assert advice == "  → give the name or the ARN of one, arn:aws:cloudformation:REGION:ACCOUNT:stack..."


def test_the_endpoint_counts_for_every_client() -> None:
    session = AccountSession("http://127.0.0.1:9", region_name="eu-west-1")
    for service in ("kinesisvideo", "s3"):
        assert session.client(service).meta.endpoint_url == "http://127.0.0.1:9"
    assert session.client("s3", endpoint_url="http://127.0.0.1:8").meta.endpoint_url == "http://127.0.0.1:8"


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://[", "http://", "http://x:99999", "http://x:y"])
def test_an_endpoint_that_is_no_url_is_said(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"the endpoint {url!r} is not a URL\n  → give a URL such as http://127.0.0.1:4566\n"
    for line in (["diff", "X"], ["send", "x"], ["adopt"], ["fleet", "x"], ["doctor", "x"]):
        assert main([*line, "--endpoint-url", url]) == 2
        assert capsys.readouterr().err.endswith(said)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert main(["adopt"]) == 2


class Scripted:
    """A client whose calls fail in turn, and then succeed."""

    def __init__(self, clock: FakeClock, *errors: Exception) -> None:
        self.clock, self.errors = clock, list(errors)
        self.meta: Any = argparse.Namespace(method_to_api_mapping={"list_streams": "ListStreams"})

    def list_streams(self) -> dict[str, Any]:
        self.clock.time += 5
        if self.errors:
            raise self.errors.pop(0)
        return {}


def test_an_outage_is_given_up_and_throttling_is_not(clock: FakeClock) -> None:
    down = exceptions.EndpointConnectionError(endpoint_url="https://x")
    throttled = refusal("ListStreams", "ClientLimitExceededException")
    Patience(3600).call(Scripted(clock, *[throttled] * 200), "list_streams")
    Patience(3600).call(Scripted(clock, *[down, down, throttled] * 20), "list_streams")
    for error in (down, ResponseParserError("HTML"), refusal("ListStreams", "ServiceUnavailable", status=503)):
        begun = timing.now()
        with pytest.raises(type(error)):
            Patience(3600).call(Scripted(clock, *[error] * 200), "list_streams")
        assert OUTAGE_SECONDS < timing.now() - begun < 60


class _Proxy(BaseHTTPRequestHandler):
    """Answers every request with its own page or text."""

    body: bytes

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module", params=[b"<html><body>Sign in to the network</body></html>", b"Welcome"])
def proxy(request: pytest.FixtureRequest) -> Iterator[str]:
    _Proxy.body = request.param
    with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "line",
    [
        ["diff", "Cameras"],
        ["adopt"],
        ["fleet", "arn:aws:states:eu-central-1:111122223333:stateMachine:Fleet"],
        ["send", "front-door", "--seconds", "1"],
    ],
    ids=lambda line: line[0],
)
def test_a_proxys_page_is_no_answer_of_aws(
    line: list[str], proxy: str, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*line, "--endpoint-url", proxy]) == 2
    assert clock.time < 60
    problem, advice = capsys.readouterr().err.splitlines()[-2:]
    assert "is not AWS" in problem or "is not a service's" in problem
    assert advice.startswith("  → ")


def test_lines_fit_a_terminal_and_progress_takes_one_row() -> None:
    script = """
from kinesis_video_tools.command_line.screen import say, show_progress
show_progress("x" * 100)
say("a problem with " + "many " * 20 + "\\x1b[2J", "  → s3://a-long-name-that-stays-whole/" + "y" * 50)
"""
    progress, *rows = on_a_terminal(40, [sys.executable, "-c", script]).replace("\r\x1b[K", "\n").splitlines()[1:]
    assert progress == "x" * 39
    assert all(len(row) <= 40 for row in rows if "s3://" not in row)
    assert [row for row in rows if "s3://" in row] == ["    s3://a-long-name-that-stays-whole/" + "y" * 50]
    assert "\x1b" not in "".join(rows)


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream:
        assert shows_colour(stream)
        monkeypatch.setenv("TERM", "dumb")
        assert not shows_colour(stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("NO_COLOR", "1")
        assert not shows_colour(stream)
    os.close(screen)
