"""What the checks find, and what follows from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a check has ended."""

    PASSED = "passed"
    """It was looked at, and is as it has to be."""
    FAILED = "failed"
    """It was looked at, and keeps images away."""
    WARNED = "warned"
    """It is likely to keep images away."""
    UNKNOWN = "unknown"
    """It could not be decided; the finding says which right or option is missing."""


@dataclass(frozen=True)
class Outcome:
    """What a check returns."""

    status: Status
    seen: str
    fix: str = ""


def passed(seen: str) -> Outcome:
    """Say that it is as it has to be."""
    return Outcome(Status.PASSED, seen)


def failed(seen: str, fix: str) -> Outcome:
    """Say that it keeps images away."""
    return Outcome(Status.FAILED, seen, fix)


def warned(seen: str, fix: str) -> Outcome:
    """Say that it is likely to keep images away."""
    return Outcome(Status.WARNED, seen, fix)


def unknown(seen: str, fix: str = "") -> Outcome:
    """Say that it can't be decided, and what is missing."""
    return Outcome(Status.UNKNOWN, seen, fix)


@dataclass(frozen=True)
class Finding:
    """What one check has found."""

    check: str
    """The name of the check, such as ``may-put-object``. Names stay the same from version to version."""
    group: str
    """The part of an image's way: ``stream``, ``destination``, ``producer``, ``video`` or ``images``."""
    status: Status
    """How it has ended."""
    seen: str
    """What was seen, in a sentence without a period."""
    fix: str
    """What to do: the statement, the call or the command; empty if there is nothing to do."""


@dataclass(frozen=True)
class Diagnosis:
    """What all checks have found, in the order of an image's way."""

    stream: str
    """The name of the stream."""
    account: str
    """The account that was asked."""
    region: str
    """The Region that was asked."""
    producer: str | None
    """The ARN of the role or user that calls PutMedia, if it was given or found."""
    minutes: int
    """How far back video and images were looked for."""
    findings: tuple[Finding, ...]
    """One for each check."""

    def __getitem__(self, check: str) -> Finding:
        """Return the finding of a check.

        Raises
        ------
        KeyError
            If no check has this name.
        """
        for finding in self.findings:
            if finding.check == check:
                return finding
        raise KeyError(check)

    @property
    def verdict(self) -> Finding | None:
        """The first failure along the way; without one the first warning, which is likely only; None without either."""
        for status in Status.FAILED, Status.WARNED:
            for finding in self.findings:
                if finding.status == status:
                    return finding
        return None

    @property
    def images_arrive(self) -> bool:
        """Whether nothing failed and the newest image is as new as the newest tagged fragment."""
        failures = [finding for finding in self.findings if finding.status == Status.FAILED]
        return not failures and self["images"].status == Status.PASSED

    @property
    def sentence(self) -> str:
        """The verdict in one sentence without a period."""
        verdict = self.verdict
        if verdict and verdict.status == Status.FAILED:
            return f"{verdict.check}: {verdict.seen}"
        if self.images_arrive:
            return f"Images arrive: {self['images'].seen}"
        if verdict:
            return f"Probably {verdict.check}: {verdict.seen}"
        open_ones = ", ".join(finding.check for finding in self.findings if finding.status == Status.UNKNOWN)
        return f"No check failed, and these could not be decided: {open_ones}"

    def exit_code(self, *, strict: bool = False) -> int:
        """Return what the command exits with.

        Parameters
        ----------
        strict
            Whether a warning counts as a failure, and whatever could not be decided as undecided.

        Returns
        -------
        0 if images arrive, 1 if a check failed, 2 if none failed and it is still not known whether images arrive.
        """
        statuses = {finding.status for finding in self.findings}
        if Status.FAILED in statuses or (strict and Status.WARNED in statuses):
            return 1
        return 0 if self.images_arrive and not (strict and Status.UNKNOWN in statuses) else 2

    def as_json(self) -> dict[str, Any]:
        """Return it in the form of ``diagnosis.schema.json``, which lies beside this module."""
        verdict = self.verdict
        return {
            "stream": self.stream,
            "account": self.account,
            "region": self.region,
            "producer": self.producer,
            "minutes": self.minutes,
            "images_arrive": self.images_arrive,
            "verdict": verdict and verdict.check,
            "sentence": self.sentence,
            "findings": [asdict(finding) for finding in self.findings],
        }
