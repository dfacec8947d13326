"""Text of unknown origin, made fit for an answer or a log line."""

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
