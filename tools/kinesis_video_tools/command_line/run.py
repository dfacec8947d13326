"""How a sub-command ends: whatever stops it, with an exit code of the table and without a traceback."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_configuration import one_line, printable
from kinesis_video_configuration.retries import CallError

from .exit_codes import ExitCode
from .failures import CommandError, explain


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
    except (CommandError, CallError, BotoCoreError, ClientError) as error:
        return _fail(options.command, explain(error, getattr(options, "region", None)))
    except Exception as error:
        return _fail(options.command, _error_of_ours(error))
    return code


def shows_colour(stream: TextIO) -> bool:
    """Whether a stream takes colours: a terminal that isn't dumb, without NO_COLOR (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _fail(command: str, error: CommandError) -> int:
    lines = [
        f"kinesis-video {command}: {printable(str(error))}",
        *([f"  → {printable(error.fix)}"] if error.fix else []),
    ]
    with suppress(BrokenPipeError):
        sys.stderr.write("\n".join([*lines, ""]))
    return ExitCode.UNKNOWN


def _error_of_ours(error: Exception) -> CommandError:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return CommandError(
        f"an error of kinesis-video itself, {type(error).__name__}: {one_line(str(error))}",
        f"report it with this place: {Path(where.filename).name}:{where.lineno} {where.name}",
    )
