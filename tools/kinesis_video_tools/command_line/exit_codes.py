"""The exit codes of every sub-command."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ends. docs/command-line.md and the help of each sub-command say what it means there."""

    GOOD = 0
    """What was looked at is good, or what was asked for is done."""
    WRONG = 1
    """Something is wrong with what was looked at."""
    UNKNOWN = 2
    """It can't be told: AWS refuses or doesn't answer, the usage is wrong, or kinesis-video itself has an error."""
    INTERRUPTED = 130
    """Ctrl-C, of a command that ends by itself."""


UNKNOWN_MEANS = "it can't be told: AWS refuses or doesn't answer, wrong usage, or an error of kinesis-video itself"
INTERRUPTED_MEANS = "Ctrl-C"


def exit_codes(good: str, wrong: str) -> str:
    """Write the paragraph of a sub-command's help.

    Parameters
    ----------
    good, wrong
        What is true if it exits with 0, and with 1.
    """
    return (
        f"exit code: {ExitCode.GOOD:d} if {good}; {ExitCode.WRONG:d} if {wrong}; {ExitCode.UNKNOWN:d} if "
        f"{UNKNOWN_MEANS}; {ExitCode.INTERRUPTED:d} after {INTERRUPTED_MEANS}"
    )
