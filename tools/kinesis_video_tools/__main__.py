"""The command ``kinesis-video``: one sub-command a file in `kinesis_video_tools.commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

# Distributions add sub-commands by this group of entry points: modules with `add_to`, as those in `commands`.
_COMMANDS = "kinesis_video.commands"
# What the extra `tools` brings.
_EXTRA = ("boto3", "botocore", "h11")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments
        What stands after the command's name; the default is this process's.

    Returns
    -------
    The exit code: 0 for success, 1 for a failure, 2 for wrong arguments,
    130 for Ctrl-C.
    """
    try:
        options = parser().parse_args(arguments)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.stderr.write(f"{error.name} is missing; install it with pip install 'cdk-kinesis-video[tools]'\n")
        return 2
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        return 130
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command and all of its sub-commands."""
    # Only here: they need what the extra `tools` brings.
    from .commands import adopt, diff, doctor, fleet, send

    whole = argparse.ArgumentParser(prog="kinesis-video", description="Tools for Amazon Kinesis Video Streams.")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (doctor, send, adopt, diff, fleet):
        command.add_to(commands)
    others = entry_points(group=_COMMANDS)
    for entry_point in others:
        entry_point.load().add_to(commands)
    if "local" not in others.names:
        # With no character for options, it takes any for an argument.
        local = commands.add_parser(
            "local", help="run an AWS on this machine (needs kinesis-video-local)", add_help=False, prefix_chars="\0"
        )
        local.add_argument("arguments", nargs="*")
        local.set_defaults(run=_without_local_aws)
    return whole


def _without_local_aws(_options: argparse.Namespace) -> int:
    sys.stderr.write("the local AWS is a distribution of its own; install it with pip install kinesis-video-local\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
