"""Every fault of every call, in every kind of event: what CloudFormation is told, and what the stream has then.

The table is faults.csv. Its columns: the event; the operation that fails, how, and how often; then the answer's status,
its physical id, the stream's configuration afterwards, the calls made, the seconds waited (with the longest jitter),
and the answer's reason.
"""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest

from .conftest import DECLARED, DESCRIBE, FOR_EVER, STREAM_ARN, UPDATE, FakeClock, Function, Service

TABLE = Path(__file__).with_name("faults.csv")
ROWS = list(csv.DictReader(TABLE.read_text().splitlines()))

FAULTS = [
    "InvalidArgumentException",
    "ClientLimitExceededException",
    "ResourceNotFoundException",
    "AccessDeniedException",
    "ResourceInUseException",
    "NoDataRetentionException",
    "TooManyRequestsException",
    "InternalFailure",
    "ServiceUnavailable",
    "connection reset",
    "timeout",
    "broken body",
]
CASES = [
    *itertools.product(["create", "update", "delete"], [UPDATE, DESCRIBE], FAULTS, ["once", "3 times", "for ever"]),
    *itertools.product(
        ["create-by-name"], ["DescribeStream"], [*FAULTS, "NotAuthorizedException"], ["once", "3 times", "for ever"]
    ),
]
TIMES = {"once": 1, "3 times": 3, "for ever": FOR_EVER}
BEFORE = {"create": None, "create-by-name": None, "update": {**DECLARED, "SamplingInterval": 1000}, "delete": DECLARED}
AFTER = {"create": DECLARED, "create-by-name": DECLARED, "update": {**DECLARED, "SamplingInterval": 500}}


def keys(row: dict[str, str]) -> tuple[str, ...]:
    return row["event"], row["operation"], row["fault"], row["times"]


def test_the_table_has_every_case_once() -> None:
    assert sorted(keys(row) for row in ROWS) == sorted(CASES)


@pytest.mark.parametrize("row", ROWS, ids=[" ".join(keys(row)) for row in ROWS])
def test_fault(
    function: Function, service: Service, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, row: dict[str, str]
) -> None:
    monkeypatch.setattr("random.uniform", lambda shortest, longest: longest)
    event, operation, fault, times = keys(row)
    before = service.configurations[STREAM_ARN] = BEFORE[event]
    service.fail(operation, fault, TIMES[times])

    answer = function.answer_to(event)

    after = service.configurations[STREAM_ARN]
    happened = {
        "event": event,
        "operation": operation,
        "fault": fault,
        "times": times,
        "status": answer.status,
        "id": "the stream's ARN" if answer.physical_resource_id == STREAM_ARN else answer.physical_resource_id,
        "stream": "none"
        if after is None
        else "as declared"
        if after == AFTER.get(event)
        else "as before"
        if after == before
        else "?",
        "calls": str(sum(service.calls.values())),
        "waited": f"{clock.time:g}",
        "reason": answer.reason or "",
    }
    assert happened == row
    # Before Lambda would stop the function, with the time to send the answer in hand.
    assert clock.time <= 160
