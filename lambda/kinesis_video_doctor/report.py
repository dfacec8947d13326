"""A diagnosis for people."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator

from .findings import Diagnosis, Finding, Status

_SIGNS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.WARNED: "!", Status.UNKNOWN: "?"}
_COLOURS = {Status.PASSED: "32", Status.FAILED: "31", Status.WARNED: "33", Status.UNKNOWN: "36"}
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[^\s,;'\"]*")
# So many checks with the same reason are one line.
_MANY = 4


def report(diagnosis: Diagnosis, *, colour: bool = False, width: int | None = None) -> str:
    """Write a diagnosis as text: a line for each check, grouped, and the verdict at the end.

    Parameters
    ----------
    diagnosis
        What `examine` returns.
    colour
        Whether to colour it for a terminal; the default is False.
    width
        The columns of a terminal: lines are wrapped, each ARN stands once and then its name, and what is to be pasted
        has lines of its own. By default nothing of this is done.
    """
    page = _Page(colour, width)
    page.write(f"{diagnosis.stream} in {diagnosis.account}, {diagnosis.region}")
    group = ""
    told: set[str] = set()
    for finding in diagnosis.findings:
        alike = [one.check for one in diagnosis.findings if (one.status, one.seen) == (finding.status, finding.seen)]
        if finding.seen in told:
            continue
        if finding.group != group:
            group = finding.group
            page.write("")
            page.write(group)
        names = finding.check
        if finding.status == Status.UNKNOWN and len(alike) > _MANY:
            names = f"{len(alike)} checks"
            told.add(finding.seen)
        page.write_finding(finding, names)
    page.write("")
    page.write(diagnosis.sentence)
    if diagnosis.fix:
        page.write_fix(diagnosis.fix, "  → ")
    return "\n".join(page.lines)


def summary(diagnosis: Diagnosis, *, colour: bool = False) -> str:
    """Write a diagnosis as one line, for a list of streams.

    Parameters
    ----------
    diagnosis
        What `examine` returns.
    colour
        Whether to colour it for a terminal; the default is False.
    """
    code = diagnosis.exit_code()
    status = {0: Status.PASSED, 1: Status.FAILED}.get(code, Status.UNKNOWN)
    return f"{_sign(status, colour)} {diagnosis.stream}: {diagnosis.sentence}"


class _Page:
    """The lines of a report."""

    def __init__(self, colour: bool, width: int | None) -> None:
        self.lines: list[str] = []
        self._colour = colour
        self._width = width
        self._arns: set[str] = set()

    def write(self, text: str, begin: str = "", indent: str = "") -> None:
        """Write text, in as many lines as it takes."""
        if self._width is None:
            self.lines.append(f"{begin}{text}")
            return
        short = _ARN.sub(self._short, text)
        room = max(self._width - len(indent), 20)
        wrapped = textwrap.wrap(short, room, break_long_words=False, break_on_hyphens=False) or [""]
        self.lines.append(f"{begin}{wrapped[0]}")
        self.lines += [f"{indent}{line}" for line in wrapped[1:]]

    def write_finding(self, finding: Finding, names: str) -> None:
        """Write what a check has seen, and what to do."""
        self.write(f"{names}: {finding.seen}", f"  {_sign(finding.status, self._colour)} ", "    ")
        if finding.fix:
            self.write_fix(finding.fix, "      → ")

    def write_fix(self, fix: str, begin: str) -> None:
        """Write what to do; on a terminal what is JSON is a line of its own, to be copied in one piece."""
        if self._width is None:
            self.lines.append(f"{begin}{fix}")
            return
        for text, document in _parts(fix):
            if text:
                self.write(text, begin, " " * len(begin))
            if document:
                self.lines.append(document)
            begin = " " * len(begin)

    def _short(self, match: re.Match[str]) -> str:
        arn = match[0]
        if arn not in self._arns:
            self._arns.add(arn)
            return arn
        parts = arn.split(":", 5)
        resource = parts[5] if len(parts) == 6 else arn
        if parts[2] == "s3":
            return resource
        return resource.split("/")[1 if parts[2] == "kinesisvideo" else -1] if "/" in resource else resource


def _sign(status: Status, colour: bool) -> str:
    return f"\033[{_COLOURS[status]}m{_SIGNS[status]}\033[0m" if colour else _SIGNS[status]


def _parts(fix: str) -> Iterator[tuple[str, str]]:
    """Take a text apart into pieces of prose, each with the JSON after it."""
    begin = 0
    while (brace := fix.find('{"', begin)) >= 0:
        try:
            _, end = json.JSONDecoder().raw_decode(fix, brace)
        except ValueError:
            break
        yield fix[begin:brace].strip(), fix[brace:end]
        begin = end + len(";") if fix[end:].startswith(";") else end
    if rest := fix[begin:].strip():
        yield rest, ""
