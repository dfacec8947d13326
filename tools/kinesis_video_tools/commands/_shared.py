"""What the sub-commands share: how each is added, and the account that it looks at."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    summary: str,
    description: str,
    epilog: str,
) -> argparse.ArgumentParser:
    """Add a sub-command of ``kinesis-video``; return its parser, to give it arguments. `run` returns the exit code."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_account(arguments: argparse._ActionsContainer, of: str) -> None:
    """Add the arguments that say in which account and Region something is."""
    arguments.add_argument("--region", help=f"the Region of the {of}")
    arguments.add_argument("--profile", help="the profile of your AWS configuration")


def session_of(options: argparse.Namespace, region: str | None = None) -> boto3.Session:
    """Return a session in that account, by default in this Region."""
    return boto3.Session(region_name=options.region or region, profile_name=options.profile)
