"""``kinesis-video fleet``: the running pass of a fleet, the last ones, and the streams that they did not set."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kinesis_video_configuration import one_line, printable
from kinesis_video_contract.fleets import NAME_PREFIX, RESOURCE_TYPE
from kinesis_video_fleet.outcome import Outcome
from kinesis_video_fleet.store import Store, folder_of

from ..command_line import CommandError, ExitCode, add_account, add_command, add_json, region_of, session_of

if TYPE_CHECKING:
    from ..command_line import Commands

_EPILOG = """\
The pass that is running comes first: how many streams are done, how many of them failed, the rate per second,
and the time left. A batch of streams is counted when it is done. Then follow the last passes that did work, each
with its counts and its cause, and the names of the streams that the newest of them did not set. Passes that found
another one at work are only counted.
"""
_MAX_PASSES = 1000
_SHOWN = 20
_SKIPPED, _RUNNING = "skipped", "running"
_MACHINES = "CdkKinesisVideoFleet"


def add_to(commands: Commands) -> None:
    """Add the sub-command."""
    parser = add_command(
        commands,
        "fleet",
        run,
        summary="show the passes of a fleet of streams, or start one",
        description="Show the running pass of a fleet of streams, and the last ones.",
        epilog=_EPILOG,
        good="the last pass that did work was complete and no stream failed in it",
        wrong="that pass failed, was stopped, or streams failed in it",
    )
    parser.add_argument(
        "fleet", metavar="FLEET", help="the fleet's `name_prefix`, its stack's name, or the ARN of its state machine"
    )
    parser.add_argument("--passes", type=_passes, default=5, metavar="N", help="how many passes to show (5)")
    parser.add_argument("--start", action="store_true", help="start a pass now, and exit")
    add_json(parser, "the passes, each with the streams that it did not set,")
    add_account(parser, "fleet")


@dataclass(frozen=True)
class _Pass:
    execution: Mapping[str, Any]
    plan: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    outcome: Outcome | None
    cause: str

    @property
    def ended(self) -> str:
        """How the pass ended, according to its result, or otherwise to Step Functions."""
        status = str(self.execution["status"])
        if status == "RUNNING":
            return _RUNNING
        if self.result is not None:
            return str(self.result["ended"])
        return _SKIPPED if status == "SUCCEEDED" else status.lower()

    @property
    def failed(self) -> int:
        return self.outcome.failures.total() if self.outcome else 0

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.execution["name"],
            "started": self.execution["startDate"].isoformat(),
            "kind": self.plan["kind"] if self.plan else None,
            "ended": self.ended,
            "cause": self.cause,
            "streams": self.plan["streams"] if self.plan else None,
            "counts": self.outcome.counts if self.outcome else {},
            "not_set": self.outcome.by_outcome() if self.outcome else {},
        }


def run(options: argparse.Namespace) -> int:
    """Show the passes, the running one first, and return the exit code."""
    session = session_of(options, region_of(options.fleet, "states", "stateMachine"))
    states, s3 = session.client("stepfunctions"), session.client("s3")
    machine = _machine_of(options.fleet, session, states, s3)
    if options.start:
        started = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
        _tell(json.dumps({"started": started}) if options.json else f"a pass was started: {started}")
        return ExitCode.GOOD
    store = _store_of(states, s3, machine)
    running = [_read(store, states, each) for each in _executions(states, machine, "RUNNING")]
    done: list[_Pass] = []
    skipped = 0
    for execution in _executions(states, machine):
        if execution["status"] != "RUNNING":
            each = _read(store, states, execution)
            skipped += each.ended == _SKIPPED
            done += [] if each.ended == _SKIPPED else [each]
        if len(done) == options.passes:
            break
    if options.json:
        told = {"passes": [each.as_json() for each in (*running, *done)], "skipped": skipped}
        sys.stdout.write(f"{json.dumps(told, indent=2)}\n")
    else:
        turn = store.ledger().turn
        for each in running:
            has_turn = turn.name == each.execution["name"]
            _tell(f"{_begin(each)}{_running(each, 'list the streams' if has_turn else 'take its turn')}")
        for number, each in enumerate(done):
            _tell(f"{_begin(each)}{_done(each, store.bucket)}", *(_names(each) if number == 0 else ()))
        if skipped:
            _tell(f"{skipped} passes were skipped, since another one was at work or nothing is declared")
        if not done:
            _tell("no pass has ended yet" if running else "no pass has started yet")
    if not done:
        return ExitCode.UNKNOWN
    return ExitCode.GOOD if done[0].ended == "complete" and not done[0].failed else ExitCode.WRONG


def _machine_of(fleet: str, session: Any, states: Any, s3: Any) -> str:
    """Find the state machine of a fleet by its ARN, its stack or its prefix."""
    if _is_arn(fleet):
        return fleet
    pages = states.get_paginator("list_state_machines").paginate()
    machines = [m["stateMachineArn"] for page in pages for m in page["stateMachines"] if _MACHINES in m["name"]]
    prefixes: dict[str, str] = {}
    unreadable: Exception | None = None
    for arn in machines:
        try:
            prefixes[arn] = _prefix_of(states, s3, arn)
        except (CommandError, states.exceptions.ClientError) as error:
            # It may be another fleet, which doesn't matter here.
            unreadable = error
    by_prefix = [arn for arn, prefix in prefixes.items() if prefix == fleet]
    if len(by_prefix) > 1:
        raise CommandError(f"{fleet!r} is the prefix of several fleets", f"give one of these: {', '.join(by_prefix)}")
    if by_prefix:
        return by_prefix[0]
    cloudformation = session.client("cloudformation")
    found: list[str] = []
    try:
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=fleet):
            rows = page["StackResourceSummaries"]
            found += [r["PhysicalResourceId"] for r in rows if r.get("PhysicalResourceId") in machines]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
    if len(found) == 1:
        return found[0]
    if unreadable is not None:
        raise unreadable
    known = ", ".join(filter(None, (prefixes[arn] for arn in found or machines)))
    raise CommandError(
        f"{fleet!r} is {'a stack of several fleets' if found else 'neither a fleet nor the stack of one'}",
        f"give one of these: {known}" if known else "check the name, --region and --profile",
    )


def _is_arn(fleet: str) -> bool:
    return fleet.startswith("arn:")


def _prefix_of(states: Any, s3: Any, machine: str) -> str:
    ledger = _store_of(states, s3, machine).ledger()
    declared = [ledger.declaration, *(each.properties for each in ledger.earlier)]
    return next((str(properties[NAME_PREFIX]) for properties in declared if properties), "")


def _store_of(states: Any, s3: Any, machine: str) -> Store:
    definition = json.loads(states.describe_state_machine(stateMachineArn=machine)["definition"])
    try:
        return Store(s3, definition["States"]["Batches"]["ItemReader"]["Parameters"]["Bucket"])
    except KeyError:
        raise CommandError(
            f"{machine} is not the state machine of a {RESOURCE_TYPE.removeprefix('Custom::')}",
            "give the fleet's `name_prefix`, or its stack's name",
        ) from None


def _executions(states: Any, machine: str, status: str = "") -> Iterator[Mapping[str, Any]]:
    asked = {"stateMachineArn": machine, **({"statusFilter": status} if status else {})}
    for page in states.get_paginator("list_executions").paginate(**asked, PaginationConfig={"MaxItems": _MAX_PASSES}):
        yield from page["executions"]


def _read(store: Store, states: Any, execution: Mapping[str, Any]) -> _Pass:
    name, status = execution["name"], execution["status"]
    folder = folder_of(name)
    plan, result = store.read(f"{folder}plan.json"), store.read(f"{folder}result.json")
    cause = (result or {}).get("problem", "")
    if status not in ("RUNNING", "SUCCEEDED") and not cause:
        described = states.describe_execution(executionArn=execution["executionArn"])
        cause = described.get("cause") or described.get("error") or ""
    # A stopped pass has not reported what it left: its plan without its reports.
    outcome = Outcome.read(store, name, running=status == "RUNNING") if plan else None
    return _Pass(execution, plan, result, outcome, one_line(str(cause)))


def _begin(each: _Pass) -> str:
    return f"{each.execution['startDate']:%Y-%m-%d %H:%M}  {each.plan['kind'] if each.plan else '-':8}  "


def _running(each: _Pass, waits: str) -> str:
    if each.plan is None or each.outcome is None:
        return f"running: it is about to {waits}"
    done, streams, seconds = each.outcome.counts.total(), each.plan["streams"], time.time() - each.plan["begun"]
    rate = done / seconds if seconds > 0 else 0
    left = f"{(streams - done) / rate / 60:.0f} minutes left" if rate else "no batch is done yet"
    return f"running: {done:,} of {streams:,} streams done, {each.failed:,} failed, {rate:.1f} a second, {left}"


def _done(each: _Pass, bucket: str) -> str:
    cause = f"; {each.cause}" if each.cause else ""
    if each.plan is None or each.outcome is None:
        return f"{each.ended}{cause}"
    ended = each.result["stopped"] if each.result else each.execution["stopDate"].timestamp()
    told = ", ".join(f"{outcome} {count:,}" for outcome, count in each.outcome.counts.items()) or "no streams"
    where = f"s3://{bucket}/{folder_of(each.execution['name'])}streams.json"
    named = f"; {where} names them" if each.outcome.named and each.result and where not in cause else ""
    return f"{each.ended} in {(ended - each.plan['begun']) / 60:.1f} minutes: {told}{named}{cause}"


def _names(each: _Pass) -> Iterator[str]:
    for outcome, names in (each.outcome.by_outcome() if each.outcome else {}).items():
        told = [f"{name}: {cause}" for name, cause in names.items()] if isinstance(names, dict) else names
        yield from (f"  {outcome}: {one}" for one in told[:_SHOWN])
        if len(told) > _SHOWN:
            yield f"  {outcome}: and {len(told) - _SHOWN:,} more, which --json names"


def _tell(*lines: str) -> None:
    """Print lines: text from the bucket and the state machine is untrusted."""
    sys.stdout.writelines(f"{printable(line)}\n" for line in lines)


def _passes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_PASSES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of passes; give 1 to {_MAX_PASSES}")
    return int(text)
