"""The output of the command, given executions and the objects of work buckets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kinesis_video_fleet.store import Ledger, Turn
from kinesis_video_tools.__main__ import main
from kinesis_video_tools.commands import fleet
from tests.fleet.bucket import Bucket

NOW = datetime.fromisoformat("2026-11-28T12:00:00+00:00")
MACHINES = "arn:aws:states:eu-west-1:111122223333:stateMachine:"


class Account:
    """State machines, each with its executions, newest first, and the objects of its work bucket."""

    meta = Bucket.meta

    def __init__(self) -> None:
        self.executions: dict[str, list[dict[str, Any]]] = {}
        self.buckets: dict[str, Bucket] = {}
        self.denied: set[str] = set()
        self.prefixes: dict[str, str] = {}
        self.exceptions = SimpleNamespace(ClientError=ClientError)

    def add(self, name: str, prefix: str, *executions: tuple[str, str], turn: Turn | None = None) -> Bucket:
        bucket = self.buckets[name] = Bucket()
        self.prefixes[name] = prefix
        ledger = Ledger(turn or Turn(), declaration={"NamePrefix": prefix}, touched=True)
        bucket.objects["ledger.json"] = json.dumps(asdict(ledger)).encode()
        self.executions[name] = [
            {
                "name": execution,
                "executionArn": f"arn:{execution}",
                "status": status,
                "startDate": NOW - timedelta(hours=number),
                "stopDate": NOW,
            }
            for number, (execution, status) in enumerate(executions)
        ]
        return bucket

    def client(self, _service: str) -> Account:
        return self

    def get_paginator(self, operation: str) -> Any:
        def paginate(**asked: Any) -> Any:
            if operation == "list_state_machines":
                names = self.executions
                return [{"stateMachines": [{"name": name, "stateMachineArn": MACHINES + name} for name in names]}]
            if operation == "list_executions":
                found = self.executions[asked["stateMachineArn"].removeprefix(MACHINES)]
                wanted = asked.get("statusFilter")
                return [{"executions": [each for each in found if wanted in (None, each["status"])]}]
            if operation == "list_stack_resources":
                raise ClientError(
                    {"Error": {"Code": "ValidationError", "Message": "Stack does not exist"}}, "ListStackResources"
                )
            raise AssertionError(operation)

        return SimpleNamespace(paginate=paginate)

    def describe_state_machine(self, *, stateMachineArn: str) -> Mapping[str, Any]:  # noqa: N803
        name = stateMachineArn.removeprefix(MACHINES)
        if name in self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": name}}, "DescribeStateMachine")
        reader = {"Parameters": {"Bucket": name}}
        comment = f"A pass through the Kinesis video streams whose names begin with {self.prefixes[name]}"
        return {"definition": json.dumps({"Comment": comment, "States": {"Batches": {"ItemReader": reader}}})}

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        return self.buckets[Bucket].get_object(Bucket=Bucket, Key=Key)

    def list_objects_v2(self, *, Bucket: str, **asked: str) -> Any:  # noqa: N803
        return self.buckets[Bucket].list_objects_v2(Bucket=Bucket, **asked)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    account = Account()
    monkeypatch.setattr(fleet, "session_of", lambda *_: account)
    return account


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def show(*options: str) -> tuple[int, str]:
        code = main(["fleet", *options])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return show


Show = Callable[..., tuple[int, str]]


@pytest.mark.parametrize(("turn", "told"), [("other", "take its turn"), ("now", "list the streams")])
def test_a_pass_says_what_it_does_before_its_first_batch(turn: str, told: str, account: Account, show: Show) -> None:
    account.add("CdkKinesisVideoFleetA", "cam-", ("now", "RUNNING"), turn=Turn(turn))
    assert show("cam-") == (2, f"2026-11-28 12:00  -         running: it is about to {told}\nno pass has ended yet\n")


def test_a_skipped_pass_hides_no_failure(account: Account, show: Show) -> None:
    bucket = account.add("CdkKinesisVideoFleetA", "cam-", ("later", "SUCCEEDED"), ("failed", "FAILED"))
    plan = {"kind": "Schedule", "begun": NOW.timestamp(), "streams": 1, "batches": 1}
    bucket.objects["passes/failed/plan.json"] = json.dumps(plan).encode()
    result = {"ended": "failed", "problem": "as asked", "counts": {}, "stopped": NOW.timestamp()}
    bucket.objects["passes/failed/result.json"] = json.dumps(result).encode()
    code, shown = show("cam-")
    assert code == 1
    assert re.search(r"Schedule  failed in .*; as asked\n1 passes were skipped", shown)


def test_a_fleet_that_cannot_be_read_hides_no_other(account: Account, show: Show) -> None:
    account.add("CdkKinesisVideoFleetOther", "other-")
    account.denied = {"CdkKinesisVideoFleetOther"}
    account.add("CdkKinesisVideoFleetA", "cam-", ("now", "RUNNING"))
    assert "running" in show("cam-")[1]
    # But a name that is not found may be the other one's.
    assert "AccessDenied" in show("yard-")[1]


def test_fleets_with_the_same_prefix_are_ambiguous(account: Account, show: Show) -> None:
    account.add("CdkKinesisVideoFleetA", "cam-")
    account.add("CdkKinesisVideoFleetB", "cam-")
    code, shown = show("cam-")
    assert code == 2
    assert all(f"{MACHINES}CdkKinesisVideoFleet{name}" in shown for name in "AB")
