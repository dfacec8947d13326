"""Repetition, statistics and tables: what every comparison does the same way."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Sample = Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """What a comparison found: the text for the results, and the figures for the plots."""

    text: str
    figures: Any = None


@dataclass(frozen=True)
class Spread:
    """The median of some values, and the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Summarise values."""
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        """Write the median with its quartiles, as in ``2.31 (2.27-2.40)``."""
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


def interleave(
    repetitions: int, cases: Mapping[str, Callable[[], Sample]], progress: str = ""
) -> dict[str, list[Sample]]:
    """Measure the cases in turn, `repetitions` times, each round in an order of its own.

    Whatever else the machine does then meets all of them alike, and a ratio can be taken within a round.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in cases}
    for number in range(repetitions):
        if progress:
            print(f"  {progress}: round {number + 1} of {repetitions}", flush=True)
        for name in random.sample(list(cases), len(cases)):
            samples[name].append(cases[name]())
    return samples


def ratios(of: Sequence[Sample], to: Sequence[Sample], figure: str) -> Spread:
    """Compare a figure of one case with that of another, round by round."""
    return Spread.of(a[figure] / b[figure] for a, b in zip(of, to, strict=True))


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a Markdown table that also reads well as text."""
    lines = [[str(cell) for cell in row] for row in (titles, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


class Process:
    """What a running process has used so far, as Linux tells."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all its threads, also those that have ended; exact where /proc counts in hundredths."""
        return time.clock_gettime(~self._pid << 3 | 2)

    @property
    def peak_memory(self) -> int:
        """The most bytes of memory that it ever had. `ru_maxrss` would begin with what its parent had at the fork."""
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise ProcessLookupError(f"the process {self._pid} has ended")

    def descendants(self) -> list[Process]:
        """List the processes that it has started, and those that they have."""
        found = []
        for task in os.listdir(f"/proc/{self._pid}/task"):
            for pid in Path(f"/proc/{self._pid}/task/{task}/children").read_text().split():
                child = Process(int(pid))
                found += [child, *child.descendants()]
        return found
