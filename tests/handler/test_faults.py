"""The handler does what faults.csv has; `faults` writes that table and describes it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator

import pytest

from .faults import CASES, CAUSE, TABLE, Outcome, cases_of, outcomes

ROWS = list(csv.DictReader(TABLE.read_text().splitlines()))


@pytest.fixture(scope="module")
def outcome() -> Iterator[Callable[[tuple[str, ...]], Outcome]]:
    with outcomes() as found:
        yield found


def test_the_table_has_every_case_once() -> None:
    assert sorted(case for row in ROWS for case in cases_of(row)) == sorted(CASES)


@pytest.mark.parametrize("row", ROWS, ids=[" ".join(row[name] for name in CAUSE)[:100] for row in ROWS])
def test_fault(outcome: Callable[[tuple[str, ...]], Outcome], row: dict[str, str]) -> None:
    expected = {name: value for name, value in row.items() if name not in CAUSE}
    for case in cases_of(row):
        assert outcome(case) == expected, case


def test_no_answer_is_late() -> None:
    # Lambda stops the function after 180 s, and sending the answer takes up to 32 s.
    assert max(float(row["waited"]) for row in ROWS) <= 148


def test_no_row_breaks_what_is_promised() -> None:
    for row in ROWS:
        event, failed, stream = row["event"], row["status"] == "FAILED", row["stream"]
        if row["id"] == "cdk-kinesis-video::create-failed" and event != "create-adopting":
            # Its Delete touches nothing, so it must have left nothing; what an adoption may have left, the reason says.
            assert stream in ("none", "as before"), row
        if event.endswith("back to what is there"):
            # The stream has what it had before.
            assert (row["status"], row["other stream"] or stream) == ("SUCCESS", "as before"), row
        elif event.startswith(("create", "update")) and not failed and "configured" not in event:
            assert (row["other stream"] or stream) == "as declared", row
        if event == "update-to-another-stream" and failed:
            # The rollback returns to the stream, and never looks at the other one.
            assert (row["id"], stream, row["other stream"]) == ("the stream", "as before", "none"), row
        if event.endswith("adopting") and failed and "as declared" in (stream, row["other stream"]):
            assert row["reason"].endswith(" may have the configuration all the same"), row
        if event == "delete" and stream == "none":
            assert not failed, row
        assert bool(row["reason"]) == failed, row
