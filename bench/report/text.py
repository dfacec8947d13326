"""Tables and paragraphs of the results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from tabulate import tabulate

from ..machinery.rounds import Sample, ratios

_LONGEST_REASON = 120


def paragraphs(*texts: str) -> str:
    """Write paragraphs and tables in Markdown, without those that are empty."""
    return "\n\n".join(text for text in texts if text)


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a Markdown table that also reads well as text."""
    return tabulate([[str(cell) for cell in row] for row in rows], titles, tablefmt="github", disable_numparse=True)


def comparison(samples: Mapping[str, Sequence[Sample]], to: str, figures: Iterable[str]) -> str:
    """Write a table of every tool's figures as multiples of those of one of them."""
    columns = {figure: ratios(samples, to, figure) for figure in figures}
    rows = ([tool, *("1" if tool == to else column[tool] for column in columns.values())] for tool in samples)
    return table(["tool", *columns], rows)


def short(reason: str) -> str:
    """Cut a reason to what fits a table, without the names that differ from run to run."""
    line = " ".join(reason.split())
    line = re.sub(r"arn:aws:\S+/\d+", "(the stream)", line)
    line = re.sub(r"http://127\.0\.0\.1:\d+", "(the service)", line)
    line = re.sub(r"(?<=[\s(])/\S+/", "", line)
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]} ..."
