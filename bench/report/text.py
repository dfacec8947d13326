"""Tables and paragraphs of the results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from ..machinery.rounds import Sample, ratios

_LONGEST_REASON = 120


@dataclass(frozen=True)
class Result:
    """What a comparison found: paragraphs and tables for the results."""

    paragraphs: Sequence[str]

    def __str__(self) -> str:
        """Write the paragraphs in Markdown."""
        return "\n\n".join(paragraph for paragraph in self.paragraphs if paragraph)


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
    for pattern, name in (
        (r"arn:aws:\S+/\d+", "(the stream)"),
        (r"http://127\.0\.0\.1:\d+", "(the service)"),
        (r"(?<=[\s(])/\S+/", ""),
    ):
        line = re.sub(pattern, name, line)
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]} ..."
