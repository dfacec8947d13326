"""What Lambda calls for the steps of a pass."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import boto3
from botocore.exceptions import ParamValidationError

from kinesis_video_configuration import Deadline, timing
from kinesis_video_configuration.retries import CallError
from kinesis_video_configuration.service import create_client
from kinesis_video_contract.fleets import SIGNS_OF_LIFE

from .conclusion import SKIPPED, Conclusion, publish
from .pace import PacedRetries, Paces
from .planner import NOTHING, SKIP, Planner, is_running, pass_of_execution
from .store import Store, folder_of
from .worker import FIRST_READ_SECONDS, THREADS, Report, Rules, Worker

RESERVE_SECONDS = 30
"""What a step keeps of its time for what comes after the calls."""

logger = logging.getLogger(__name__)
session = boto3.Session()
kinesis_video = create_client(session, connections=THREADS)
impatient = create_client(session, read_seconds=FIRST_READ_SECONDS, connections=THREADS)
states = create_client(session, "stepfunctions")
store = Store(session.client("s3"), os.environ["WORK_BUCKET"])


def handler(event: Mapping[str, Any], context: Any) -> Any:
    """Do one step of a pass: `plan`, `work` for each batch, and `conclude`."""
    end = Deadline(context.get_remaining_time_in_millis() / 1000)
    deadline = end.earlier(RESERVE_SECONDS)
    if event["step"] == "work":
        return _work(event["batch"], deadline)
    rate = int(os.environ["CALLS_PER_SECOND"])
    retries = PacedRetries(deadline, Paces(rate))
    event_name = event["input"].get("request")
    this = pass_of_execution(store, event["pass"], event["execution"], event_name)
    if event["step"] == "conclude":
        if event_name and this.request is None:
            # It is answered already, and the bucket of a fleet that is deleted must stay empty.
            told = store.read(f"{folder_of(event['pass'])}result.json") or {"ended": SKIPPED, "problem": ""}
            return {name: told[name] for name in ("ended", "problem")}
        cloudwatch = session.client("cloudwatch")
        return Conclusion(store, cloudwatch, _cloudformation, retries).conclude(this, event["state"], end)
    planner = Planner(store, kinesis_video, states, _cloudformation, retries, rate)
    try:
        if last_round := event["state"].get("round"):
            return planner.plan_again(this, last_round)
        if event_name and this.request is None:
            return {"go": SKIP, "problem": "its event of CloudFormation is answered"}
        return planner.plan(this)
    except (CallError, ParamValidationError, ValueError) as error:
        # Not to be repeated: it would fail again, or has been repeated.
        denied = isinstance(error, CallError) and error.denied
        return {"go": NOTHING, "problem": str(error), "denied": denied}


def _cloudformation() -> Any:
    return create_client(session, "cloudformation")


def _work(batch: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    name = batch["pass"]
    plan = store.read(f"{folder_of(name)}plan.json")
    if plan["end"] is not None:
        deadline = Deadline(min(deadline.remaining(), plan["end"] - timing.since_1970()))
    worker = Worker(
        impatient if batch["round"] == 1 else kinesis_video,
        Rules.parse(plan["declaration"], plan["earlier"]),
        int(os.environ["CALLS_PER_SECOND"]),
        deadline,
        lambda: _why_stop(name),
        touch(store),
        # Once a pass.
        waits_for_access=batch["number"] == 0,
    )
    report = worker.work(batch["streams"])
    if worker.denied:
        store.change_ledger(
            lambda before: (
                replace(before, turn=replace(before.turn, stopped=worker.denied))
                if before.turn.name == name
                else before
            )
        )
    if batch["round"] > 1:
        report.give_up()
    key = f"{folder_of(name)}reports/{batch['number']:06}.json"
    store.write(key, {"number": batch["number"], "counts": report.counts, "named": report.named, "again": report.again})
    log(report)
    if not worker.stopped:
        publish(session.client("cloudwatch"), {SIGNS_OF_LIFE: 1})
    return {}


def _why_stop(name: str) -> str:
    turn = store.ledger().turn
    if turn.name != name:
        return "another pass works now"
    if turn.stopped or is_running(states, turn.execution, if_unknown=True):
        return turn.stopped
    return "the pass was stopped"


def touch(store: Store) -> Callable[[], object]:
    """Make what notes that streams may have a configuration of this fleet from now on."""
    return lambda: store.change_ledger(lambda before: replace(before, touched=True))


def log(report: Report) -> None:
    """Say what came of some streams, and which failed."""
    logger.info("worked", extra={"counts": dict(report.counts)})
    for stream_arn, (outcome, text) in (*report.named.items(), *report.again.items()):
        if text:
            logger.error("not set", extra={"stream": stream_arn, "outcome": outcome, "problem": text})
