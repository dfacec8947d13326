"""Every fault of every call, in every kind of event: what CloudFormation is told, and what the stream has then.

`python -m tests.handler.faults` writes the table, faults.csv; read it before you commit it. Its columns: the event; the
operation that fails, how, and how often; then the answer's status, its physical id and `Verified`; the configuration of
the stream, and of the other one if an update goes to another stream; the calls made, the seconds waited (with the
longest jitter), and the answer's reason. After `done, ` the call was carried out, and its reply was lost.
"""

from __future__ import annotations

import csv
import itertools
import logging
from collections.abc import Iterator
from contextlib import ExitStack
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

DENIED = [
    "AccessDeniedException",
    "NotAuthorizedException",
    "InvalidClientTokenIdException",
    "UnrecognizedClientException",
]
LOST = ["connection reset", "timeout", "broken body"]
FAULTS = [
    "InvalidArgumentException",
    "ResourceNotFoundException",
    "NoDataRetentionException",
    "ClientLimitExceededException",
    "ResourceInUseException",
    "TooManyRequestsException",
    "ThrottlingException",
    "LimitExceededException",
    "RequestLimitExceeded",
    "InternalFailure",
    "ServiceUnavailable",
    "no connection",
    *LOST,
    *DENIED,
]
CARRIED_OUT = [f"done, {fault}" for fault in ("InternalFailure", *LOST)]
OF_CLOUDFORMATION = [
    "ValidationError",
    "AccessDenied",
    "InvalidClientTokenId",
    "Throttling",
    "ServiceUnavailable",
    *LOST,
]
TIMES = {"once": 1, "3 times": 3, "for ever": FOR_EVER}
EVENTS = ["create", "update", "update-to-another-stream", "delete"]
CASES = [
    *itertools.product(EVENTS, [UPDATE], [*FAULTS, *CARRIED_OUT], TIMES),
    *itertools.product(EVENTS, [DESCRIBE], FAULTS, TIMES),
    *itertools.product(["create-by-name"], ["DescribeStream"], FAULTS, TIMES),
    *itertools.product(["create on a configured stream"], ["ListStackResources"], OF_CLOUDFORMATION, TIMES),
    *itertools.product(["update back to a configured stream"], ["DescribeStacks"], OF_CLOUDFORMATION, TIMES),
    *itertools.product(["delete"], ["DescribeStacks", "ListStackResources"], OF_CLOUDFORMATION, TIMES),
]
FILES = {
    "create on a configured stream": "create",
    "update back to a configured stream": "update-to-another-stream",
}
BEFORE = {
    "update": {**DECLARED, "SamplingInterval": 1000},
    "update-to-another-stream": DECLARED,
    "delete": DECLARED,
    "create on a configured stream": DECLARED,
    "update back to a configured stream": DECLARED,
}


def happens(
    case: tuple[str, ...], function: Function, service: Service, stack: Stack, clock: FakeClock
) -> dict[str, str]:
    """Let the case happen, and return its row of the table."""
    event, operation, fault, times = case
    name = FILES.get(event, event)
    sent = function.event(name)
    own = STREAM_ARN
    service.configurations[own] = BEFORE.get(event)
    target = sent["ResourceProperties"].get("StreamARN", own)
    if event == "create on a configured stream":
        stack.has("AnotherImageGeneration", own)
    if event == "update back to a configured stream":
        stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        stack.has("AnotherImageGeneration", target)
        service.configurations[target] = {**DECLARED, "WidthPixels": 1280}
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
    return {
        "event": event,
        "operation": operation,
        "fault": fault,
        "times": times,
        "status": answer.status,
        "id": ids.get(answer.physical_resource_id, answer.physical_resource_id),
        "verified": answer.data.get("Verified", ""),
        "stream": state(STREAM_ARN),
        "other stream": state(OTHER_STREAM_ARN) if target == OTHER_STREAM_ARN else "",
        "calls": str(sum(service.calls.values()) + sum(stack.calls.values())),
        "waited": f"{clock.time:g}",
        "reason": (answer.reason or "").replace(STREAM_ARN, "THE STREAM").replace(OTHER_STREAM_ARN, "THE OTHER STREAM"),
    }


def rows() -> Iterator[dict[str, str]]:
    """Let every case happen."""
    with pytest.MonkeyPatch.context() as patch, CloudFormation.running() as cloudformation:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr("random.uniform", lambda shortest, longest: longest)
        from kinesis_video_handler import clients

        for case in CASES:
            clock = FakeClock()
            clock.install(patch)
            service, stack = Service(clock), Stack(clock)
            with ExitStack() as wires:
                wires.enter_context(at_the_wire(clients.kinesis_video, service))
                wires.enter_context(at_the_wire(clients.cloudformation(), stack))
                yield happens(case, Function(cloudformation), service, stack, clock)


if __name__ == "__main__":
    logging.disable()
    found = list(rows())
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, found[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
