"""``kinesis-video fleet``: the running pass of a fleet, the last ones, and the streams that they did not set."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from kinesis_video_configuration import one_line, printable
from kinesis_video_fleet.outcome import Outcome
from kinesis_video_fleet.store import Store, folder_of

from ..command_line.account import add_account, region_of, session_of
from ..command_line.failures import CommandError
from ..command_line.parser import Commands, ExitCode, add_command, add_json
from ..fleets import Fleet, fleets_in

_EPILOG = """\
The running pass comes first: how many streams are done, how many of them failed, the rate per second, and the time
left. A batch of streams is counted when it is done. Then follow the last passes that did work, each with its counts
and its cause, and the names of the streams that the newest of them did not set. Passes that found another one at
work are only counted.
"""
_MAX_PASSES = 1000
_SHOWN = 20
_SKIPPED, _RUNNING = "skipped", "running"


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
    outcome: Outcome
    cause: str

    @classmethod
    def read(cls, store: Store, states: Any, execution: Mapping[str, Any]) -> _Pass:
        name, status = execution["name"], execution["status"]
        plan, result = (store.read(f"{folder_of(name)}{each}.json") for each in ("plan", "result"))
        cause = (result or {}).get("problem", "")
        if status not in ("RUNNING", "SUCCEEDED") and not cause:
            described = states.describe_execution(executionArn=execution["executionArn"])
            cause = described.get("cause") or described.get("error") or ""
        outcome = Outcome.read(store, name, running=status == "RUNNING") if plan else Outcome()
        return cls(execution, plan, result, outcome, one_line(str(cause)))

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
        return self.outcome.failures.total()

    def as_json(self) -> dict[str, Any]:
        plan = self.plan or {"kind": None, "streams": None}
        return {
            "name": self.execution["name"],
            "started": self.execution["startDate"].isoformat(),
            "kind": plan["kind"],
            "ended": self.ended,
            "cause": self.cause,
            "streams": plan["streams"],
            "counts": self.outcome.counts,
            "not_set": self.outcome.by_outcome(),
        }

    def line(self, told: str) -> str:
        return f"{self.execution['startDate']:%Y-%m-%d %H:%M}  {self.plan['kind'] if self.plan else '-':8}  {told}"

    def progress(self, has_turn: bool) -> str:
        if self.plan is None:
            return self.line(f"running: it is about to {'list the streams' if has_turn else 'take its turn'}")
        done, streams, seconds = self.outcome.counts.total(), self.plan["streams"], time.time() - self.plan["begun"]
        rate = done / seconds if seconds > 0 else 0
        left = f"{(streams - done) / rate / 60:.0f} minutes left" if rate else "no batch is done yet"
        told = f"running: {done:,} of {streams:,} streams done, {self.failed:,} failed, {rate:.1f} a second, {left}"
        return self.line(told)

    def end(self, bucket: str) -> str:
        cause = f"; {self.cause}" if self.cause else ""
        if self.plan is None:
            return self.line(f"{self.ended}{cause}")
        ended = self.result["stopped"] if self.result else self.execution["stopDate"].timestamp()
        counts = ", ".join(f"{outcome} {count:,}" for outcome, count in self.outcome.counts.items()) or "no streams"
        where = f"s3://{bucket}/{folder_of(self.execution['name'])}streams.json"
        named = f"; {where} names them" if self.outcome.named and self.result and where not in cause else ""
        return self.line(f"{self.ended} in {(ended - self.plan['begun']) / 60:.1f} minutes: {counts}{named}{cause}")

    def names(self) -> Iterator[str]:
        for outcome, names in self.outcome.by_outcome().items():
            told = [f"{name}: {cause}" for name, cause in names.items()] if isinstance(names, dict) else names
            yield from (f"  {outcome}: {one}" for one in told[:_SHOWN])
            if len(told) > _SHOWN:
                yield f"  {outcome}: and {len(told) - _SHOWN:,} more, which --json names"


def run(options: argparse.Namespace) -> int:
    """Show the passes, the running one first, and return the exit code."""
    session = session_of(options, region_of(options.fleet, "states", "stateMachine"))
    states = session.client("stepfunctions")
    fleet = _find(options.fleet, session, states)
    if options.start:
        started = states.start_execution(stateMachineArn=fleet.machine, input="{}")["executionArn"]
        _tell(json.dumps({"started": started}) if options.json else f"a pass was started: {started}")
        return ExitCode.GOOD
    store = Store(session.client("s3"), fleet.bucket)
    running = [_Pass.read(store, states, each) for each in _executions(states, fleet, statusFilter="RUNNING")]
    ended = (each for each in _executions(states, fleet) if each["status"] != "RUNNING")
    done: list[_Pass] = []
    skipped = 0
    for each in (_Pass.read(store, states, execution) for execution in ended):
        if each.ended == _SKIPPED:
            skipped += 1
            continue
        done.append(each)
        if len(done) == options.passes:
            break
    if options.json:
        passes = [each.as_json() for each in (*running, *done)]
        told = {"fleet": fleet.name_prefix, "passes": passes, "skipped": skipped}
        sys.stdout.write(f"{json.dumps(told, indent=2)}\n")
    else:
        turn = store.ledger().turn.name
        _tell(*(each.progress(turn == each.execution["name"]) for each in running))
        for number, each in enumerate(done):
            _tell(each.end(store.bucket), *(each.names() if number == 0 else ()))
        if skipped:
            _tell(f"{skipped} passes were skipped, since another one was at work or nothing is declared")
        if not done:
            _tell("no pass has ended yet" if running else "no pass has started yet")
    if not done:
        return ExitCode.UNKNOWN
    return ExitCode.GOOD if done[0].ended == "complete" and not done[0].failed else ExitCode.WRONG


def _find(given: str, session: Any, states: Any) -> Fleet:
    if given.startswith("arn:"):
        return Fleet.read(states, given)
    fleets = list(fleets_in(states))
    found = [each for each in fleets if each.name_prefix == given and not each.problem]
    if not found:
        machines = _resources_of(given, session.client("cloudformation"))
        found = [each for each in fleets if each.machine in machines]
    if len(found) == 1 and not found[0].problem:
        return found[0]
    if len(found) > 1:
        machines_of = ", ".join(each.machine for each in found)
        raise CommandError(f"{given!r} means {len(found)} fleets", f"give one of these: {machines_of}")
    for unreadable in (each for each in fleets if each.problem):
        raise CommandError(f"{given!r} is not found, and {unreadable.machine} can't be read: {unreadable.problem}")
    known = ", ".join(each.name_prefix or each.machine for each in fleets)
    raise CommandError(
        f"{given!r} is neither a fleet nor the stack of one",
        f"give one of these: {known}" if known else "check the name, --region and --profile",
    )


def _resources_of(stack: str, cloudformation: Any) -> set[str]:
    try:
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        return set(pages.search("StackResourceSummaries[].PhysicalResourceId"))
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return set()


def _executions(states: Any, fleet: Fleet, **asked: str) -> Iterator[Mapping[str, Any]]:
    most = {"MaxItems": _MAX_PASSES}
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=fleet.machine, **asked, PaginationConfig=most
    )
    return (execution for page in pages for execution in page["executions"])


def _tell(*lines: str) -> None:
    """Print lines: text from the bucket and the state machine is untrusted."""
    sys.stdout.writelines(f"{printable(line)}\n" for line in lines)


def _passes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_PASSES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of passes; give 1 to {_MAX_PASSES}")
    return int(text)
