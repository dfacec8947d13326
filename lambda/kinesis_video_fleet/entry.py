"""What Lambda calls for the steps of a pass, and for streams that were created just now."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ParamValidationError

from kinesis_video_configuration import Deadline, timing
from kinesis_video_configuration.retries import CallError
from kinesis_video_configuration.service import create_client

from .conclusion import conclude, publish
from .pace import PacedRetries, Paces
from .planner import Pass, Planner, event_of
from .store import Store, folder_of
from .worker import Report, Rules, TurnLostError, Worker

RESERVE_SECONDS = 30
"""What a step keeps of its time for what comes after the calls."""

logger = logging.getLogger(__name__)
session = boto3.Session()
kinesis_video = create_client(session)
store = Store(session.client("s3"), os.environ["WORK_BUCKET"])


def handler(event: Mapping[str, Any], context: Any) -> Any:
    """Do one step of a pass, or configure new streams."""
    deadline = Deadline(context.get_remaining_time_in_millis() / 1000)
    if "Records" in event:
        _configure_new_streams(event["Records"], deadline.earlier(RESERVE_SECONDS))
        return None
    if event["step"] == "work":
        return _work(event["batch"], deadline.earlier(RESERVE_SECONDS))
    this = Pass(event["pass"], event["state_machine"], event_of(store, event["input"].get("request")))
    if event["step"] == "conclude":
        return conclude(store, session.client("cloudwatch"), os.environ["NAME_PREFIX"], this, event["state"], deadline)
    rate = _rate("CALLS_PER_SECOND")
    planner = Planner(
        store,
        kinesis_video,
        session.client("stepfunctions"),
        lambda: create_client(session, "cloudformation"),
        PacedRetries(deadline.earlier(RESERVE_SECONDS), Paces(rate)),
        rate,
    )
    try:
        return planner.plan(this)
    except (CallError, ParamValidationError, ValueError) as error:
        # Not to be repeated: it would fail again, or has been repeated.
        return {"go": "nothing", "problem": str(error)}


def _work(batch: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    name = batch["pass"]
    plan = store.read(f"{folder_of(name)}plan.json")
    if batch["end"] is not None:
        deadline = Deadline(min(deadline.remaining(), batch["end"] - timing.since_1970()))
    rules = Rules.parse(plan["declaration"], plan["earlier"])
    worker = Worker(kinesis_video, rules, _rate("CALLS_PER_SECOND"), deadline, lambda: store.ledger().turn == name)
    try:
        report = worker.work(batch["streams"])
    except TurnLostError:
        logger.warning("another pass works now", extra={"pass": name})
        return {}
    key = f"{folder_of(name)}reports/{batch['number']:06}.json"
    store.write(key, {"counts": report.counts, "failed": report.failed})
    _log(report)
    return {}


def _configure_new_streams(records: list[Mapping[str, Any]], deadline: Deadline) -> None:
    """Configure streams of which CloudTrail has told. One that fails is for the next pass.

    A pass that answers CloudFormation doesn't wait for this. So what is declared meanwhile is set in the end, also in
    the place of what was set here before.
    """
    created = {json.loads(record["body"])["detail"]["responseElements"]["streamARN"] for record in records}
    replaced: list[Mapping[str, Any]] = []
    while (ledger := store.ledger()).declaration is not None:
        declared = ledger.declaration
        rules = Rules.parse(declared, (*ledger.earlier, *replaced))
        covered = sorted(arn for arn in created if rules.declaration and rules.declaration.covers(arn))
        rate = _rate("NEW_STREAM_CALLS_PER_SECOND")
        worker = Worker(kinesis_video, rules, rate, deadline, partial(_is_declared, declared))
        try:
            report = worker.work(covered)
        except TurnLostError:
            replaced.append(declared)
            continue
        publish(session.client("cloudwatch"), os.environ["NAME_PREFIX"], report.counts)
        _log(report)
        return


def _is_declared(declaration: Mapping[str, Any]) -> bool:
    return store.ledger().declaration == declaration


def _rate(variable: str) -> int:
    return int(os.environ[variable])


def _log(report: Report) -> None:
    logger.info("worked", extra={"counts": dict(report.counts)})
    for name, problem in report.failed.items():
        logger.error("failed", extra={"stream": name, "problem": problem})
