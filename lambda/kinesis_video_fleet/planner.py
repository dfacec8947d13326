"""Takes the turn for a pass, lists its streams and writes its work list, an array of batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_configuration import IMAGE_GENERATION, timing
from kinesis_video_configuration.retries import CallError, Retries, pages
from kinesis_video_configuration.service import KinesisVideo
from kinesis_video_contract.fleets import PHYSICAL_ID, RESOURCE_TYPE
from kinesis_video_handler.ownership import Stack
from kinesis_video_handler.protocol import Request

from .declaration import FleetDeclaration, name_of
from .outcome import Outcome
from .store import Earlier, Ledger, Store, Turn, event_key, folder_of, work_key
from .worker import LONGEST_UNSEEN_SECONDS

BATCH_SECONDS = 40
"""How long a batch takes if all goes well: the time between two signs of life."""
MIN_BATCH = 100
"""So many streams fit into one function's time even if each call of each runs into its timeout."""
MAX_BATCH_BYTES = 200_000
"""A state's input holds 256 KiB, which is more than the batch."""
CONCLUSION_SECONDS = 300
"""Kept of the time that CloudFormation waits: for the last batch, and for the steps after it."""
SETTLE_SECONDS = LONGEST_UNSEEN_SECONDS + 1.5 + timing.CALL_SECONDS
"""How long after a pass has lost its turn its last call ends: it may have waited for the pace."""
SEEN_SECONDS = 60
"""How long Step Functions may not know an execution after its start."""
LONGEST_PASS_SECONDS = 86_400
"""A scheduled pass that takes longer hangs, since its workers are bounded; others no longer wait for it."""
MAX_EARLIER, MAX_UNFINISHED = 10, 10_000
"""How many earlier declarations are kept, and for how many streams each is kept by name."""
PAGE_SIZE = 10_000

WAIT, WORK, NOTHING, SKIP = "wait", "work", "nothing", "skip"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pass:
    """One execution of the state machine."""

    name: str
    execution: str
    """Its ARN."""
    store: Store
    cloudformation: Callable[[], Any]
    retries: Retries
    """How CloudFormation and Kinesis Video Streams are called."""
    request: Request | None = None
    """The event of CloudFormation that it answers; None if it has none, such as a scheduled one."""
    arrived: float = 0
    """When that event arrived."""

    def with_event(self, name: str) -> Pass:
        """Read the event that it answers, unless it is answered."""
        kept = self.store.read(event_key(name))
        return (
            self if kept is None else replace(self, request=Request.from_event(kept["event"]), arrived=kept["arrived"])
        )

    @property
    def kind(self) -> str:
        """The type of the event."""
        return self.request.request_type if self.request else "Schedule"

    @property
    def sent(self) -> tuple[float, ...]:
        """When the event was sent, by its URL if that has a date; then when it arrived."""
        return (round(self.until) - self.request.service_timeout(), self.arrived) if self.request else ()

    @property
    def until(self) -> float:
        """When others no longer wait for this pass: CloudFormation, or a scheduled pass."""
        if self.request is None:
            return timing.since_1970() + LONGEST_PASS_SECONDS
        left = self.request.seconds_left()
        return self.arrived + self.request.service_timeout() if left == inf else timing.since_1970() + left


class SkipError(Exception):
    """The pass has nothing to do; the message says why."""


def plan(this: Pass, kinesis_video: Any, states: Any, calls_per_second: int) -> dict[str, Any]:
    """Take the turn and write the work list, or say that the pass has to wait or has nothing to do.

    The pace of the workers determines the size of a batch. It raises an error if the declaration can't be read or is no
    configuration, or if the streams can't be listed.
    """
    if this.request is not None and this.until <= timing.since_1970():
        raise ValueError("the event is so old that CloudFormation has given it up, so nothing was changed")
    try:
        ledger = this.store.change_ledger(lambda before: _after(before, this, states))
    except SkipError as error:
        return {"go": SKIP, "problem": str(error)}
    if _must_wait(this.store, ledger):
        return {"go": WAIT}
    earlier = this.store.earlier(ledger)
    if ledger.declaration is not None:
        fleet = FleetDeclaration.parse(ledger.declaration)
        example = fleet.of(f"stream/{fleet.name_prefix}")
        KinesisVideo(kinesis_video, this.retries).validate(IMAGE_GENERATION, example)
        stream_arns = _list(this, kinesis_video, fleet)
    else:
        assert this.request is not None
        stream_arns = _list_to_remove(this, this.request, kinesis_video, ledger, earlier)
    planned = {
        "kind": this.kind,
        "begun": timing.since_1970(),
        "streams": len(stream_arns),
        "batches": 0,
        "end": None if this.request is None else this.until - CONCLUSION_SECONDS,
        "declaration": ledger.declaration,
        "earlier": earlier,
    }
    return _write(this, planned, list(batches(stream_arns, calls_per_second)), 1)


def plan_again(this: Pass, last_round: int) -> dict[str, Any]:
    """Write a second work list, of the streams for which another attempt may succeed."""
    done = {"go": NOTHING, "round": last_round}
    turn = this.store.ledger().turn
    if last_round > 1 or turn.name != this.name or turn.stopped:
        return done
    planned = this.store.read(f"{folder_of(this.name)}plan.json")
    if planned["end"] is not None and planned["end"] - timing.since_1970() <= timing.CALL_SECONDS:
        return done
    again = Outcome.read(this.store, this.name, running=True).again
    # Each call of a second attempt may run into its timeout.
    return _write(this, planned, list(batches(again, 1)), last_round + 1) if again else done


def _write(this: Pass, planned: dict[str, Any], divided: list[list[str]], number: int) -> dict[str, Any]:
    work = [
        {"pass": this.name, "round": number, "number": each, "streams": batch}
        for each, batch in enumerate(divided, planned["batches"])
    ]
    this.store.write(key := work_key(this.name, number), work)
    this.store.write(f"{folder_of(this.name)}plan.json", {**planned, "batches": planned["batches"] + len(work)})
    extra = {"streams": sum(map(len, divided)), "batches": len(work), "kind": this.kind}
    logger.info("planned", extra=extra)
    return {"go": WORK if work else NOTHING, "key": key, "round": number}


def _after(before: Ledger, this: Pass, states: Any) -> Ledger:
    """Give the turn to a pass, and keep what was declared before."""
    if before.turn.name == this.name:
        return before
    now = timing.since_1970()
    # Calls of the pass before may still reach the service.
    settled = now if before.turn.ended else now + SETTLE_SECONDS
    turn = Turn(this.name, this.execution, taken=now, settled=settled, until=this.until, ended=False)
    if this.request is None:
        if before.declaration is None:
            raise SkipError("nothing is declared")
        if _is_at_work(before.turn, states):
            raise SkipError("another pass is at work")
        return replace(before, turn=turn)
    if this.sent < before.newest:
        raise SkipError("CloudFormation has sent a newer event, and no longer waits for this one")
    declared = FleetDeclaration.parse(this.request.properties).properties
    is_delete = this.request.request_type == "Delete"
    earlier: list[Earlier] = []
    for each in (
        *map(Earlier, filter(None, [before.declaration])),
        *before.earlier[:MAX_EARLIER],
        *([Earlier(declared)] if is_delete else []),
    ):
        if each.properties not in [known.properties for known in earlier]:
            earlier.append(each)
    return replace(
        before,
        turn=turn,
        newest=this.sent,
        declaration=None if is_delete else declared,
        earlier=tuple(earlier),
        # A delete without a ledger, such as in a bucket that was emptied, can't know what was set.
        touched=before.touched or (is_delete and before == Ledger()),
    )


def _is_at_work(turn: Turn, states: Any) -> bool:
    now = timing.since_1970()
    if turn.ended or turn.until <= now:
        return False
    return is_running(states, turn.execution, if_unknown=now < turn.taken + SEEN_SECONDS)


def _must_wait(store: Store, ledger: Ledger) -> bool:
    now = timing.since_1970()
    # The function for new streams sees that something else is declared, and ends.
    marks = () if ledger.declaration else store.all("new-streams/")
    return now < ledger.turn.settled or any(mark["until"] > now for mark in marks)


def _list(this: Pass, kinesis_video: Any, fleet: FleetDeclaration) -> list[str]:
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": fleet.name_prefix}
    ask = partial(this.retries.call, kinesis_video, "list_streams")
    found = pages(ask, MaxResults=PAGE_SIZE, StreamNameCondition=condition)
    arns = (stream["StreamARN"] for page in found for stream in page["StreamInfoList"])
    return [stream_arn for stream_arn in arns if fleet.covers(stream_arn)]


def _list_to_remove(
    this: Pass, request: Request, kinesis_video: Any, ledger: Ledger, earlier: list[dict[str, Any]]
) -> list[str]:
    """List the fleet's streams except those that another resource of the stack holds."""
    fleet = FleetDeclaration.parse(request.properties)
    if not ledger.touched:
        return []
    if fleet.adopts:
        logger.warning("left alone, since `adopt_existing` is True")
        return []
    stack = Stack(request, this.cloudformation, this.retries)
    try:
        others = [] if stack.is_deleted() else list(stack.others())
    except CallError as error:
        if error.reached and not error.denied:
            # CloudFormation is busy, and starts another delete.
            raise
        logger.warning("left alone, CloudFormation can't be asked who has them", extra={"problem": str(error)})
        return []
    unfinished = [each["streams"] for each in earlier]
    # If all are known by name, a delete before this one has removed all others.
    by_name = all(streams is not None for streams in unfinished)
    listed = (
        sorted({arn for streams in unfinished for arn in streams}) if by_name else _list(this, kinesis_video, fleet)
    )
    images = (each for each in others if each["ResourceType"] == IMAGE_GENERATION.resource_type)
    held = {each.get("PhysicalResourceId") for each in images}
    prefixes = fleets_of(others)
    return [arn for arn in listed if arn not in held and not name_of(arn).startswith(prefixes)]


def is_running(states: Any, execution: str, *, if_unknown: bool) -> bool:
    """Whether an execution runs, as far as Step Functions knows already."""
    try:
        return bool(states.describe_execution(executionArn=execution)["status"] == "RUNNING")
    except ClientError as error:
        return if_unknown if error.response["Error"]["Code"] == "ExecutionDoesNotExist" else True
    except BotoCoreError:
        return True


def batches(stream_arns: Iterable[str], calls_per_second: int) -> Iterator[list[str]]:
    """Divide streams into batches."""
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


def fleets_of(resources: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the prefixes of the fleets among the resources of a stack."""
    ids = (str(each.get("PhysicalResourceId")) for each in resources if each["ResourceType"] == RESOURCE_TYPE)
    return tuple(each.removeprefix(PHYSICAL_ID) for each in ids if each.startswith(PHYSICAL_ID))
