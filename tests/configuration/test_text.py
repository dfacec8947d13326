"""Text of unknown origin becomes one line of bounded length."""

from __future__ import annotations

import pytest

from kinesis_video_configuration import one_line, printable
from kinesis_video_configuration.text import MAX_REASON_CHARACTERS


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [
        ("as it is", 100, "as it is"),
        ("two\nlines\r\n and\ta tab\x00", 100, "two lines and a tab"),
        ("  spaces   around ", 100, "spaces around"),
        ("exactly10!", 10, "exactly10!"),
        ("beginning and end", 11, "begi... end"),
        ("beginning and end", 10, "beg...end"),
        ("beginning and end", 4, "..."),
        ("beginning and end", 3, "..."),
        ("beginning and end", 2, "be"),
        ("beginning and end", 0, ""),
        ("", 10, ""),
    ],
)
def test_one_line(text: str, limit: int, line: str) -> None:
    assert one_line(text, limit=limit) == line


def test_the_bound_is_that_of_a_reason() -> None:
    assert len(one_line("x" * 10_000)) == MAX_REASON_CHARACTERS - 1
    assert one_line("x" * MAX_REASON_CHARACTERS) == "x" * MAX_REASON_CHARACTERS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cam-1/ Tür 門 ✓ 🎥", "cam-1/ Tür 門 ✓ 🎥"),
        ("cam\x1b[2J\x1b[31m", r"cam\x1b[2J\x1b[31m"),
        ("cam\r\n  ✓ images: forged", r"cam\r\n  ✓ images: forged"),
        ("cam\u2028\x85\v\0\x7f", r"cam\u2028\x85\x0b\x00\x7f"),
        ("\u202egpj\u202c\u2066\u200f\ufeff", r"\u202egpj\u202c\u2066\u200f\ufeff"),
        ("\ud800\U000e0001", r"\ud800\U000e0001"),
        ("", ""),
    ],
)
def test_what_does_not_print_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
