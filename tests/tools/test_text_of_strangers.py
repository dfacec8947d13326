"""Names that others have chosen are text in commands and pages: they clear no terminal and forge no line."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime

import pytest

from acceptance.run import Finding as Seen
from acceptance.run import table
from kinesis_video_doctor import Diagnosis, Finding, Status, report, summary
from kinesis_video_fleet.outcome import Outcome
from kinesis_video_tools.commands import diff, fleet

HOSTILE = "a\x1b[2J\x07\x00\r\n  ✓ images: forged\u202e\u2028\x9b31m<script>"
NOW = datetime.now(UTC)


def _diff() -> str:
    field = {"field": f"FormatConfig.{HOSTILE}", "declared": HOSTILE, "actual": {HOSTILE: HOSTILE}}
    row = {"configuration": "ImageGenerationConfiguration", "state": "CHANGED", "repaired": False, "fields": [field]}
    stream = f"arn:aws:kinesisvideo:us-east-1:111122223333:stream/{HOSTILE}/1"
    return diff._table(
        HOSTILE, [{**row, "stream": stream, "problem": HOSTILE}], [{"fleet": HOSTILE, "problem": HOSTILE}]
    )


def _doctor() -> str:
    findings = (Finding("images", "images", Status.FAILED, HOSTILE, HOSTILE),)
    diagnosis = Diagnosis(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 5, findings)
    reports = [report(diagnosis), *(report(diagnosis, width=width) for width in range(20, 120)), summary(diagnosis)]
    return "\n".join(reports)


def _acceptance() -> str:
    seen = Seen("a statement", HOSTILE)
    return table([seen], "111122223333", "us-east-1") + seen.seen


def _fleet() -> str:
    named = {f"arn:aws:kinesisvideo:us-east-1:111122223333:stream/{HOSTILE}/1": (HOSTILE, HOSTILE)}
    execution = {"name": HOSTILE, "status": "FAILED", "startDate": NOW, "stopDate": NOW}
    plan = {"kind": HOSTILE, "streams": 1, "begun": 1}
    one = fleet._Pass(execution, plan, {"ended": HOSTILE, "stopped": 2}, Outcome(Counter({HOSTILE: 1}), named), "")
    with redirect_stdout(io.StringIO()) as printed:
        fleet._tell(one.end(HOSTILE), *one.names())
    return printed.getvalue()


@pytest.mark.parametrize("shown", [_diff, _doctor, _acceptance, _fleet])
def test_it_is_printable_where_it_is_shown(shown: Callable[[], str]) -> None:
    text = shown()
    assert r"a\x1b[2J" in text
    assert all(c.isprintable() for c in text.replace("\n", ""))
    assert not re.search("^ *✓ images: forged", text, re.MULTILINE)
