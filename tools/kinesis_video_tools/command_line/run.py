"""How a sub-command ends: whatever stops it, with an exit code of the table and without a traceback."""

from __future__ import annotations

import argparse
import re
import traceback
from contextlib import suppress
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from kinesis_video_configuration import one_line
from kinesis_video_configuration.retries import CallError

from .exit_codes import ExitCode
from .failures import CommandError, explain
from .screen import say

_PACKAGES = re.compile("boto3|botocore|kinesis_video_.*")


def run(options: argparse.Namespace) -> int:
    """Run a sub-command, and return its exit code.

    Parameters
    ----------
    options
        What the parser has read.
    """
    try:
        code: int = options.run(options)
    except BrokenPipeError:
        raise
    except (CommandError, CallError, BotoCoreError, ClientError, ResponseParserError) as error:
        return _fail(options.command, explain(error, getattr(options, "region", None)))
    except Exception as error:
        return _fail(options.command, _unexpected(error))
    finally:
        if session := getattr(options, "session", None):
            session.close()
    return code


def _fail(command: str, error: CommandError) -> int:
    with suppress(BrokenPipeError):
        say(f"kinesis-video {command}: {error}", *([f"  → {error.fix}"] if error.fix else []))
    return ExitCode.UNKNOWN


def _unexpected(error: Exception) -> CommandError:
    """Tell an error of boto3, over a setting that it can't use, from one of ours."""
    places = traceback.extract_tb(error.__traceback__)
    packages = [part for place in places for part in Path(place.filename).parts if _PACKAGES.fullmatch(part)]
    said = f"{type(error).__name__}: {one_line(str(error))}"
    if packages[-1] in ("boto3", "botocore"):
        return CommandError(
            f"boto3 can't make a call, {said}",
            "look at --profile, --endpoint-url, the environment's variables AWS_..., and the files that they name",
        )
    where = places[-1]
    return CommandError(
        f"an error of kinesis-video itself, {said}",
        f"report it with this place: {Path(where.filename).name}:{where.lineno} {where.name}",
    )
