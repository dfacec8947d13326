"""``kinesis-video adopt``: an app that declares the configurations that streams have already."""

from __future__ import annotations

import argparse
import codecs
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kinesis_video_configuration import FRAGMENT_NOTIFICATION, IMAGE_GENERATION
from kinesis_video_configuration.retries import CallError, Retries, pages
from kinesis_video_configuration.service import KinesisVideo, create_client

from ..adoption import DEFAULT_STACK_NAME, ExistingStream, NothingToAdoptError, write_app
from ..command_line.account import Patience, add_account, session_of
from ..command_line.parser import Commands, ExitCode, add_command
from ..command_line.screen import say, show_progress
from ..owners import Owners

_SECONDS = 3600.0
"""For a large account: all callers share 50 calls a second."""

_EPILOG = """\
Redirect the output into a file, such as images_stack.py. The app imports the streams and takes over their
configurations, so its first deployment changes nothing, and deleting its stack leaves everything. Streams with the same
settings become one loop. A configuration is a comment if it can't be declared, can't be read, or is declared by another
deployed stack already. The app has one stack; split many streams by --prefix, each part with its own --stack-name.

The command calls ListStreams, DescribeImageGenerationConfiguration and DescribeNotificationConfiguration, and
CloudFormation's ListStacks and ListStackResources.
"""
_STACK_NAME = re.compile("[A-Za-z][A-Za-z0-9-]{0,127}")


def add_to(commands: Commands) -> None:
    """Add the sub-command."""
    parser = add_command(
        commands,
        "adopt",
        run,
        summary="print a CDK app that declares the configurations of existing streams",
        description="Print a CDK app that declares the configurations of the streams of an account and Region.",
        epilog=_EPILOG,
        good="the app is printed",
        wrong="nothing can be adopted, or there is too much for a stack",
    )
    parser.add_argument("--prefix", help="the prefix of the streams' names, such as cam-")
    parser.add_argument(
        "--stack-name",
        type=_stack_name,
        default=DEFAULT_STACK_NAME,
        metavar="NAME",
        help=f"the name of the app's stack ({DEFAULT_STACK_NAME})",
    )
    add_account(parser, "streams")


def run(options: argparse.Namespace) -> int:
    """Read the streams, print the app, and return the exit code."""
    session = session_of(options)
    retries = Patience(_SECONDS)
    show_progress("the resources of all stacks ...")
    owners = Owners.read(create_client(session, "cloudformation"), retries, options.stack_name)
    streams: list[ExistingStream] = []
    for stream in _read(create_client(session), retries, options.prefix, owners):
        streams.append(stream)
        show_progress(f"{len(streams)} streams ...")
    show_progress()
    try:
        code, left_out = write_app(streams, options.stack_name)
    except NothingToAdoptError as error:
        _say(str(error), error.left_out)
        return ExitCode.UNKNOWN if any(stream.problem for stream in streams) else ExitCode.WRONG
    except ValueError as error:
        _say(str(error), ())
        return ExitCode.WRONG
    sys.stdout.write(_in_utf_8(code, sys.stdout.encoding))
    if left_out:
        _say(f"{len(left_out)} left out:", left_out)
    return ExitCode.GOOD


def _in_utf_8(code: str, encoding: str | None) -> str:
    """Escape what another encoding would write otherwise: Python reads the file as UTF-8, also on Windows."""
    is_utf_8 = codecs.lookup(encoding or "ascii").name == "utf-8"
    return code if is_utf_8 else code.encode("ascii", "backslashreplace").decode()


def _say(sentence: str, left_out: Sequence[str]) -> None:
    say(sentence, *(f"  {each}" for each in left_out))


def _read(client: Any, retries: Retries, prefix: str | None, owners: Owners) -> Iterator[ExistingStream]:
    condition = (
        {"StreamNameCondition": {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": prefix}} if prefix else {}
    )
    streams = KinesisVideo(client, retries)
    for page in pages(partial(retries.call, client, "list_streams"), MaxResults=1000, **condition):
        for info in page["StreamInfoList"]:
            stream = ExistingStream(
                name=info.get("StreamName", ""),
                arn=info.get("StreamARN", ""),
                # The API may omit it if it is 0.
                data_retention_in_hours=info.get("DataRetentionInHours", 0),
            )
            try:
                yield replace(
                    stream,
                    image_generation=streams.configuration(IMAGE_GENERATION, stream.arn),
                    notification=streams.configuration(FRAGMENT_NOTIFICATION, stream.arn),
                    declared_by=owners.of(stream),
                )
            except CallError as error:
                yield replace(stream, problem=f"it can't be read, {error}")


def _stack_name(text: str) -> str:
    if not _STACK_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a stack name; give 1 to 128 of a-z A-Z 0-9 -, starting with a letter"
        )
    return text
