"""Every fault of every call, in every kind of event: the answer to CloudFormation, and the stream's configuration.

`python -m tests.handler.faults` writes the table, faults.csv; read it before you commit it. A row is an outcome, and
names all that lead to it: the event; the operation that fails, how often, and how. FAULT in the reason is its name.
Then come the answer's status, its physical id and `Verified`; the configuration of the stream, and of the other one if
an update goes to another stream; the calls made, the seconds waited (with the longest jitter), and the answer's reason.
After `done, ` the call was carried out, and its reply was lost.
"""

from __future__ import annotations

import csv
import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ..cloudformation import CloudFormation
from .conftest import (
    DECLARED,
    DESCRIBE,
    ENVIRONMENT,
    FOR_EVER,
    IMAGES,
    OTHER_STREAM_ARN,
    STREAM_ARN,
    UPDATE,
    FakeClock,
    Function,
    Service,
    Stack,
    at_the_wire,
)

TABLE = Path(__file__).with_name("faults.csv")

LOST = ["connection reset", "timeout", "broken body"]
# One for each kind: tests/configuration/test_retries.py has all names that are throttled, busy or denied.
FAULTS = [
    "InvalidArgumentException",
    "ResourceNotFoundException",
    "NoDataRetentionException",
    "ClientLimitExceededException",
    "ResourceInUseException",
    "TooManyRequestsException",
    "InternalFailure",
    "no connection",
    *LOST,
    "AccessDeniedException",
    "NotAuthorized",
]
# Of an event that takes over a configuration: another fault has the outcome that it has in another event.
ADOPTING = ["InvalidArgumentException", "timeout", "done, timeout"]
CARRIED_OUT = [f"done, {fault}" for fault in ("InternalFailure", *LOST)]
OF_CLOUDFORMATION = [
    "ValidationError",
    "AccessDenied",
    "Throttling",
    "ServiceUnavailable",
    "no connection",
    *LOST,
]
TIMES = {"once": 1, "3 times": 3, "for ever": FOR_EVER}
EVENTS = ["create", "update", "update-to-another-stream", "delete"]
BACK = ["update rolled back to what is there", "update back to what is there"]
CASES = [
    *itertools.product(EVENTS, [UPDATE], [*FAULTS, *CARRIED_OUT], TIMES),
    *itertools.product(EVENTS, [DESCRIBE], FAULTS, TIMES),
    *itertools.product(["create-adopting", "update-to-another-stream-adopting"], [UPDATE], ADOPTING, TIMES),
    *itertools.product(
        ["update rolled back to what is there", "update back to what is there"], [UPDATE], FAULTS, TIMES
    ),
    *itertools.product(["create-by-name"], ["DescribeStream"], FAULTS, TIMES),
    *itertools.product(["create on a configured stream"], ["ListStackResources"], OF_CLOUDFORMATION, TIMES),
    *itertools.product(["update back to a configured stream"], ["DescribeStacks"], OF_CLOUDFORMATION, TIMES),
    *itertools.product(["delete"], ["DescribeStacks", "ListStackResources"], OF_CLOUDFORMATION, TIMES),
]
FILES = {
    "create on a configured stream": "create",
    "update back to a configured stream": "update-to-another-stream",
    "update rolled back to what is there": "update-rolled-back",
    "update back to what is there": "update-to-another-stream",
}
BEFORE = {
    "update": {**DECLARED, "SamplingInterval": 1000},
    "update-to-another-stream": DECLARED,
    "delete": DECLARED,
    "create on a configured stream": DECLARED,
    "update back to a configured stream": DECLARED,
    "update rolled back to what is there": DECLARED,
    "create-adopting": IMAGES.altered,
    "update-to-another-stream-adopting": IMAGES.altered,
}
CAUSE = ("event", "operation", "times", "faults")
Outcome = dict[str, str]


@contextmanager
def outcomes() -> Iterator[Callable[[tuple[str, ...]], Outcome]]:
    """Run cases, each with its own clock, service and stack."""
    with pytest.MonkeyPatch.context() as patch, CloudFormation.running() as cloudformation:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr("random.uniform", lambda shortest, longest: longest)
        from kinesis_video_handler import clients

        def outcome(case: tuple[str, ...]) -> Outcome:
            clock = FakeClock()
            clock.install(patch)
            service, stack = Service(clock), Stack(clock)
            with ExitStack() as wires:
                wires.enter_context(at_the_wire(clients.kinesis_video, service))
                wires.enter_context(at_the_wire(clients.cloudformation(), stack))
                return _happens(case, Function(service, stack, cloudformation))

        yield outcome


def cases_of(row: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """List the cases that have a row's outcome."""
    faults = row["faults"].split(" | ")
    return ((row["event"], row["operation"], *pair) for pair in itertools.product(faults, row["times"].split(" | ")))


def _happens(case: tuple[str, ...], function: Function) -> Outcome:
    service, stack = function.service, function.stack
    event, operation, fault, times = case
    name = FILES.get(event, event)
    sent = function.event(name)
    own = STREAM_ARN
    service.configurations[own] = BEFORE.get(event)
    target = sent["ResourceProperties"].get("StreamARN", own)
    if event == "create on a configured stream":
        stack.has("AnotherImageGeneration", own)
    if " back " in event:
        stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    if event == "update back to a configured stream":
        stack.has("AnotherImageGeneration", target)
        service.configurations[target] = {**DECLARED, "WidthPixels": 1280}
    elif event == "update back to what is there":
        service.configurations[target] = DECLARED
    elif target == OTHER_STREAM_ARN and event.endswith("adopting"):
        service.configurations[target] = IMAGES.altered
    before = dict(service.configurations)
    endpoint = stack if "Stack" in operation else service
    endpoint.fail(operation, fault, times=TIMES[times])

    answer = function.answer_to(sent)

    declared = {
        **DECLARED,
        "SamplingInterval": int(sent["ResourceProperties"][IMAGES.configuration]["SamplingInterval"]),
    }

    def state(stream_arn: str) -> str:
        after = service.configurations[stream_arn]
        if after is None:
            return "none"
        if after == before[stream_arn]:
            return "as before"
        return "as declared" if after == declared else "?"

    ids = {STREAM_ARN: "the stream", OTHER_STREAM_ARN: "the other stream"}
    reason = answer.reason or ""
    for name, instead in (
        (STREAM_ARN, "THE STREAM"),
        (OTHER_STREAM_ARN, "THE OTHER STREAM"),
        (f" {fault}:", " FAULT:"),
    ):
        reason = reason.replace(name, instead)
    return {
        "status": answer.status,
        "id": ids.get(answer.physical_resource_id, answer.physical_resource_id),
        "verified": answer.data.get("Verified", ""),
        "stream": state(STREAM_ARN),
        "other stream": state(OTHER_STREAM_ARN) if target == OTHER_STREAM_ARN else "",
        "calls": str(sum(service.calls.values()) + sum(stack.calls.values())),
        "waited": f"{function.clock.time:g}",
        "reason": reason,
    }


def rows() -> Iterator[dict[str, str]]:
    """Run every case, and make a row of each outcome."""
    found: dict[tuple[str, ...], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    shown: dict[tuple[str, ...], Outcome] = {}
    with outcomes() as outcome:
        for case in CASES:
            event, operation, fault, times = case
            values = outcome(case)
            key = (event, operation, *values.values())
            found[key][fault].append(times)
            shown[key] = values
    for key, faults in found.items():
        for times in dict.fromkeys(" | ".join(each) for each in faults.values()):
            alike = " | ".join(fault for fault, each in faults.items() if " | ".join(each) == times)
            yield {**dict(zip(CAUSE, (*key[:2], times, alike), strict=True)), **shown[key]}


if __name__ == "__main__":
    logging.disable()
    table = list(rows())
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
