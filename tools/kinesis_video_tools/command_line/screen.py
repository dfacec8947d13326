"""Output on a terminal: colours, a progress line, and text that fits the width."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import TextIO

from kinesis_video_configuration import printable

_CLEARED = "\r\033[K"


def shows_colour(stream: TextIO) -> bool:
    """Return whether to use colours: on a terminal that isn't dumb, without NO_COLOR (https://no-color.org)."""
    return _is_terminal(stream) and not os.environ.get("NO_COLOR")


def show_progress(text: str = "") -> None:
    """Show a line on standard error that the next one replaces; without text, clear it.

    Without a terminal it does nothing. The line is cut at the terminal's width, since only one row is replaced.
    """
    if _is_terminal(sys.stderr):
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"{_CLEARED}{printable(text)[:width]}")
        sys.stderr.flush()


def say(*lines: str) -> None:
    """Print permanent lines on standard error, wrapped at the width of a terminal.

    Each line is made printable, since it can contain untrusted text. Rows after the first are indented.
    """
    show_progress()
    if _is_terminal(sys.stderr):
        lines = tuple(row for line in lines for row in _wrapped(line, shutil.get_terminal_size().columns))
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    sys.stderr.flush()


def _wrapped(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    # A name or a URL is not broken, so that it can be copied.
    wrap = textwrap.TextWrapper(width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return wrap.wrap(printable(line)) or [""]


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"
