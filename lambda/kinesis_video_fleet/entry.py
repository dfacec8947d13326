"""The function behind the steps of a pass."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import ParamValidationError

from kinesis_video_configuration import Deadline, timing
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import create_client
from kinesis_video_contract.fleets import SIGNS_OF_LIFE

from .conclusion import SKIPPED, conclude, publish
from .declaration import Rules
from .planner import NOTHING, SKIP, Pass, is_running, plan, plan_again
from .store import Store, folder_of
from .worker import FIRST_READ_SECONDS, THREADS, Worker

RESERVE_SECONDS = 30
"""What a step keeps of its time for what follows the calls."""

logger = logging.getLogger(__name__)
session = boto3.Session()
kinesis_video = create_client(session, connections=THREADS)
impatient = create_client(session, read_seconds=FIRST_READ_SECONDS, connections=THREADS)
states = create_client(session, "stepfunctions")
store = Store(create_client(session, "s3"), os.environ["WORK_BUCKET"])


def handler(event: Mapping[str, Any], context: Any) -> Any:
    """Do one step of a pass: `plan`, `work` for each batch, and `conclude`."""
    end = Deadline(context.get_remaining_time_in_millis() / 1000)
    deadline = end.earlier(RESERVE_SECONDS)
    if event["step"] == "work":
        return _work(event["batch"], deadline)
    this = Pass(event["pass"], event["execution"], store, _cloudformation, Retries(deadline))
    if event_name := event["input"].get("request"):
        this = this.with_event(event_name)
    is_answered = event_name and this.request is None
    if event["step"] == "conclude":
        if is_answered:
            # The bucket of a fleet that is deleted must stay empty.
            told = store.read(f"{folder_of(this.name)}result.json") or {"ended": SKIPPED, "problem": ""}
            return {name: told[name] for name in ("ended", "problem")}
        return conclude(this, event["state"], session.client("cloudwatch"), end)
    try:
        if last_round := event["state"].get("round"):
            return plan_again(this, last_round)
        if is_answered:
            return {"go": SKIP, "problem": "its event of CloudFormation is answered"}
        return plan(this, kinesis_video, states, _calls_per_second())
    except (CallError, ParamValidationError, ValueError) as error:
        # Not to be repeated by the state machine: it would fail again, or has been repeated.
        return {"go": NOTHING, "problem": str(error), "denied": isinstance(error, CallError) and error.denied}


def _cloudformation() -> Any:
    return create_client(session, "cloudformation")


def _calls_per_second() -> int:
    return int(os.environ["CALLS_PER_SECOND"])


def _work(batch: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    name, number = batch["pass"], batch["number"]
    planned = store.read(f"{folder_of(name)}plan.json")
    if planned["end"] is not None:
        deadline = Deadline(min(deadline.remaining(), planned["end"] - timing.since_1970()))
    worker = Worker(
        impatient if batch["round"] == 1 else kinesis_video,
        Rules.parse(planned["declaration"], planned["earlier"]),
        _calls_per_second(),
        deadline,
        lambda: _why_stop(name),
        store.touch,
        # Once a pass.
        waits_for_access=number == 0,
    )
    outcome = worker.work(batch["streams"])
    if worker.denied:
        store.change_turn(name, stopped=worker.denied)
    if batch["round"] > 1:
        outcome.give_up()
    report = {"number": number, "counts": outcome.counts, "named": outcome.named, "again": outcome.again}
    store.write(f"{folder_of(name)}reports/{number:06}.json", report)
    outcome.log()
    if not worker.stopped:
        publish(session.client("cloudwatch"), {SIGNS_OF_LIFE: 1})
    return {}


def _why_stop(name: str) -> str:
    turn = store.ledger().turn
    if turn.name != name:
        return "another pass has the turn"
    if turn.stopped or is_running(states, turn.execution, if_unknown=True):
        return turn.stopped
    return "the pass was stopped"
