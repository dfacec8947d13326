"""What became of some streams: of a batch, of a pass, or of new streams."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from kinesis_video_contract.fleets import EQUAL, GONE, NO_FAILURES, NOT_TRIED, REMOVED, SET

from .declaration import name_of
from .store import Store, folder_of, work_key

logger = logging.getLogger(__name__)


@dataclass
class Outcome:
    """How many streams have which outcome, and which of them were not set."""

    counts: Counter[str] = field(default_factory=Counter)
    named: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By their ARNs the streams that were not set: the outcome, or the service's name of the error, and a message."""
    again: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The streams that are not in `counts`, since another attempt may succeed; with the failure of this one."""

    @classmethod
    def read(cls, store: Store, name: str, *, running: bool = False) -> Outcome:
        """Read the reports of a pass. Unless it is running, streams of batches without a report were not tried."""
        whole = cls()
        lists = (store.read(work_key(name, attempt)) or [] for attempt in (1, 2))
        planned = {batch["number"]: batch["streams"] for batches in lists for batch in batches}
        # By their numbers: a second attempt comes after the first.
        for report in store.all(f"{folder_of(name)}reports/"):
            tried = planned.pop(report["number"], ())
            whole.add_all(tried, cls(Counter(report["counts"]), report["named"], report["again"]))
        if not running:
            whole.give_up()
            for stream_arn in (arn for streams in planned.values() for arn in streams):
                if stream_arn not in whole.named:
                    whole.add(stream_arn, NOT_TRIED, "its batch has not reported")
        return whole

    def add(self, stream_arn: str, outcome: str, text: str = "") -> None:
        """Add one stream."""
        self.counts[outcome] += 1
        if outcome not in (SET, REMOVED, EQUAL, GONE):
            self.named[stream_arn] = (outcome, text)

    def add_all(self, tried: list[str], other: Outcome) -> None:
        """Add streams, some of which may have been tried before."""
        for stream_arn in tried:
            self.again.pop(stream_arn, None)
        self.counts += other.counts
        self.named |= other.named
        self.again |= other.again

    def give_up(self) -> None:
        """Count as failed what would be tried again."""
        for stream_arn, failure in self.again.items():
            self.add(stream_arn, *failure)
        self.again.clear()

    def log(self) -> None:
        """Log the counts, and each failure."""
        logger.info("worked", extra={"counts": dict(self.counts)})
        for stream_arn, (outcome, text) in (*self.named.items(), *self.again.items()):
            if text:
                logger.error("not set", extra={"stream": stream_arn, "outcome": outcome, "problem": text})

    @property
    def failures(self) -> Counter[str]:
        """How many streams failed, by the cause."""
        return Counter({cause: count for cause, count in self.counts.items() if cause not in NO_FAILURES})

    @property
    def failed(self) -> dict[str, str]:
        """The causes of the streams that failed, by their ARNs."""
        return {arn: text or found for arn, (found, text) in self.named.items() if found not in NO_FAILURES}

    def by_outcome(self) -> dict[str, Any]:
        """Name the streams that were not set: those that failed each with its cause, the others in lists."""
        told: dict[str, Any] = {}
        for stream_arn, (outcome, text) in self.named.items():
            if outcome in NO_FAILURES:
                told.setdefault(outcome, []).append(name_of(stream_arn))
            else:
                told.setdefault("failed", {})[name_of(stream_arn)] = text or outcome
        return told

    def unfinished(self) -> list[str]:
        """List the ARNs of the streams that may still have an earlier declaration."""
        return sorted(arn for arn, (outcome, text) in self.named.items() if outcome not in NO_FAILURES or text)
