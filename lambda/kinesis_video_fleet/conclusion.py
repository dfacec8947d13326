"""The end of a pass: its result, its metrics, what is left of earlier declarations, the answer to CloudFormation."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from os import environ
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_configuration import Deadline, one_line, timing
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_contract.fleets import (
    DENIED,
    EQUAL,
    FAILURES,
    FOREIGN,
    METRICS,
    NAME_PREFIX,
    NOT_TRIED,
    PASSES_FAILED,
    SET,
    SIGNS_OF_LIFE,
)
from kinesis_video_contract.fleets import FAILED as FAILED_STREAMS
from kinesis_video_contract.metrics import NAMESPACE
from kinesis_video_handler.ownership import Stack
from kinesis_video_handler.protocol import Answer, AnswerNotSentError, Request, send

from .declaration import FleetDeclaration, name_of
from .outcome import Outcome
from .planner import MAX_UNFINISHED, SKIP, Pass, fleets_that_share
from .store import Earlier, Ledger, Store, event_key, folder_of

TOLERATED_FAILURES = 0.05
"""The share of streams that may fail: they are for the next pass. Beyond it the pass and a deployment fail. A delete
tolerates none: nobody would look at what it leaves."""
COMPLETE, FAILED, SUPERSEDED, SKIPPED = "complete", "failed", "superseded", "skipped"
_NAMED = 3

logger = logging.getLogger(__name__)


class Conclusion:
    """Concludes passes.

    Parameters
    ----------
    store
        The work bucket.
    cloudwatch, cloudformation
        The client that takes the metrics, and what makes that of CloudFormation.
    retries
        How CloudFormation is called.
    """

    def __init__(self, store: Store, cloudwatch: Any, cloudformation: Callable[[], Any], retries: Retries) -> None:
        self._store = store
        self._cloudwatch = cloudwatch
        self._cloudformation = cloudformation
        self._retries = retries

    def conclude(self, this: Pass, state: Mapping[str, Any], end: Deadline) -> dict[str, Any]:
        """Conclude a pass, whatever happened in it.

        Parameters
        ----------
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
        store, folder = self._store, folder_of(this.name)
        turn = store.ledger().turn
        plan = store.read(f"{folder}plan.json")
        outcome = Outcome.read(store, this.name) if plan else Outcome(Counter(), {})
        is_over = turn.name != this.name and plan is not None
        problem = turn.stopped if turn.name == this.name and turn.stopped else _problem(state)
        ended = COMPLETE
        if state.get("go") == SKIP:
            ended = SKIPPED
        elif is_over:
            ended, problem = SUPERSEDED, "a later pass took its turn"
        elif this.kind == "Delete":
            left = _failures_of_delete(outcome, stopped=bool(turn.stopped))
            denied = bool(turn.stopped or state.get("denied"))
            ended = FAILED if left or (problem and not denied) else COMPLETE
        else:
            problem = problem or self._problem_of_create(this, outcome)
            tolerated = TOLERATED_FAILURES * (plan["streams"] if plan else 0)
            ended = FAILED if problem or outcome.failures.total() > tolerated else COMPLETE
        where = f"s3://{store.bucket}/{folder}streams.json"
        if outcome.named:
            store.write(f"{folder}streams.json", outcome.by_outcome())
        if ended == FAILED:
            problem = "; ".join(filter(None, (problem, _told(outcome, where))))
        counts = outcome.counts
        result = {"ended": ended, "problem": problem, "counts": counts, "stopped": timing.since_1970()}
        store.write(f"{folder}result.json", result)
        logger.log(logging.ERROR if ended == FAILED else logging.INFO, "concluded", extra=result)
        if ended in (COMPLETE, FAILED):
            self._close(this, outcome, planned=plan is not None, failed=ended == FAILED)
        if this.request is not None:
            if ended in (SKIPPED, SUPERSEDED):
                # Nobody waits for it any more: CloudFormation has sent a newer event.
                store.delete(event_key(this.name))
            else:
                self._send(this, this.request, _answer(this.request, ended, problem, outcome), end)
        if not (this.kind == "Delete" and ended == COMPLETE):
            store.change_ledger(
                lambda before: (
                    replace(before, turn=replace(before.turn, ended=True)) if before.turn.name == this.name else before
                )
            )
        return {"ended": ended, "problem": problem}

    def _close(self, this: Pass, outcome: Outcome, *, planned: bool, failed: bool) -> None:
        """Publish what came of the pass, and forget what no stream can have any more."""
        failures = outcome.failures.total()
        values = {metric: outcome.counts[name] for name, metric in METRICS.items()}
        values |= {
            METRICS[FAILED_STREAMS]: failures,
            PASSES_FAILED: int(failed),
            FAILURES: failures + int(failed),
            SIGNS_OF_LIFE: 1,
        }
        publish(self._cloudwatch, values)
        set_or_equal = outcome.counts[SET] + outcome.counts[EQUAL]
        if outcome.counts[FOREIGN] and not set_or_equal and this.kind != "Delete":
            logger.warning("no stream was set: what they have is not this fleet's", extra={"counts": outcome.counts})
        before = self._store.ledger()
        if planned and before.turn.name == this.name:
            # Every stream that is not named has what is declared, or what others have declared.
            after = self._narrowed(this, before, outcome.unfinished())
            self._store.change_ledger(
                lambda found: replace(found, earlier=after) if found.turn.name == this.name else found
            )

    def _narrowed(self, this: Pass, ledger: Ledger, unfinished: list[str]) -> tuple[Earlier, ...]:
        if len(unfinished) > MAX_UNFINISHED:
            return ledger.earlier
        kept = []
        for number, each in enumerate(ledger.earlier):
            may_have = set(self._store.read(each.streams)) if each.streams else None
            streams = [arn for arn in unfinished if may_have is None or arn in may_have]
            if not streams:
                continue
            key = f"unfinished/{this.name}-{number}.json"
            self._store.write(key, streams)
            kept.append(replace(each, streams=key))
        return tuple(kept)

    def _problem_of_create(self, this: Pass, outcome: Outcome) -> str:
        """Refuse a new prefix together with other settings: the streams of the old fleet would stay as they are."""
        if this.request is None or this.kind != "Create" or not outcome.counts[FOREIGN]:
            return ""
        prefix = FleetDeclaration.parse(this.request.properties).name_prefix
        try:
            others = fleets_that_share(Stack(this.request, self._cloudformation, self._retries), prefix)
        except CallError as error:
            logger.warning("CloudFormation can't be asked for other fleets", extra={"problem": str(error)})
            return ""
        if not others:
            return ""
        foreign = [name_of(arn) for arn, (found, _) in outcome.named.items() if found == FOREIGN]
        return (
            f"{len(foreign)} streams ({', '.join(foreign[:_NAMED])}) have other settings than this fleet declares, "
            f"and the fleet of {others[0]!r} in this stack may have set them; change `name_prefix` in a deployment of "
            "its own and the other props in the next one, or add the streams to `exclude` if they are somebody else's"
        )

    def _send(self, this: Pass, request: Request, answer: Answer, end: Deadline) -> None:
        key = event_key(this.name)
        event = self._store.read(key)
        if request.request_type == "Delete" and answer.status == "SUCCESS":
            # CloudFormation deletes the bucket at once when it has the answer. If that fails half-way, this step is
            # repeated: it needs the event to answer, and without the plan it misses none of the reports.
            self._store.delete(f"{folder_of(this.name)}plan.json")
            self._store.empty(but=key)
        self._store.delete(key)
        try:
            send(request, answer, end)
        except AnswerNotSentError:
            # For this step to be repeated.
            self._store.write(key, event)
            raise


def publish(cloudwatch: Any, values: Mapping[str, int]) -> None:
    """Publish metrics of the fleet. A failure is for the log: an answer waits."""
    dimensions = [{"Name": NAME_PREFIX, "Value": environ["NAME_PREFIX"]}]
    data = [
        {"MetricName": metric, "Dimensions": dimensions, "Value": value, "Unit": "Count"}
        for metric, value in values.items()
    ]
    try:
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        logger.error("metrics not published", extra={"problem": one_line(str(error))})


def _failures_of_delete(outcome: Outcome, *, stopped: bool) -> Counter[str]:
    # A policy that denies it must not make a stack undeletable.
    left = (DENIED, NOT_TRIED) if stopped else (DENIED,)
    return Counter({cause: count for cause, count in outcome.failures.items() if cause not in left})


def _answer(request: Request, ended: str, problem: str, outcome: Outcome) -> Answer:
    # A failed Create has it, too: the rollback deletes by it what has been set.
    physical_id = request.physical_resource_id or FleetDeclaration.parse(request.properties).physical_id
    if ended != COMPLETE:
        return replace(Answer.failed(request), physical_resource_id=physical_id, reason=one_line(problem))
    shown = {name.title().replace("_", ""): str(outcome.counts[name]) for name in METRICS if name != FAILED_STREAMS}
    verified = not outcome.named and not problem
    data = {**shown, "Failed": str(outcome.failures.total()), "Verified": str(verified).lower()}
    if request.request_type == "Delete" and not verified:
        data["Left"] = _some(outcome) or one_line(problem, limit=500)
    return Answer.success(physical_id, **data)


def _told(outcome: Outcome, where: str) -> str:
    if not outcome.failures:
        return ""
    causes = ", ".join(f"{cause} {count}" for cause, count in outcome.failures.most_common())
    failed, streams = outcome.failures.total(), outcome.counts.total()
    return f"{failed} of {streams} streams failed ({causes}), {where} names them: {_some(outcome)}"


def _some(outcome: Outcome) -> str:
    """Name the first streams, those that failed before all others."""
    failed = {name_of(arn): text or found for arn, (found, text) in outcome.named.items() if found in outcome.failures}
    others = {name_of(arn): found for arn, (found, _) in outcome.named.items() if found not in outcome.failures}
    named = list({**failed, **others}.items())
    return "; ".join(f"{name}: {one_line(cause, limit=200)}" for name, cause in named[:_NAMED])


def _problem(state: Mapping[str, Any]) -> str:
    """Read the error of a step that failed, which the state machine writes into `problem`."""
    error = state.get("problem")
    if not isinstance(error, Mapping):
        return str(error or "")
    try:
        return one_line(json.loads(error["Cause"])["errorMessage"])
    except (KeyError, TypeError, ValueError):
        return one_line(f"{error.get('Error')}: {error.get('Cause')}")
