"""Interleaved rounds, and the statistics of them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Sample = Mapping[str, float]
Case = TypeVar("Case")


@dataclass(frozen=True)
class Spread:
    """The median of some values, and the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Summarise values, of which there are at least two."""
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        """Write the median with its quartiles, as in ``2.31 (2.27-2.40)``."""
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


def interleave(repetitions: int, cases: Mapping[Case, Callable[[], Sample]], progress: str) -> dict[Case, list[Sample]]:
    """Measure the cases in turn, `repetitions` times, each round in an order of its own.

    Whatever else the machine does then meets all of them alike, and a ratio can be taken within a round.
    """
    samples: dict[Case, list[Sample]] = {case: [] for case in cases}
    for number in range(repetitions):
        print(f"  {progress}: round {number + 1} of {repetitions}", flush=True)
        for case in random.sample(list(cases), len(cases)):
            samples[case].append(cases[case]())
    return samples


def ratios(samples: Mapping[str, Sequence[Sample]], to: str, figure: str) -> dict[str, Spread]:
    """Compare a figure of every case with that of one of them, round by round."""
    return {
        case: Spread.of(a[figure] / b[figure] for a, b in zip(rounds, samples[to], strict=True))
        for case, rounds in samples.items()
    }
