"""What came of the streams of a pass: the reports of its batches, and by the work list what none has reported."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kinesis_video_contract.fleets import NO_FAILURES, NOT_TRIED

from .declaration import name_of
from .store import Store, folder_of


@dataclass(frozen=True)
class Outcome:
    """Of a pass that has a plan."""

    counts: Counter[str]
    named: Mapping[str, tuple[str, str]]
    """By their ARNs the streams that were not set: what came of each, or the service's name of the error, and why."""

    @classmethod
    def read(cls, store: Store, name: str, *, running: bool = False) -> Outcome:
        """Read the reports. While the pass is running, what is not reported is not counted."""
        counts: Counter[str] = Counter()
        named: dict[str, tuple[str, str]] = {}
        again: dict[str, tuple[str, str]] = {}
        folder = folder_of(name)
        reported = set()
        for report in store.all(f"{folder}reports/"):
            counts.update(report["counts"])
            named.update({arn: tuple(found) for arn, found in report["named"].items()})
            again.update({arn: tuple(found) for arn, found in report["again"].items()})
            reported.add(report["number"])
        if running:
            return cls(counts, named)
        lost: dict[str, tuple[str, str]] = {}
        second: set[str] = set()
        for number in (1, 2):
            for line in (store.read_text(f"{folder}work-{number}.jsonl") or "").splitlines():
                batch = json.loads(line)
                second.update(batch["streams"] if number == 2 and batch["number"] in reported else ())
                if number == 1 and batch["number"] not in reported:
                    lost |= dict.fromkeys(batch["streams"], (NOT_TRIED, "its batch has not reported"))
        lost |= {arn: failure for arn, failure in again.items() if arn not in second}
        counts.update(outcome for outcome, _ in lost.values())
        return cls(counts, {**named, **lost})

    @property
    def failures(self) -> Counter[str]:
        """How many streams failed, by the cause."""
        return Counter({cause: count for cause, count in self.counts.items() if cause not in NO_FAILURES})

    def by_outcome(self) -> dict[str, Any]:
        """Name the streams for people: those that failed each with its cause, the others in lists."""
        told: dict[str, Any] = {}
        for stream_arn, (outcome, text) in self.named.items():
            if outcome in NO_FAILURES:
                told.setdefault(outcome, []).append(name_of(stream_arn))
            else:
                told.setdefault("failed", {})[name_of(stream_arn)] = text or outcome
        return told

    def unfinished(self) -> list[str]:
        """List the ARNs of the streams that may have an earlier declaration yet."""
        return sorted(arn for arn, (outcome, text) in self.named.items() if outcome not in NO_FAILURES or text)
