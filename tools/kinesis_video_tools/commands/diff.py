"""``kinesis-video diff``: compares the streams of a deployed stack with its declarations."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from kinesis_video_configuration import FEATURES, IMAGE_GENERATION, printable
from kinesis_video_configuration.retries import CallError
from kinesis_video_configuration.service import KinesisVideo, create_client
from kinesis_video_drift import StackChangedError, compare

from ..command_line.account import Patience, add_account, region_of, session_of
from ..command_line.failures import CommandError
from ..command_line.parser import Commands, ExitCode, add_command, add_json
from ..command_line.screen import show_progress
from ..deployed import Declared, declared_in
from ..template import UnknownValueError

_SECONDS = 3600.0
"""For a large stack: its streams share 50 calls a second with the whole account."""

_EPILOG = """\
CloudFormation's drift detection, and so `cdk drift`, skips these configurations. The states are AS_DECLARED,
CHANGED, MISSING (the stream has no configuration), NO_RETENTION (it keeps no data, so nothing is delivered),
STREAM_DELETED, and UNKNOWN (the stack doesn't reveal the declared value, or the stream can't be read).

Expressions of the template are evaluated with its conditions and mappings and with the stack's parameters, resources
and imports. The streams of a fleet are not compared: its state is NOT_COMPARED, and `kinesis-video fleet` shows
what its passes found.

The command calls CloudFormation's GetTemplate, ListStackResources, DescribeStacks and, for values of other stacks,
ListExports, and the DescribeStream and Describe calls of the configurations; --repair also makes their Update calls.
"""


def add_to(commands: Commands) -> None:
    """Add the sub-command."""
    parser = add_command(
        commands,
        "diff",
        run,
        summary="compare the streams of a deployed stack with its declarations",
        description="Compare the declarations of a deployed stack with the present configurations of its streams.",
        epilog=_EPILOG,
        good="every stream is as declared, or was repaired",
        wrong="a stream is not as declared",
    )
    parser.add_argument("stack", metavar="STACK", help="the name or the id of a stack; nested stacks are included")
    parser.add_argument(
        "--repair", action="store_true", help="set missing and changed configurations again, if the stack is at rest"
    )
    add_json(parser, "every stream")
    add_account(parser, "stack")


def run(options: argparse.Namespace) -> int:
    """Compare, print the differences, and return the exit code."""
    session = session_of(options, region_of(options.stack, "cloudformation", "stack"))
    retries = Patience(_SECONDS)
    streams = KinesisVideo(create_client(session), retries)
    cloudformation = create_client(session, "cloudformation")
    try:
        declared = list(declared_in(cloudformation, retries, options.stack))
    except StackChangedError as error:
        raise CommandError(str(error), "compare when the stack is at rest") from error
    except ValueError as error:
        raise CommandError(f"{options.stack}: {error}") from error
    compared = [each for each in declared if not each.is_fleet]
    rows = []
    for number, each in enumerate(compared, 1):
        show_progress(f"{number} of {len(compared)} configurations ...")
        require_unchanged = partial(each.stack.require_unchanged, cloudformation, retries) if options.repair else None
        rows.append(_row(streams, each, require_unchanged))
    show_progress()
    fleets = [_row_of_fleet(each) for each in declared if each.is_fleet]
    if options.json:
        sys.stdout.write(json.dumps(rows + fleets, indent=2) + "\n")
    else:
        sys.stdout.write(_table(options.stack, rows, fleets))
    if any(row["state"] == "UNKNOWN" for row in rows) or (fleets and not rows):
        return ExitCode.UNKNOWN
    return ExitCode.GOOD if all(map(_is_good, rows)) else ExitCode.WRONG


def _row(streams: KinesisVideo, declared: Declared, require_unchanged: Callable[[], None] | None) -> dict[str, Any]:
    """Compare one stream, and repair it if there is a way to check that the stack is still at rest."""
    row = _verdict(declared, FEATURES[declared.resource_type].configuration)
    try:
        declaration = declared.declaration()
        drift = compare(streams, declaration)
    except UnknownValueError as error:
        return {**row, "state": "UNKNOWN", "problem": f"the stack doesn't reveal the value of {error}"}
    except (CallError, ValueError) as error:
        return {**row, "state": "UNKNOWN", "problem": str(error)}
    if drift is None:
        return row
    row.update(state=drift.state, fields=[asdict(difference) for difference in drift.differences])
    if require_unchanged is None or drift.state not in ("CHANGED", "MISSING"):
        return row
    if not declared.stack.holds(declaration):
        return {**row, "problem": f"not repaired, the stack is {declared.stack.status}, deploy it again"}
    try:
        streams.configure(declaration.feature, declared.stream_arn, declaration.configuration, before=require_unchanged)
        row["repaired"] = compare(streams, declaration) is None
    except (CallError, StackChangedError) as error:
        row["problem"] = f"not repaired, {error}"
    return row


def _row_of_fleet(declared: Declared) -> dict[str, Any]:
    prefix = declared.name_prefix
    problem = f"not compared, `kinesis-video fleet {prefix}` shows what its last passes found"
    row = _verdict(declared, IMAGE_GENERATION.configuration)
    return {**row, "state": "NOT_COMPARED", "fleet": prefix, "problem": problem}


def _verdict(declared: Declared, configuration: str) -> dict[str, Any]:
    return {
        "stream": declared.stream_arn or None,
        "fleet": None,
        "configuration": configuration,
        "state": "AS_DECLARED",
        "fields": [],
        "repaired": False,
        "problem": None,
    }


def _is_good(row: Mapping[str, Any]) -> bool:
    return row["state"] == "AS_DECLARED" or bool(row["repaired"])


def _table(stack: str, rows: Sequence[dict[str, Any]], fleets: Sequence[dict[str, Any]]) -> str:
    said = []
    shown = [row for row in rows if row["state"] != "AS_DECLARED"]
    if shown:
        lines = [("STREAM", "STATE", "FIELD", "DECLARED", "ACTUAL"), *(line for row in shown for line in _lines(row))]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        is_narrow = sys.stdout.isatty() and max(map(len, table)) > shutil.get_terminal_size().columns
        said += [line for row in shown for line in _stacked(row)] if is_narrow else table
        said += [printable(f"{_name(row)}: {row['problem']}") for row in shown if row["problem"]]
    if rows:
        repaired = sum(row["repaired"] for row in rows)
        also = f", {repaired} of them repaired" if repaired else ""
        said.append(f"{sum(map(_is_good, rows))} of {len(rows)} configurations are as declared{also}")
    said += [printable(f"fleet {row['fleet']}*: {row['problem']}") for row in fleets]
    return "\n".join([*(said or [f"{printable(stack)} declares nothing for any stream"]), ""])


def _lines(row: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Write a stream: a line for each field, the first with its name and its state."""
    name = _name(row)
    state = row["state"] + (", repaired" if row["repaired"] else "")
    fields = row["fields"] or [{"field": row["configuration"], "declared": None, "actual": None}]
    for field in fields:
        yield (name, state, _shown(field["field"]), _shown(field["declared"]), _shown(field["actual"]))
        name = state = ""


def _stacked(row: Mapping[str, Any]) -> Iterator[str]:
    """Write a stream for a terminal that is too narrow for the table."""
    (name, state, *_), *_ = _lines(row)
    yield f"{name}  {state}"
    for _, _, field, declared, actual in _lines(row):
        yield from (f"  {field}", f"    declared  {declared}", f"    actual    {actual}")


def _name(row: Mapping[str, Any]) -> str:
    return printable(row["stream"].split("/")[1]) if row["stream"] else "-"


def _shown(value: Any) -> str:
    return "-" if value is None else printable(str(value))
