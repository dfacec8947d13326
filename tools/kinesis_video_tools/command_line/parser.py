"""The parser of the command and of its sub-commands, with help for terminals of any width and the exit codes."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, TypeAlias

_MIN_WIDTH = 38

UNKNOWN_MEANS = (
    "the result is not known: AWS refuses or doesn't answer, wrong usage, or an error of kinesis-video itself"
)
INTERRUPTED_MEANS = "Ctrl-C"


class ExitCode(IntEnum):
    """How a command ends. docs/command-line.md and the help of each sub-command say what it means there."""

    GOOD = 0
    WRONG = 1
    UNKNOWN = 2
    INTERRUPTED = 130


class _Paragraphs(argparse.HelpFormatter):
    """Wraps each paragraph of a text at the terminal's width, and leaves the options to their own list."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=max(_MIN_WIDTH, shutil.get_terminal_size().columns - 2))

    def add_usage(self, usage: str | None, actions: Iterable[argparse.Action], *others: Any, **more: Any) -> None:
        names = [str(action.metavar or action.dest) for action in actions if not action.option_strings]
        line = " ".join([self._prog, "[options]", *names])
        wrapped = textwrap.fill(line, self._width - len("usage: "), subsequent_indent="  ", break_on_hyphens=False)
        super().add_usage(usage or wrapped, actions, *others, **more)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        # A name with hyphens, such as an option's, is not broken.
        wrap = textwrap.TextWrapper(width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        return "\n\n".join(map(wrap.fill, text.strip().split("\n\n"))) + "\n"


class Parser(argparse.ArgumentParser):
    """A parser whose help has paragraphs."""

    good = wrong = ""
    """The conditions of a sub-command's exit codes 0 and 1; empty for the command itself."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", _Paragraphs)
        super().__init__(**options)


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    summary: str,
    description: str,
    epilog: str,
    good: str,
    wrong: str,
) -> Parser:
    """Add a sub-command of ``kinesis-video``; return its parser, to give it arguments.

    Parameters
    ----------
    run
        Runs the command, and returns an `ExitCode`. It can raise `CommandError`, `CallError` and botocore's errors.
    summary
        The line in the list of all sub-commands: a verb and its object, without a period.
    description, epilog
        The sentence at the start of its help, and the paragraphs at its end, to which the exit codes are added.
    good, wrong
        The conditions of the exit codes 0 and 1.
    """
    codes = (
        f"exit code: {ExitCode.GOOD:d} if {good}; {ExitCode.WRONG:d} if {wrong}; {ExitCode.UNKNOWN:d} if "
        f"{UNKNOWN_MEANS}; {ExitCode.INTERRUPTED:d} after {INTERRUPTED_MEANS}"
    )
    parser = commands.add_parser(name, help=summary, description=description, epilog=f"{epilog.strip()}\n\n{codes}")
    parser.set_defaults(run=run, command=name)
    parser.good, parser.wrong = good, wrong
    return parser


def add_json(arguments: argparse._ActionsContainer, what: str) -> None:
    """Add the option that prints the result for programs."""
    arguments.add_argument("--json", action="store_true", help=f"print {what} as JSON, for a program")
