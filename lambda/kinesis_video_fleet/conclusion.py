"""What came of a pass: its counts, its failures by name, its metrics, and the answer to CloudFormation."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_configuration import Deadline, one_line, timing
from kinesis_video_contract.fleets import FAILED as FAILED_STREAMS
from kinesis_video_contract.fleets import GONE, METRICS, PASSES_FAILED, WITHOUT_RETENTION
from kinesis_video_contract.metrics import NAMESPACE
from kinesis_video_handler.protocol import Answer, AnswerNotSentError, Request, send

from .declaration import FleetDeclaration
from .planner import SKIP, Pass
from .store import Store, event_key, folder_of

TOLERATED_FAILURES = 0.05
"""The share of streams that may fail: they are for the next pass. Beyond it the pass and a deployment fail."""
COMPLETE, FAILED, SUPERSEDED, SKIPPED = "complete", "failed", "superseded", "skipped"
_NAMED = 3

logger = logging.getLogger(__name__)


def conclude(
    store: Store, cloudwatch: Any, name_prefix: str, this: Pass, state: Mapping[str, Any], end: Deadline
) -> dict[str, Any]:
    """Conclude a pass, whatever happened in it.

    Parameters
    ----------
    store
        The work bucket.
    cloudwatch
        The client that takes the metrics.
    name_prefix
        What they are published for.
    this
        The pass.
    state
        What the state machine has of it: the planner's answer, and the problem of a step that failed.
    end
        When Lambda stops the function.

    Raises
    ------
    AnswerNotSentError
        If CloudFormation did not take the answer; the state machine then repeats this step.
    """
    folder = folder_of(this.name)
    plan = store.read(f"{folder}plan.json")
    counts: Counter[str] = Counter()
    failed: dict[str, str] = {}
    for report in store.reports(this.name):
        counts.update(report["counts"])
        failed.update(report["failed"])
    streams = plan["streams"] if plan else 0
    missing = streams - counts.total()
    if missing > 0:
        counts["NotReported"] = missing
    problem = _problem(state)
    ended = COMPLETE
    if state.get("go") == SKIP:
        ended = SKIPPED
    elif plan and store.ledger().turn != this.name:
        ended, problem = SUPERSEDED, "a later pass took its turn"
    elif problem or len(failed) + missing > TOLERATED_FAILURES * streams:
        ended = FAILED
    if failed:
        store.write(f"{folder}failed.json", failed)
    if ended == FAILED and not problem:
        problem = _told(counts, failed, f"s3://{store.bucket}/{folder}failed.json")
    result = {"ended": ended, "problem": problem, "counts": counts, "stopped": timing.since_1970()}
    store.write(f"{folder}result.json", result)
    logger.log(logging.ERROR if ended == FAILED else logging.INFO, "concluded", extra=result)
    if ended in (COMPLETE, FAILED):
        publish(cloudwatch, name_prefix, counts, {PASSES_FAILED: int(ended == FAILED)})
    if ended == COMPLETE and not failed and not missing and not counts[WITHOUT_RETENTION]:
        # A stream without retention keeps what it has. Of all others nobody has what was declared earlier any more.
        store.change_ledger(lambda before: replace(before, earlier=()) if before.turn == this.name else before)
    if this.request is not None:
        _send(store, this, this.request, _answer(this.request, ended, problem, counts), end)
    return {"ended": ended, "problem": problem}


def _send(store: Store, this: Pass, request: Request, answer: Answer, end: Deadline) -> None:
    key = event_key(request.request_id)
    event = store.read(key)
    if request.request_type == "Delete" and answer.status == "SUCCESS":
        # CloudFormation deletes the bucket at once when it has the answer. If that fails half-way, this step is
        # repeated: it needs the event to answer, and without the plan it misses none of the reports.
        store.delete(f"{folder_of(this.name)}plan.json")
        store.empty(but=key)
    store.delete(key)
    try:
        send(request, answer, end)
    except AnswerNotSentError:
        # For this step to be repeated.
        store.write(key, event)
        raise


def publish(
    cloudwatch: Any, name_prefix: str, counts: Mapping[str, int], others: Mapping[str, int] | None = None
) -> None:
    """Publish what came of streams, and other metrics with it. A failure is for the log: an answer waits."""
    values = {metric: counts.get(outcome, 0) for outcome, metric in METRICS.items()}
    values |= {METRICS[FAILED_STREAMS]: _failures(counts).total(), **(others or {})}
    dimensions = [{"Name": "NamePrefix", "Value": name_prefix}]
    data = [
        {"MetricName": metric, "Dimensions": dimensions, "Value": value, "Unit": "Count"}
        for metric, value in values.items()
    ]
    try:
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        logger.error("metrics not published", extra={"problem": one_line(str(error))})


def _failures(counts: Mapping[str, int]) -> Counter[str]:
    return Counter({cause: count for cause, count in counts.items() if cause not in (*METRICS, GONE)})


def _answer(request: Request, ended: str, problem: str, counts: Mapping[str, int]) -> Answer:
    # A failed Create has it, too: the rollback deletes by it what has been set.
    physical_id = request.physical_resource_id or FleetDeclaration.parse(request.properties).physical_id
    if ended != COMPLETE:
        return replace(Answer.failed(request), physical_resource_id=physical_id, reason=one_line(problem))
    shown = {name.title().replace("_", ""): str(counts.get(name, 0)) for name in METRICS if name != FAILED_STREAMS}
    return Answer.success(physical_id, Failed=str(_failures(counts).total()), **shown)


def _told(counts: Mapping[str, int], failed: Mapping[str, str], where: str) -> str:
    causes = ", ".join(f"{cause} {count}" for cause, count in _failures(counts).most_common())
    named = "; ".join(f"{name}: {cause}" for name, cause in list(failed.items())[:_NAMED])
    return (
        f"{_failures(counts).total()} of {sum(counts.values())} streams failed ({causes}), {where} names them: {named}"
    )


def _problem(state: Mapping[str, Any]) -> str:
    """Read the error of a step that failed, which the state machine writes into `problem`."""
    error = state.get("problem")
    if not isinstance(error, Mapping):
        return str(error or "")
    try:
        return one_line(json.loads(error["Cause"])["errorMessage"])
    except (KeyError, TypeError, ValueError):
        return one_line(f"{error.get('Error')}: {error.get('Cause')}")
