"""The table of faults, faults.csv, is what happens; `faults` writes it, and says what it has."""

from __future__ import annotations

import csv

import pytest

from kinesis_video_configuration import retries

from .conftest import FakeClock, Function, Service, Stack
from .faults import CASES, FAULTS, OF_CLOUDFORMATION, TABLE, happens

ROWS = list(csv.DictReader(TABLE.read_text().splitlines()))


def keys(row: dict[str, str]) -> tuple[str, ...]:
    return row["event"], row["operation"], row["fault"], row["times"]


def test_the_table_has_every_case_once() -> None:
    assert sorted(keys(row) for row in ROWS) == sorted(CASES)


def test_every_error_that_is_waited_for_is_a_fault() -> None:
    assert {*FAULTS, *OF_CLOUDFORMATION} >= retries.THROTTLED_OR_BUSY | retries.DENIED


@pytest.mark.parametrize("row", ROWS, ids=[" ".join(keys(row)) for row in ROWS])
def test_fault(
    function: Function,
    service: Service,
    stack: Stack,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    row: dict[str, str],
) -> None:
    monkeypatch.setattr("random.uniform", lambda shortest, longest: longest)
    assert happens(keys(row), function, service, stack, clock) == row
    # Before Lambda would stop the function, with the time to send the answer in hand.
    assert clock.time <= 180 - 20


def test_no_row_breaks_what_is_promised() -> None:
    for row in ROWS:
        event, failed, stream = row["event"], row["status"] == "FAILED", row["stream"]
        if row["id"] == "cdk-kinesis-video::create-failed":
            # Its Delete touches nothing, so there is nothing of ours.
            assert stream in ("none", "as before"), row
        if event.startswith(("create", "update")) and not failed and "configured" not in event:
            assert (row["other stream"] or stream) == "as declared", row
        if event == "update-to-another-stream" and failed:
            # The rollback goes back to the stream, and never looks at the other one.
            assert (row["id"], stream, row["other stream"]) == ("the stream", "as before", "none"), row
        if event == "delete" and stream == "none":
            assert not failed, row
        assert bool(row["reason"]) == failed, row
