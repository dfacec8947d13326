"""A run removes everything and writes its table, also if a check fails, and wherever it is interrupted."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from acceptance import STACK, checks
from acceptance.run import Check, Finding, Findings, run
from acceptance.site import Site

from .conftest import NUMBER, Account

# As Lambda writes it to a log in JSON.
REPORT = {"type": "platform.report", "record": {"metrics": {"durationMs": 410.3, "initDurationMs": 623.45}}}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "build" / "table.md"


Run = Callable[..., int]


@pytest.fixture
def run_checks(account: Account, output: Path) -> Iterator[Run]:
    """Run checks on the account, which then has what it had before; return the exit code."""
    before = account.contents()

    def run_checks(*the_checks: Check, deploy: Callable[[], None] = account.deploy) -> int:
        return run(account.session, NUMBER, deploy, the_checks, patience=30, output=output)

    yield run_checks
    assert account.contents() == before


def test_a_check_that_fails_says_so_and_the_next_one_follows(account: Account, run_checks: Run, output: Path) -> None:
    def no_bucket(site: Site) -> Findings:
        yield Finding("it begins", "yes|no", "yes|no")
        yield Finding("it goes on", f"{NUMBER}\nno", "yes")
        site.s3.list_objects_v2(Bucket="not-there")

    def lambda_reports(site: Site) -> Findings:
        logs = account.aws.client("logs")
        logs.create_log_stream(logGroupName=site.log_group, logStreamName="report")
        event = {"timestamp": round(time.time() * 1000), "message": json.dumps(REPORT)}
        logs.put_log_events(logGroupName=site.log_group, logStreamName="report", logEvents=[event])
        yield from ()

    def left_out(site: Site) -> Findings:
        yield Finding("its retention", str(site.stream()["LeftOut"]))

    assert run_checks(no_bucket, left_out, lambda_reports, checks.the_function_starts) == 1

    resources = json.loads(account.template)["Resources"].values()
    (function,) = (resource["Properties"] for resource in resources if resource["Type"] == "AWS::Lambda::Function")
    assert function["LoggingConfig"]["SystemLogLevel"] == "INFO", "Lambda writes no report"
    *heading, begins, goes_on, fails, surprises, starts = output.read_text().splitlines()[2:]
    assert heading == ["| statement | seen | assumed | |", "| --- | --- | --- | --- |"]
    assert begins == "| it begins | yes/no | yes/no |  |"
    assert goes_on == "| it goes on | ACCOUNT\\nno | yes | **different** |"
    assert fails.startswith("| no bucket | NoSuchBucket: ")
    assert fails.endswith(" | an answer | **different** |")
    assert surprises == "| left out | KeyError: 'LeftOut' | an answer | **different** |"
    assert starts == "| the function's start in milliseconds | 623.45 |  |  |"


def test_the_table_has_what_was_seen_however_it_ends(account: Account, run_checks: Run, output: Path) -> None:
    def gone(_site: Site) -> Findings:
        yield Finding("one", "seen")
        assert "| one | seen |" in output.read_text()
        account.aws.client("cloudformation").delete_stack(StackName=STACK)
        raise SystemError

    def refused() -> None:
        assert output.read_text().startswith("# What was seen")
        raise OSError("no space left")

    assert run_checks(gone) == 1
    assert "| gone | SystemError: | an answer | **different** |" in output.read_text()
    assert run_checks(deploy=refused) == 1
    assert output.read_text().startswith("# What was seen")


class Interruption:
    """Sends this process a signal after the next call of an operation."""

    def __init__(self) -> None:
        self.after = ""
        self.signal: int = signal.SIGINT

    def called(self, model: Any, **_: object) -> None:
        if model.name == self.after:
            self.after = ""
            signal.raise_signal(self.signal)


@pytest.fixture
def interruption(account: Account) -> Iterator[Interruption]:
    interruption = Interruption()
    account.session.events.register("after-call", interruption.called)
    yield interruption
    account.session.events.unregister("after-call", interruption.called)
    assert not interruption.after, "it was not interrupted"


@pytest.mark.parametrize(
    ("check", "operation"),
    [
        (checks.an_image_arrives, "HeadObject"),
        (checks.the_fragment_of_a_tag, "AssumeRole"),
        (checks.a_configuration_in_an_open_session, "ListObjectsV2"),
        (checks.permissions_in_an_open_session, "PutRolePolicy"),
        (checks.a_stream_without_retention, "UpdateDataRetention"),
    ],
    ids=["calling", "sending", "streaming", "changed permissions", "changed stream"],
)
def test_it_is_interrupted_in_a_check(
    check: Check, operation: str, run_checks: Run, interruption: Interruption
) -> None:
    def arm(_site: Site) -> Findings:
        interruption.after = operation
        yield from ()

    assert run_checks(arm, check) == 130


@pytest.mark.parametrize(
    ("operation", "number"),
    [("DescribeStacks", signal.SIGINT), ("AssumeRole", signal.SIGHUP)],
    ids=["looking for the rest of an earlier run", "waiting for the roles"],
)
def test_it_is_interrupted_outside_of_the_checks(
    operation: str, number: int, run_checks: Run, interruption: Interruption
) -> None:
    interruption.after, interruption.signal = operation, number
    assert run_checks() == 130


def test_it_is_interrupted_while_the_stack_is_being_created(account: Account, run_checks: Run) -> None:
    def deploy() -> None:
        account.cloud.start(STACK, account.template)
        assert account.cloud.status(STACK) == "CREATE_IN_PROGRESS"
        signal.raise_signal(signal.SIGTERM)

    assert run_checks(deploy=deploy) == 130


def test_it_is_interrupted_while_the_rest_of_an_earlier_run_is_removed(
    account: Account, run_checks: Run, interruption: Interruption
) -> None:
    account.deploy()
    interruption.after = "DeleteStack"
    assert run_checks() == 130


@pytest.mark.parametrize("operation", ["DeleteObjects", "DeleteStack"])
def test_the_removal_goes_on(operation: str, run_checks: Run, interruption: Interruption) -> None:
    def put(site: Site) -> Findings:
        site.s3.put_object(Bucket=site.bucket, Key="image")
        yield Finding("an object is there", "yes")
        interruption.after = operation

    handler = signal.getsignal(signal.SIGINT)
    assert run_checks(put) == 0
    assert signal.getsignal(signal.SIGINT) is handler
