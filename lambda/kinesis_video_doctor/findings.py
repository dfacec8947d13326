"""The findings of the checks, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kinesis_video_configuration import printable

SYMPTOMS = ("fragments", "images")
"""The checks that see that something is missing, but not why."""


# At the start of a wrapped line, such a sign would look like a check.
_SIGNS = {ord(sign): ascii(sign)[1:-1] for sign in "✓✗"}


def _shown(text: str) -> str:
    return printable(text).translate(_SIGNS)


class Status(StrEnum):
    """How a check has ended."""

    PASSED = "passed"
    """The check ran, and found no problem."""
    FAILED = "failed"
    """The check ran, and found a problem that prevents images."""
    WARNED = "warned"
    """The check found a problem that probably prevents images."""
    UNKNOWN = "unknown"
    """It could not be decided; the finding says which permission or option is missing."""


@dataclass(frozen=True)
class Outcome:
    """What a check returns."""

    status: Status
    seen: str
    fix: str = ""
    explains: str = ""
    """The symptom that a warning explains alone, ``fragments`` or ``images``; empty if it explains none."""


def passed(seen: str) -> Outcome:
    """Say that there is no problem."""
    return Outcome(Status.PASSED, seen)


def failed(seen: str, fix: str) -> Outcome:
    """Say that a problem prevents images."""
    return Outcome(Status.FAILED, seen, fix)


def warned(seen: str, fix: str, *, explains: str = "") -> Outcome:
    """Say that a problem probably prevents images, and which symptom it explains alone."""
    return Outcome(Status.WARNED, seen, fix, explains)


def unknown(seen: str, fix: str = "") -> Outcome:
    """Say that the check can't be decided, and what is missing."""
    return Outcome(Status.UNKNOWN, seen, fix)


@dataclass(frozen=True)
class Finding:
    """What one check has found."""

    check: str
    """The name of the check, such as ``may-put-object``. Names stay the same from version to version."""
    group: str
    """The part of an image's path: ``stream``, ``destination``, ``producer``, ``video`` or ``images``."""
    status: Status
    """The result."""
    seen: str
    """The finding, in a sentence without a period."""
    fix: str
    """What to do: the statement, the call or the command; empty if there is nothing to do."""
    explains: str = ""
    """The symptom that a warning explains alone, ``fragments`` or ``images``; empty if it explains none."""

    def __post_init__(self) -> None:
        """Escape unprintable characters: names, keys and tags are untrusted text."""
        for name in "seen", "fix":
            object.__setattr__(self, name, _shown(getattr(self, name)))


@dataclass(frozen=True)
class Diagnosis:
    """The findings of all checks, in the order of an image's path."""

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

    def __post_init__(self) -> None:
        """Write out what doesn't print, as in a finding."""
        for name in "stream", "account", "region":
            object.__setattr__(self, name, _shown(getattr(self, name)))

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

    def _with(self, status: Status) -> list[Finding]:
        return [finding for finding in self.findings if finding.status == status]

    @property
    def verdict(self) -> Finding | None:
        """The first problem to solve: the cause before its symptom.

        It is the first failure that is not a symptom. If only a symptom failed, it is the first warning that explains
        it by itself, or otherwise the symptom. Without a failure it is the first warning, which is only a likely cause;
        None without either.
        """
        failures, warnings = self._with(Status.FAILED), self._with(Status.WARNED)
        causes = [failure for failure in failures if failure.check not in SYMPTOMS]
        explaining = [warning for failure in failures for warning in warnings if warning.explains == failure.check]
        return next(iter([*causes, *explaining, *failures, *warnings]), None)

    @property
    def images_arrive(self) -> bool:
        """Whether nothing failed and an image is known to be of the newest fragments that ask for one."""
        return not self._with(Status.FAILED) and self["images"].status == Status.PASSED

    @property
    def sentence(self) -> str:
        """The verdict in one sentence without a period."""
        verdict = self.verdict
        if self.images_arrive:
            return f"Images arrive: {self['images'].seen}"
        if verdict and self._with(Status.FAILED):
            return f"{verdict.check}: {verdict.seen}"
        if verdict:
            return f"Probably {verdict.check}: {verdict.seen}"
        return f"No check failed, and it is not known whether images arrive: {self.open.seen}"

    @property
    def open(self) -> Finding:
        """The check to decide first if it is not known whether images arrive."""
        unknown = self._with(Status.UNKNOWN)
        return self["images"] if len(unknown) < len(self.findings) else unknown[0]

    @property
    def fix(self) -> str:
        """What to do first; empty if images arrive."""
        return "" if self.images_arrive else (self.verdict or self.open).fix

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
        if self._with(Status.FAILED) or (strict and self._with(Status.WARNED)):
            return 1
        return 0 if self.images_arrive and not (strict and self._with(Status.UNKNOWN)) else 2

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
            "findings": [
                {name: getattr(finding, name) for name in ("check", "group", "status", "seen", "fix")}
                for finding in self.findings
            ],
        }
