"""The command ``kinesis-video``: one sub-command a file in `kinesis_video_tools.commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

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
        from .commands import doctor, fleet, local, send
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.stderr.write(f"{error.name} is missing; install it with pip install 'cdk-kinesis-video[tools]'\n")
        return 2
    parser = argparse.ArgumentParser(prog="kinesis-video", description="Tools for Amazon Kinesis Video Streams.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    doctor.add_to(commands)
    send.add_to(commands)
    fleet.add_to(commands)
    local.add_to(commands)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
