"""The findings of checks, also of a failing one, and of something that the local AWS lacks."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from acceptance import STACK, checks
from acceptance import __main__ as command
from acceptance.run import Finding, Findings, run
from acceptance.site import Site

from .conftest import Account

# As Lambda writes it to a log in JSON.
REPORT = {"type": "platform.report", "record": {"metrics": {"durationMs": 410.3, "initDurationMs": 623.45}}}


def test_a_check_that_fails_says_so_and_the_next_one_follows(account: Account) -> None:
    found: list[Finding] = []

    def no_bucket(site: Site) -> Findings:
        yield Finding("it begins", "yes", "yes")
        site.s3.list_objects_v2(Bucket="not-there")

    def lambda_reports(site: Site) -> Findings:
        logs = account.aws.client("logs")
        logs.create_log_stream(logGroupName=site.log_group, logStreamName="report")
        event = {"timestamp": round(time.time() * 1000), "message": json.dumps(REPORT)}
        logs.put_log_events(logGroupName=site.log_group, logStreamName="report", logEvents=[event])
        yield from ()

    def left_out(site: Site) -> Findings:
        yield Finding("its retention", str(site.stream()["LeftOut"]))

    steps = [no_bucket, left_out, lambda_reports, checks.the_function_starts]
    run(
        account.session,
        account.deploy,
        steps,
        patience=30,
        on_step=lambda step: None,
        on_finding=found.append,
    )

    resources = json.loads(account.template)["Resources"].values()
    (function,) = (resource["Properties"] for resource in resources if resource["Type"] == "AWS::Lambda::Function")
    assert function["LoggingConfig"]["SystemLogLevel"] == "INFO", "Lambda writes no report"
    begins, fails, surprises, starts = found
    assert not begins.differs
    assert fails.differs
    assert (fails.statement, fails.seen.partition(":")[0]) == ("no bucket", "NoSuchBucket")
    assert surprises == Finding("left out", "KeyError: 'LeftOut'", "an answer")
    assert starts == Finding("the function's start in milliseconds", "623.45")


def test_the_table_has_what_was_seen_however_it_ends(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output = tmp_path / "build" / "table.md"
    meanwhile = ""

    def gone(_site: Site) -> Findings:
        nonlocal meanwhile
        yield Finding("one", "seen")
        meanwhile = output.read_text()
        account.aws.client("cloudformation").delete_stack(StackName=STACK)
        raise SystemError

    def deploy(*_: str) -> None:
        assert output.read_text().startswith("# What was seen")
        account.deploy()

    monkeypatch.setattr(command, "CHECKS", [gone])
    monkeypatch.setattr(command, "_deploy", deploy)
    assert command._run(account.session, "000000000000", 30, output) == 1

    assert "| one | seen |" in meanwhile
    assert "| gone | SystemError: | an answer | **different** |" in output.read_text()

    def refused(*_: str) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(command, "_deploy", refused)
    assert command._run(account.session, "000000000000", 30, output) == 1
    assert output.read_text().startswith("# What was seen")
