"""The end of a pass: its result, its metrics, what remains of earlier declarations, the answer to CloudFormation."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from os import environ
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_configuration import Deadline, one_line, timing
from kinesis_video_configuration.retries import CallError
from kinesis_video_contract import fleets
from kinesis_video_contract.fleets import DENIED, EQUAL, FOREIGN, METRICS, NOT_TRIED, SET
from kinesis_video_contract.metrics import NAMESPACE
from kinesis_video_handler.ownership import Stack
from kinesis_video_handler.protocol import Answer, AnswerNotSentError, Request, send

from .declaration import FleetDeclaration, name_of
from .outcome import Outcome
from .planner import MAX_UNFINISHED, SKIP, Pass, fleets_of
from .store import Earlier, event_key, folder_of

TOLERATED_FAILURES = 0.05
"""The share of streams that may fail and are left to the next pass. Beyond it the pass and a deployment fail. A delete
tolerates none: nobody would look at what it leaves."""
COMPLETE, FAILED, SUPERSEDED, SKIPPED = "complete", "failed", "superseded", "skipped"
_NAMED = 3

logger = logging.getLogger(__name__)


def conclude(this: Pass, state: Mapping[str, Any], cloudwatch: Any, end: Deadline) -> dict[str, Any]:
    """Conclude a pass, whatever happened in it.

    `state` is what the state machine has of it: the planner's answer, and the problem of a step that failed. It raises
    AnswerNotSentError if CloudFormation did not take the answer; the state machine then repeats this step.
    """
    store, folder = this.store, folder_of(this.name)
    plan = store.read(f"{folder}plan.json")
    outcome = Outcome.read(store, this.name) if plan else Outcome()
    ended, problem = _judge(this, state, plan, outcome)
    if outcome.named:
        store.write(f"{folder}streams.json", outcome.by_outcome())
    if ended == FAILED and outcome.failures:
        told = _told(outcome, f"s3://{store.bucket}/{folder}streams.json")
        problem = "; ".join(filter(None, (problem, told)))
    result = {"ended": ended, "problem": problem, "counts": outcome.counts, "stopped": timing.since_1970()}
    store.write(f"{folder}result.json", result)
    logger.log(logging.ERROR if ended == FAILED else logging.INFO, "concluded", extra=result)
    if ended in (COMPLETE, FAILED):
        _publish_outcome(cloudwatch, this, outcome, failed=ended == FAILED)
        if plan is not None:
            _forget_earlier(this, outcome.unfinished())
    if this.request is not None:
        if ended in (SKIPPED, SUPERSEDED):
            # CloudFormation has sent a newer event, and no longer waits for this one.
            store.delete(event_key(this.name))
        else:
            _send(this, this.request, _answer(this.request, ended, problem, outcome), end)
    if not (this.kind == "Delete" and ended == COMPLETE):
        store.change_turn(this.name, ended=True)
    return {"ended": ended, "problem": problem}


def _judge(this: Pass, state: Mapping[str, Any], plan: Any, outcome: Outcome) -> tuple[str, str]:
    """Decide how the pass has ended, and why."""
    turn = this.store.ledger().turn
    stopped = turn.stopped if turn.name == this.name else ""
    problem = stopped or _problem(state)
    if plan and not problem and (missing := plan["streams"] - outcome.counts.total()):
        problem = f"nothing is known of {missing} streams"
    if state.get("go") == SKIP:
        return SKIPPED, problem
    if turn.name != this.name and plan is not None:
        return SUPERSEDED, "a later pass took its turn"
    if this.kind == "Delete":
        # A policy that denies it must not make a stack undeletable.
        is_denied = bool(stopped or state.get("denied"))
        tolerated = (DENIED, NOT_TRIED) if stopped else (DENIED,)
        left = [cause for cause in outcome.failures if cause not in tolerated]
        return (FAILED if left or (problem and not is_denied) else COMPLETE), problem
    problem = problem or _problem_of_create(this, outcome)
    most = TOLERATED_FAILURES * (plan["streams"] if plan else 0)
    return (FAILED if problem or outcome.failures.total() > most else COMPLETE), problem


def _problem_of_create(this: Pass, outcome: Outcome) -> str:
    """Refuse a new prefix together with other settings: the streams of the old fleet would stay as they are."""
    if this.request is None or this.kind != "Create" or not outcome.counts[FOREIGN]:
        return ""
    prefix = FleetDeclaration.parse(this.request.properties).name_prefix
    try:
        others = fleets_of(Stack(this.request, this.cloudformation, this.retries).others())
    except CallError as error:
        logger.warning("CloudFormation can't be asked for other fleets", extra={"problem": str(error)})
        return ""
    sharing = [each for each in others if each.startswith(prefix) or prefix.startswith(each)]
    if not sharing:
        return ""
    foreign = [name_of(arn) for arn, (found, _) in outcome.named.items() if found == FOREIGN]
    return (
        f"{len(foreign)} streams ({', '.join(foreign[:_NAMED])}) have other settings than this fleet declares, and the "
        f"fleet of {sharing[0]!r} in this stack may have set them; change `name_prefix` in a deployment of its own and "
        "the other props in the next one, or add the streams to `exclude` if they are somebody else's"
    )


def _publish_outcome(cloudwatch: Any, this: Pass, outcome: Outcome, *, failed: bool) -> None:
    failures = outcome.failures.total()
    values = {metric: outcome.counts[name] for name, metric in METRICS.items()}
    values |= {METRICS[fleets.FAILED]: failures, fleets.PASSES_FAILED: int(failed)}
    values |= {fleets.FAILURES: failures + int(failed), fleets.SIGNS_OF_LIFE: 1}
    publish(cloudwatch, values)
    set_or_equal = outcome.counts[SET] + outcome.counts[EQUAL]
    if outcome.counts[FOREIGN] and not set_or_equal and this.kind != "Delete":
        logger.warning("no stream was set: all have foreign configurations", extra={"counts": outcome.counts})


def _forget_earlier(this: Pass, unfinished: list[str]) -> None:
    """Forget earlier declarations that no stream can have any more.

    Streams that are not named have what is declared, or what others have declared.
    """
    before = this.store.ledger()
    if before.turn.name != this.name or len(unfinished) > MAX_UNFINISHED:
        return
    kept = []
    for number, each in enumerate(this.store.earlier(before)):
        may_have = set(unfinished if each["streams"] is None else each["streams"])
        streams = [arn for arn in unfinished if arn in may_have]
        if streams:
            this.store.write(key := f"unfinished/{this.name}-{number}.json", streams)
            kept.append(Earlier(each["properties"], key))
    this.store.change_ledger(lambda found: replace(found, earlier=tuple(kept)), at_turn_of=this.name)


def _send(this: Pass, request: Request, answer: Answer, end: Deadline) -> None:
    store, key = this.store, event_key(this.name)
    event = store.read(key)
    if request.request_type == "Delete" and answer.status == "SUCCESS":
        # CloudFormation deletes the bucket as soon as it has the answer. If emptying it fails half-way, this step is
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


def publish(cloudwatch: Any, values: Mapping[str, int]) -> None:
    """Publish metrics of the fleet. A failure is only logged: CloudFormation waits for the answer."""
    dimensions = [{"Name": fleets.NAME_PREFIX, "Value": environ["NAME_PREFIX"]}]
    data = [
        {"MetricName": metric, "Dimensions": dimensions, "Value": value, "Unit": "Count"}
        for metric, value in values.items()
    ]
    try:
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        logger.error("metrics not published", extra={"problem": one_line(str(error))})


def _answer(request: Request, ended: str, problem: str, outcome: Outcome) -> Answer:
    # A failed Create has it, too: the rollback then deletes what has been set.
    physical_id = request.physical_resource_id or FleetDeclaration.parse(request.properties).physical_id
    if ended != COMPLETE:
        return replace(Answer.failed(request), physical_resource_id=physical_id, reason=one_line(problem))
    counts = Counter({**outcome.counts, fleets.FAILED: outcome.failures.total()})
    verified = not outcome.named and not problem
    data = {name.title().replace("_", ""): str(counts[name]) for name in METRICS}
    data["Verified"] = str(verified).lower()
    if request.request_type == "Delete" and not verified:
        data["Left"] = _some(outcome) or one_line(problem, limit=500)
    return Answer.success(physical_id, **data)


def _told(outcome: Outcome, where: str) -> str:
    causes = ", ".join(f"{cause} {count}" for cause, count in outcome.failures.most_common())
    failed, streams = outcome.failures.total(), outcome.counts.total()
    return f"{failed} of {streams} streams failed ({causes}), {where} names them: {_some(outcome)}"


def _some(outcome: Outcome) -> str:
    """Name the first streams, those that failed before all others."""
    named = outcome.failed | {arn: found for arn, (found, _) in outcome.named.items() if arn not in outcome.failed}
    told = [f"{name_of(arn)}: {one_line(cause, limit=200)}" for arn, cause in list(named.items())[:_NAMED]]
    return "; ".join(told)


def _problem(state: Mapping[str, Any]) -> str:
    """Read the error of a step that failed, which the state machine writes into `problem`."""
    error = state.get("problem")
    if not isinstance(error, Mapping):
        return str(error or "")
    try:
        return one_line(json.loads(error["Cause"])["errorMessage"])
    except (KeyError, TypeError, ValueError):
        return one_line(f"{error.get('Error')}: {error.get('Cause')}")
