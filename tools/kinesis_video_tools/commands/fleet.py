"""``kinesis-video fleet``: the running pass of a fleet, and the last ones."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kinesis_video_configuration import printable
from kinesis_video_fleet.store import Store, folder_of

from ..command_line import CommandError, add_account, add_command, region_of, session_of

if TYPE_CHECKING:
    from ..command_line import Commands

_EPILOG = """\
Of the pass that is running it says how many streams are done, how many of them failed, how many it does in a second,
and how long it will take. A batch of streams is counted when it is done. Of the last passes it says what came of them;
of one that failed, why, and which object names the streams.
"""
_MAX_PASSES = 1000
_NOT_FAILED = ("set", "removed", "equal", "foreign", "without_retention", "gone")


def add_to(commands: Commands) -> None:
    """Add the sub-command."""
    parser = add_command(
        commands,
        "fleet",
        run,
        summary="show the passes of a fleet of streams",
        description="Show the running pass of a fleet of streams, and the last ones.",
        epilog=_EPILOG,
        good="the last pass that has ended was complete",
        wrong="it failed",
    )
    parser.add_argument("state_machine", metavar="STATE_MACHINE", help="the ARN of the fleet's state machine")
    parser.add_argument("--passes", type=_passes, default=5, metavar="N", help="how many passes to show (5)")
    add_account(parser, "fleet")


def run(options: argparse.Namespace) -> int:
    """Show the passes, newest first, and return the exit code."""
    try:
        session = session_of(options, region_of(options.state_machine, "states", "stateMachine"))
        states = session.client("stepfunctions")
        definition = json.loads(states.describe_state_machine(stateMachineArn=options.state_machine)["definition"])
        bucket = definition["States"]["Batches"]["ItemReader"]["Parameters"]["Bucket"]
        store = Store(session.client("s3"), bucket)
        executions = states.list_executions(stateMachineArn=options.state_machine, maxResults=options.passes)
        passes = [(execution, *_read(store, execution["name"])) for execution in executions["executions"]]
        for execution, plan, result in passes:
            counts = (result or {}).get("counts")
            if execution["status"] == "RUNNING":
                counts = sum((Counter(report["counts"]) for report in store.reports(execution["name"])), Counter())
            sys.stdout.write(f"{printable(_line(execution, plan, result, counts or {}, bucket))}\n")
    except KeyError:
        raise CommandError(f"{options.state_machine} is no state machine of a StreamFleet") from None
    if not passes:
        sys.stdout.write("no pass has begun yet\n")
    ended = (execution["status"] for execution, _, _ in passes if execution["status"] != "RUNNING")
    return int(next(ended, "SUCCEEDED") != "SUCCEEDED")


def _read(store: Store, name: str) -> tuple[Any, Any]:
    return store.read(f"{folder_of(name)}plan.json"), store.read(f"{folder_of(name)}result.json")


def _line(
    execution: Mapping[str, Any],
    plan: Mapping[str, Any] | None,
    result: Mapping[str, Any] | None,
    counts: Mapping[str, int],
    bucket: str,
) -> str:
    status = execution["status"]
    begin = f"{execution['startDate']:%Y-%m-%d %H:%M}  {plan['kind'] if plan else '-':8}"
    if plan is None:
        problem = (result or {}).get("problem") or "nothing to do, or another pass was at work"
        return f"{begin}  {status.lower() if status != 'SUCCEEDED' else 'skipped'}: {problem}"
    done = sum(counts.values())
    failed = sum(count for cause, count in counts.items() if cause not in _NOT_FAILED)
    if status == "RUNNING":
        seconds = time.time() - plan["begun"]
        rate = done / seconds if seconds > 0 else 0
        left = f"{(plan['streams'] - done) / rate / 60:.0f} minutes left" if rate else "no batch is done yet"
        progress = f"{done:,} of {plan['streams']:,} streams done, {failed:,} failed, {rate:.1f} a second, {left}"
        return f"{begin}  running: {progress}"
    if result is None:
        return f"{begin}  {status.lower()}: it ended without a result, and the next pass does what is left"
    told = ", ".join(f"{cause} {count:,}" for cause, count in counts.items()) or "no streams"
    ended = f"{begin}  {result['ended']} in {(result['stopped'] - plan['begun']) / 60:.1f} minutes: {told}"
    named = f"; s3://{bucket}/{folder_of(execution['name'])}failed.json names them" if failed else ""
    return f"{ended}{named}"


def _passes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_PASSES:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of passes; give 1 to {_MAX_PASSES}")
    return int(text)
