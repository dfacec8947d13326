"""Makes text of unknown origin safe for an answer, a log line, a terminal or an email."""

from __future__ import annotations

MAX_REASON_CHARACTERS = 1500


def one_line(text: str, limit: int = MAX_REASON_CHARACTERS) -> str:
    """Make one line of the text, no longer than `limit` characters.

    The beginning says what was called and the end says what to change, so it is cut in the middle.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) <= limit:
        return line
    if limit < 3:
        return line[:limit]
    kept = (limit - 3) // 2
    return f"{line[:kept]}...{line[len(line) - kept :]}"


def printable(text: str) -> str:
    r"""Escape each character that doesn't print, as Python does, such as ``\x1b``.

    Escape sequences, line breaks and marks of writing direction in a name, a key or a tag can then neither clear a
    terminal nor imitate a line of a report. Letters of all scripts and spaces stay.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(value: object) -> str:
    """Format a value for a message, even if Python can't: it is nested too deeply, or has too many digits."""
    try:
        return repr(value)
    except (RecursionError, ValueError):
        return f"too large {'an' if isinstance(value, int) else 'a'} {type(value).__name__} to show"
