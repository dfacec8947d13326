"""Lists the streams of a pass and writes its work list, one line a batch, when no other pass is at work."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from kinesis_video_configuration import IMAGE_GENERATION, timing
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import KinesisVideo
from kinesis_video_contract.fleets import RESOURCE_TYPE
from kinesis_video_handler.ownership import Stack
from kinesis_video_handler.protocol import Request

from .declaration import PHYSICAL_ID, FleetDeclaration, name_of
from .store import Ledger, Store, event_key, folder_of

BATCH_SECONDS = 40
"""What a batch takes if nothing is in its way: the time between two signs of progress."""
MIN_BATCH = 100
MAX_BATCH_BYTES = 200_000
"""A state's input holds 256 KiB, and has more in it than the batch."""
CONCLUSION_SECONDS = 300
"""Kept of the time that CloudFormation waits: for the last batch, and for the steps after it."""
PAGE_SIZE = 10_000

WAIT, WORK, NOTHING, SKIP = "wait", "work", "nothing", "skip"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pass:
    """One execution of the state machine."""

    name: str
    state_machine: str
    request: Request | None
    """The event of CloudFormation that it answers; None if the schedule has begun it."""

    @property
    def kind(self) -> str:
        """What began it."""
        return self.request.request_type if self.request else "Schedule"


class Planner:
    """Plans a pass.

    Parameters
    ----------
    store
        The work bucket.
    kinesis_video, states, cloudformation
        The clients; that of CloudFormation is made when it is needed.
    retries
        How Kinesis Video Streams and CloudFormation are called.
    calls_per_second
        The pace of the workers, which the size of a batch follows from.
    """

    def __init__(
        self,
        store: Store,
        kinesis_video: Any,
        states: Any,
        cloudformation: Callable[[], Any],
        retries: Retries,
        calls_per_second: int,
    ) -> None:
        self._store = store
        self._kinesis_video = kinesis_video
        self._states = states
        self._cloudformation = cloudformation
        self._retries = retries
        self._calls_per_second = calls_per_second

    def plan(self, this: Pass) -> dict[str, Any]:
        """Take the turn and write the work list, or say that the pass has to wait or has nothing to do.

        Raises
        ------
        ValueError
            If the declaration can't be read, or is no configuration.
        CallError
            If the streams can't be listed.
        """
        request = this.request
        if request is not None and request.seconds_left() <= 0:
            raise ValueError("the event is so old that CloudFormation has given it up, so nothing was changed")
        older = self._is_older_running(this)
        if request is None and older:
            return {"go": SKIP}
        # An older pass sees that it has lost its turn, and ends.
        ledger = self._store.change_ledger(lambda before: _after(before, this))
        if older:
            return {"go": WAIT}
        if request is None and ledger.declaration is None:
            return {"go": SKIP}
        if ledger.declaration is not None:
            fleet = FleetDeclaration.parse(ledger.declaration)
            example = fleet.of(f"stream/{fleet.name_prefix}")
            KinesisVideo(self._kinesis_video, self._retries).validate(IMAGE_GENERATION, example)
            return self._write(this, ledger, self._list(fleet))
        assert request is not None
        fleet = FleetDeclaration.parse(request.properties)
        return self._write(this, ledger, self._list_to_remove(fleet, request))

    def _write(self, this: Pass, ledger: Ledger, stream_arns: list[str]) -> dict[str, Any]:
        folder = folder_of(this.name)
        left = this.request.seconds_left() if this.request else inf
        if this.request and left == inf:
            left = timing.SERVICE_TIMEOUT_SECONDS
        end = None if left == inf else timing.since_1970() + left - CONCLUSION_SECONDS
        lines = [
            json.dumps({"pass": this.name, "number": number, "end": end, "streams": batch})
            for number, batch in enumerate(batches(stream_arns, self._calls_per_second))
        ]
        self._store.write_text(f"{folder}work.jsonl", "\n".join(lines))
        plan = {
            "kind": this.kind,
            "begun": timing.since_1970(),
            "streams": len(stream_arns),
            "batches": len(lines),
            "declaration": ledger.declaration,
            "earlier": ledger.earlier,
        }
        self._store.write(f"{folder}plan.json", plan)
        logger.info("planned", extra={"streams": len(stream_arns), "batches": len(lines), "kind": this.kind})
        return {"go": WORK if lines else NOTHING, "key": f"{folder}work.jsonl"}

    def _is_older_running(self, this: Pass) -> bool:
        pages = self._states.get_paginator("list_executions").paginate(
            stateMachineArn=this.state_machine, statusFilter="RUNNING"
        )
        running = {run["name"]: run["startDate"] for page in pages for run in page["executions"]}
        begun = running.pop(this.name, None)
        # One that began at the same moment is older if its name says so, or both would wait.
        return any(begun is None or (start, name) < (begun, this.name) for name, start in running.items())

    def _list(self, fleet: FleetDeclaration) -> list[str]:
        """List the fleet's streams."""
        condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": fleet.name_prefix}
        page: dict[str, Any] = {}
        found: list[str] = []
        while True:
            page = self._retries.call(
                self._kinesis_video, "list_streams", MaxResults=PAGE_SIZE, StreamNameCondition=condition, **page
            )
            found += (stream["StreamARN"] for stream in page["StreamInfoList"])
            if not page.get("NextToken"):
                return [stream_arn for stream_arn in found if fleet.covers(stream_arn)]
            page = {"NextToken": page["NextToken"]}

    def _list_to_remove(self, fleet: FleetDeclaration, request: Request) -> list[str]:
        """List the fleet's streams but those that another resource of the stack has."""
        if fleet.adopts:
            logger.warning("left alone, since `adopt_existing` is True")
            return []
        stack = Stack(request, self._cloudformation, self._retries)
        try:
            held = () if stack.is_deleted() else tuple(_held(stack.others()))
        except CallError as error:
            logger.warning("left alone, CloudFormation can't be asked who has them", extra={"problem": str(error)})
            return []
        return [arn for arn in self._list(fleet) if not any(has(arn) for has in held)]


def batches(stream_arns: Iterable[str], calls_per_second: int) -> Iterator[list[str]]:
    """Divide streams into what a worker does at a time."""
    most = max(MIN_BATCH, calls_per_second * BATCH_SECONDS)
    batch: list[str] = []
    size = 0
    for stream_arn in stream_arns:
        if len(batch) == most or size + len(stream_arn) + 4 > MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(stream_arn)
        size += len(stream_arn) + 4
    if batch:
        yield batch


def event_of(store: Store, request_id: str | None) -> Request | None:
    """Read the event of CloudFormation that began a pass; None if none did, or it is answered."""
    event = store.read(event_key(request_id)) if request_id else None
    return None if event is None else Request.from_event(event)


def _after(before: Ledger, this: Pass) -> Ledger:
    """Give the turn to a pass, and keep what was declared until some pass is complete."""
    if this.request is None:
        return replace(before, turn=this.name)
    declared = FleetDeclaration.parse(this.request.properties).properties
    wanted = None if this.request.request_type == "Delete" else declared
    earlier: list[Mapping[str, Any]] = []
    for properties in (declared, before.declaration, *before.earlier):
        if properties is not None and properties not in earlier:
            earlier.append(properties)
    return Ledger(this.name, wanted, tuple(earlier))


def _held(others: Iterable[Mapping[str, Any]]) -> Iterator[Callable[[str], bool]]:
    for resource in others:
        physical_id = str(resource.get("PhysicalResourceId"))
        if resource["ResourceType"] == RESOURCE_TYPE and physical_id.startswith(PHYSICAL_ID):
            prefix = physical_id.removeprefix(PHYSICAL_ID)
            yield lambda arn, prefix=prefix: name_of(arn).startswith(prefix)  # type: ignore[misc]
        elif resource["ResourceType"] == IMAGE_GENERATION.resource_type:
            yield physical_id.__eq__
