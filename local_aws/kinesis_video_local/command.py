"""``kinesis-video local``: an AWS on this machine until Ctrl-C.

The command ``kinesis-video`` finds it by the entry point that pyproject.toml declares.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from typing import TYPE_CHECKING

from kinesis_video_tools.command_line.parser import add_command

from .server import LocalAws, LocalAwsError

if TYPE_CHECKING:
    from kinesis_video_tools.command_line.parser import Commands

_EPILOG = """\
It prints the environment variables that point an AWS SDK and the CDK CLI to it, as lines for a shell. It listens on
127.0.0.1 only, keeps everything in memory, and leaves nothing behind.
"""


def add_to(commands: Commands) -> None:
    """Add the sub-command."""
    parser = add_command(
        commands,
        "local",
        run,
        summary="run an AWS on this machine, with Kinesis Video Streams",
        description="Run an AWS on this machine, with Kinesis Video Streams, until Ctrl-C.",
        epilog=_EPILOG,
        good="Ctrl-C or SIGTERM ended it",
        wrong="it could not start",
    )
    parser.add_argument("--port", type=int, default=4566, help="the port on 127.0.0.1, 0 for a free one (4566)")
    parser.add_argument("--region", default="us-east-1", help="the Region of the printed variables (us-east-1)")
    parser.add_argument("--enforce-iam", action="store_true", help="check IAM policies, with new keys at each start")
    parser.add_argument("--tls", action="store_true", help="listen with TLS as well, on another port")
    parser.add_argument("--tls-port", type=int, default=0, metavar="PORT", help="the port for TLS (a free one)")
    parser.add_argument(
        "--ca",
        metavar="DIR",
        help="keep the issuer of the TLS certificate there, so that a producer continues to trust it (a new one)",
    )
    parser.add_argument(
        "--event-pairs-uncounted",
        action="store_true",
        help="don't count the pairs of image and notification events towards the ten tags of a fragment",
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="allow web pages of this origin to use it, such as http://localhost:3000; can be repeated (none)",
    )


def run(options: argparse.Namespace) -> int:
    """Start, print the variables to set, wait for Ctrl-C or SIGTERM, and return the exit code."""
    # Before the start, so that a signal during it also leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        with LocalAws(
            port=options.port,
            region=options.region,
            enforce_iam=options.enforce_iam,
            tls=options.tls,
            tls_port=options.tls_port,
            ca=options.ca,
            count_event_pairs=not options.event_pairs_uncounted,
            allowed_origins=options.allow_origin,
        ) as aws:
            variables = {**aws.environment, **aws.producer_environment}
            lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
            sys.stdout.write("\n".join([*lines, f"# The log is {aws.log}", "# Ctrl-C stops it", ""]))
            sys.stdout.flush()
            signal.pause()
    except (LocalAwsError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        pass
    return 0
