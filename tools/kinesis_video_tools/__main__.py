"""The command ``kinesis-video``, with a file for each sub-command in `kinesis_video_tools.commands`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import entry_points, version
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from .command_line.parser import Parser

# Other distributions add sub-commands with this group of entry points: modules with `add_to`, like those in `commands`.
_COMMANDS = "kinesis_video.commands"
# The dependencies of the extra `tools`.
_EXTRA = ("boto3", "botocore", "h11", "shtab", "yaml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments
        The arguments after the command's name; the default is this process's.

    Returns
    -------
    The exit code: 0 if the result is good, 1 if it is bad, 2 if it is not known, 130 for Ctrl-C.
    """
    # Python sets a closed stream to None.
    sys.stdout = sys.stdout or StringIO()
    sys.stderr = sys.stderr or StringIO()
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        with suppress(OSError):
            sys.stderr.write("\n" * sys.stderr.isatty())
        return 130
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            with suppress(OSError):
                sys.stderr.write(f"kinesis-video: the output can't be written: {error.strerror}\n")
        # The reader closed the pipe, as `head` does. Python would report the unwritten rest at exit.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2


def _main(arguments: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        # Escape characters that the encoding of the terminal or pipe lacks, instead of failing.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        from .command_line.failures import run

        whole = parser()
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.stderr.write(f"{error.name} is missing; install it with pip install 'cdk-kinesis-video[tools]'\n")
        return 2
    try:
        options = whole.parse_args(arguments)
        if not hasattr(options, "run"):
            whole.print_help()
            return 0
        return run(options)
    finally:
        # Writing the rest of the buffer can fail on a closed pipe, which can't be handled at exit.
        sys.stdout.flush()


def parser() -> Parser:
    """Return the parser of the command and all of its sub-commands."""
    # Imported here, because they need the extra `tools`.
    import shtab

    from .command_line.parser import Parser
    from .commands import adopt, diff, doctor, fleet, send

    whole = Parser(prog="kinesis-video", description="Tools for Amazon Kinesis Video Streams.")
    whole.add_argument(
        "--version",
        action="version",
        version=f"%(prog)s {version('cdk-kinesis-video')}",
        help="print the version and exit",
    )
    whole.add_argument(
        "--print-completion",
        action=shtab.completion_action(),
        choices=shtab.SUPPORTED_SHELLS,
        metavar="SHELL",
        help=f"print the completion of this command for a shell ({', '.join(shtab.SUPPORTED_SHELLS)}) and exit",
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", prog=whole.prog, parser_class=Parser)
    for command in (doctor, send, adopt, diff, fleet):
        command.add_to(commands)
    others = entry_points(group=_COMMANDS)
    for entry_point in others:
        entry_point.load().add_to(commands)
    if "local" not in others.names:
        # Without a prefix character for options, it accepts everything as an argument.
        local = commands.add_parser(
            "local", help="run an AWS on this machine (needs kinesis-video-local)", add_help=False, prefix_chars="\0"
        )
        local.add_argument("arguments", nargs="*")
        local.set_defaults(run=_without_local_aws, command="local")
    return whole


def _without_local_aws(_options: argparse.Namespace) -> int:
    from .command_line.failures import CommandError

    raise CommandError(
        "the local AWS is a separate distribution", "pip install ./local_aws, in a clone of cdk-kinesis-video"
    )


if __name__ == "__main__":
    sys.exit(main())
