"""Takes the turn for a pass, lists its streams and writes its work list, one line a batch."""

from __future__ import annotations

import json
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
from kinesis_video_contract.fleets import RESOURCE_TYPE
from kinesis_video_handler.ownership import Stack
from kinesis_video_handler.protocol import Request

from .declaration import PHYSICAL_ID, FleetDeclaration, name_of
from .store import Earlier, Ledger, Store, Turn, event_key, folder_of
from .worker import LOOK_SECONDS

BATCH_SECONDS = 40
"""What a batch takes if nothing is in its way: the time between two signs of progress."""
MIN_BATCH = 100
"""So many streams also fit into one function's time if each call of each runs into its timeout."""
MAX_BATCH_BYTES = 200_000
"""A state's input holds 256 KiB, and has more in it than the batch."""
CONCLUSION_SECONDS = 300
"""Kept of the time that CloudFormation waits: for the last batch, and for the steps after it."""
SETTLE_SECONDS = LOOK_SECONDS + 2 + timing.CALL_SECONDS
"""Until the last call has ended that a pass begins before it sees that it has lost its turn."""
SEEN_SECONDS = 60
"""How long an execution may be unknown to Step Functions after its start."""
LONGEST_PASS_SECONDS = 86_400
"""After that a scheduled pass holds up no other one: its workers are bounded, so it hangs."""
MAX_EARLIER, MAX_UNFINISHED = 10, 10_000
"""How many earlier declarations are kept, and of how many streams each is kept by name."""
PAGE_SIZE = 10_000

WAIT, WORK, NOTHING, SKIP = "wait", "work", "nothing", "skip"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pass:
    """One execution of the state machine."""

    name: str
    execution: str
    """Its ARN."""
    request: Request | None = None
    """The event of CloudFormation that it answers; None if the schedule has begun it."""
    arrived: float = 0
    """When that event arrived."""

    @property
    def kind(self) -> str:
        """What began it."""
        return self.request.request_type if self.request else "Schedule"

    @property
    def sent(self) -> tuple[float, ...]:
        """Tell which of two events is newer: by the date in its URL, or else by its arrival."""
        if self.request is None:
            return ()
        left = self.request.seconds_left()
        sent = self.arrived if left == inf else round(timing.since_1970() + left) - service_timeout(self.request)
        return sent, self.arrived

    @property
    def until(self) -> float:
        """Tell when CloudFormation waits for it no more, or when it hangs if there is no event."""
        if self.request is None:
            return timing.since_1970() + LONGEST_PASS_SECONDS
        left = self.request.seconds_left()
        return self.arrived + service_timeout(self.request) if left == inf else timing.since_1970() + left


class SkipError(Exception):
    """The pass has nothing to do; the message says why."""


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
        if request is not None and this.until <= timing.since_1970():
            raise ValueError("the event is so old that CloudFormation has given it up, so nothing was changed")
        try:
            ledger = self._store.change_ledger(lambda before: self._after(before, this))
        except SkipError as error:
            return {"go": SKIP, "problem": str(error)}
        if self._must_wait(ledger):
            return {"go": WAIT}
        earlier = [{"properties": e.properties, "streams": self._streams_of(e)} for e in ledger.earlier]
        if ledger.declaration is not None:
            fleet = FleetDeclaration.parse(ledger.declaration)
            example = fleet.of(f"stream/{fleet.name_prefix}")
            KinesisVideo(self._kinesis_video, self._retries).validate(IMAGE_GENERATION, example)
            stream_arns = self._list(fleet)
        else:
            assert request is not None
            stream_arns = self._list_to_remove(FleetDeclaration.parse(request.properties), request, ledger, earlier)
        plan = {
            "kind": this.kind,
            "begun": timing.since_1970(),
            "streams": len(stream_arns),
            "batches": 0,
            "end": None if request is None else this.until - CONCLUSION_SECONDS,
            "declaration": ledger.declaration,
            "earlier": earlier,
        }
        return self._write(this, plan, stream_arns, 1)

    def plan_again(self, this: Pass, last_round: int) -> dict[str, Any]:
        """Write a second work list of the streams that another attempt may set."""
        done = {"go": NOTHING, "round": last_round}
        if last_round > 1 or not holds_turn(self._store.ledger().turn, this.name):
            return done
        plan = self._store.read(f"{folder_of(this.name)}plan.json")
        if plan["end"] is not None and plan["end"] - timing.since_1970() <= timing.CALL_SECONDS:
            return done
        again = [arn for report in self._store.all(f"{folder_of(this.name)}reports/") for arn in report["again"]]
        return self._write(this, plan, again, last_round + 1) if again else done

    def _write(self, this: Pass, plan: dict[str, Any], stream_arns: list[str], number: int) -> dict[str, Any]:
        key = f"{folder_of(this.name)}work-{number}.jsonl"
        # What is tried again may take all of its timeouts.
        divided = batches(stream_arns, self._calls_per_second if number == 1 else 1)
        numbered = list(enumerate(divided, plan["batches"]))
        lines = [
            json.dumps({"pass": this.name, "round": number, "number": each, "streams": batch})
            for each, batch in numbered
        ]
        self._store.write_text(key, "\n".join(lines))
        self._store.write(f"{folder_of(this.name)}plan.json", {**plan, "batches": plan["batches"] + len(lines)})
        logger.info("planned", extra={"streams": len(stream_arns), "batches": len(lines), "kind": this.kind})
        return {"go": WORK if lines else NOTHING, "key": key, "round": number}

    def _after(self, before: Ledger, this: Pass) -> Ledger:
        """Give the turn to a pass, and keep what was declared before."""
        if before.turn.name == this.name:
            return before
        now = timing.since_1970()
        turn = Turn(
            this.name,
            this.execution,
            taken=now,
            # What the pass before has begun may reach the service yet.
            settled=now if before.turn.ended else now + SETTLE_SECONDS,
            until=this.until,
            ended=False,
        )
        if this.request is None:
            if before.declaration is None:
                raise SkipError("nothing is declared")
            if self._is_at_work(before.turn):
                raise SkipError("another pass is at work")
            return replace(before, turn=turn)
        if this.sent < before.newest:
            raise SkipError("CloudFormation has sent a newer event, and waits for this one no more")
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
            # Of a delete without a ledger, such as in a bucket that was emptied, nobody knows what was set.
            touched=before.touched or (is_delete and before == Ledger()),
        )

    def _is_at_work(self, turn: Turn) -> bool:
        now = timing.since_1970()
        if turn.ended or turn.until <= now:
            return False
        return is_running(self._states, turn.execution, if_unknown=now < turn.taken + SEEN_SECONDS)

    def _must_wait(self, ledger: Ledger) -> bool:
        now = timing.since_1970()
        # What sets new streams sees that something else is declared, and ends.
        marks = () if ledger.declaration else self._store.all("new-streams/")
        return now < ledger.turn.settled or any(mark["until"] > now for mark in marks)

    def _streams_of(self, earlier: Earlier) -> list[str] | None:
        return self._store.read(earlier.streams) if earlier.streams else None

    def _list(self, fleet: FleetDeclaration) -> list[str]:
        """List the fleet's streams."""
        condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": fleet.name_prefix}
        ask = partial(self._retries.call, self._kinesis_video, "list_streams")
        found = pages(ask, MaxResults=PAGE_SIZE, StreamNameCondition=condition)
        arns = (stream["StreamARN"] for page in found for stream in page["StreamInfoList"])
        return [stream_arn for stream_arn in arns if fleet.covers(stream_arn)]

    def _list_to_remove(
        self, fleet: FleetDeclaration, request: Request, ledger: Ledger, earlier: list[dict[str, Any]]
    ) -> list[str]:
        """List the fleet's streams but those that another resource of the stack has."""
        if not ledger.touched:
            return []
        if fleet.adopts:
            logger.warning("left alone, since `adopt_existing` is True")
            return []
        stack = Stack(request, self._cloudformation, self._retries)
        try:
            held = () if stack.is_deleted() else tuple(_held(stack.others()))
        except CallError as error:
            if error.reached and not error.denied:
                # CloudFormation is busy, and begins another delete.
                raise
            logger.warning("left alone, CloudFormation can't be asked who has them", extra={"problem": str(error)})
            return []
        unfinished = [each["streams"] for each in earlier]
        if all(streams is not None for streams in unfinished):
            # A delete before this one has removed all others.
            listed = sorted({arn for streams in unfinished for arn in streams})
        else:
            listed = self._list(fleet)
        return [arn for arn in listed if not any(has(arn) for has in held)]


def holds_turn(turn: Turn, name: str) -> bool:
    """Whether a pass may go on."""
    return turn.name == name and not turn.stopped


def is_running(states: Any, execution: str, *, if_unknown: bool) -> bool:
    """Whether an execution runs, as far as Step Functions knows already."""
    try:
        return bool(states.describe_execution(executionArn=execution)["status"] == "RUNNING")
    except ClientError as error:
        return if_unknown if error.response["Error"]["Code"] == "ExecutionDoesNotExist" else True
    except BotoCoreError:
        return True


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


def pass_of_execution(store: Store, name: str, execution: str, event: str | None) -> Pass:
    """Read what a pass is about; an event of CloudFormation that is answered is there no more."""
    kept = store.read(event_key(event)) if event else None
    return Pass(name, execution, *(() if kept is None else (Request.from_event(kept["event"]), kept["arrived"])))


def service_timeout(request: Request) -> int:
    """Tell how long CloudFormation waits for the answer."""
    try:
        return int(request.properties["ServiceTimeout"])
    except (KeyError, TypeError, ValueError):
        return timing.SERVICE_TIMEOUT_SECONDS


def fleets_that_share(stack: Stack, name_prefix: str) -> list[str]:
    """List the prefixes of the stack's other fleets that share streams with this one."""
    prefixes = [
        str(resource.get("PhysicalResourceId")).removeprefix(PHYSICAL_ID)
        for resource in stack.others()
        if resource["ResourceType"] == RESOURCE_TYPE
    ]
    return [each for each in prefixes if each.startswith(name_prefix) or name_prefix.startswith(each)]


def _held(others: Iterable[Mapping[str, Any]]) -> Iterator[Callable[[str], bool]]:
    for resource in others:
        physical_id = str(resource.get("PhysicalResourceId"))
        if resource["ResourceType"] == RESOURCE_TYPE and physical_id.startswith(PHYSICAL_ID):
            prefix = physical_id.removeprefix(PHYSICAL_ID)
            yield lambda arn, prefix=prefix: name_of(arn).startswith(prefix)  # type: ignore[misc]
        elif resource["ResourceType"] == IMAGE_GENERATION.resource_type:
            yield physical_id.__eq__
