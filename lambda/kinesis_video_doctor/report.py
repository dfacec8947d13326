"""A diagnosis for people."""

from __future__ import annotations

from .findings import Diagnosis, Finding, Status

_SIGNS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.WARNED: "!", Status.UNKNOWN: "?"}
_COLOURS = {Status.PASSED: "32", Status.FAILED: "31", Status.WARNED: "33", Status.UNKNOWN: "36"}


def report(diagnosis: Diagnosis, *, colour: bool = False) -> str:
    """Write a diagnosis as text: a line for each check, grouped, and the verdict at the end.

    Parameters
    ----------
    diagnosis
        What `examine` returns.
    colour
        Whether to colour it for a terminal; the default is False.
    """
    lines = [f"{diagnosis.stream} in {diagnosis.account}, {diagnosis.region}"]
    group = ""
    for finding in diagnosis.findings:
        if finding.group != group:
            group = finding.group
            lines += ["", group]
        lines += _lines(finding, colour)
    lines += ["", diagnosis.sentence]
    verdict = diagnosis.verdict
    if verdict:
        lines.append(f"  → {verdict.fix}")
    return "\n".join(lines)


def _lines(finding: Finding, colour: bool) -> list[str]:
    sign = _SIGNS[finding.status]
    if colour:
        sign = f"\033[{_COLOURS[finding.status]}m{sign}\033[0m"
    lines = [f"  {sign} {finding.check}: {finding.seen}"]
    if finding.fix:
        lines.append(f"      → {finding.fix}")
    return lines
