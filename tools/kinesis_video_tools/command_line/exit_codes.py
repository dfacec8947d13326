"""The exit codes of every sub-command."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ends. docs/command-line.md and the help of each sub-command say what it means there."""

    GOOD = 0
    """The result is good, or the command did what the user asked for."""
    WRONG = 1
    """The result is bad."""
    UNKNOWN = 2
    """The result is not known: AWS refuses or doesn't answer, wrong usage, or an error of kinesis-video itself."""
    INTERRUPTED = 130
    """Ctrl-C, for a command that ends by itself."""


UNKNOWN_MEANS = (
    "the result is not known: AWS refuses or doesn't answer, wrong usage, or an error of kinesis-video itself"
)
INTERRUPTED_MEANS = "Ctrl-C"


def exit_codes(good: str, wrong: str) -> str:
    """Write the paragraph of a sub-command's help.

    Parameters
    ----------
    good, wrong
        The conditions of the exit codes 0 and 1.
    """
    return (
        f"exit code: {ExitCode.GOOD:d} if {good}; {ExitCode.WRONG:d} if {wrong}; {ExitCode.UNKNOWN:d} if "
        f"{UNKNOWN_MEANS}; {ExitCode.INTERRUPTED:d} after {INTERRUPTED_MEANS}"
    )
