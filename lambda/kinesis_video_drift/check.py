"""Compares streams, and reports or repairs differences, when EventBridge invokes a stack's function.

The event is the input of a rule's target. It has the declarations of some of the stack's streams, which CloudFormation
keeps up to date, and EventBridge's information: the time, and who changed which stream.

During a deployment a stream and its declaration differ for a while. So a difference counts only if a second check, some
seconds later, sees one, too, and if the stack is at rest and was not changed since the event.

This code never raises: Lambda would repeat the event twice, and the drift would count three times. Streams that could
not be compared are counted separately.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from kinesis_video_configuration import Deadline, Declaration, Feature, one_line, timing
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import KinesisVideo
from kinesis_video_contract.drift import (
    DETAIL_TYPE,
    DRIFTED,
    LOOKED,
    MESSAGE,
    NOT_COMPARED,
    NOT_COMPARED_COUNT,
    SOURCE,
    STACK,
)

from .comparison import Drift, compare
from .stack import Stack, StackChangedError

logger = logging.getLogger(__name__)

_LOOK_SHARE = 1 / 4
"""The share of the function's time for each of the two looks. The rest is for the pause, CloudFormation and repairs."""

_REPAIRED = {"MISSING": ("MISSING",), "ALWAYS": ("MISSING", "CHANGED")}
_CAUSES = {"STREAM_DELETED": "DeleteStream", "NO_RETENTION": "UpdateDataRetention"}
"""The call that brings a stream into a state; into the others it is the one that sets the configuration."""


def check(
    event: Mapping[str, Any],
    deadline: Deadline,
    kinesis_video: Any,
    cloudformation: Callable[[], Any],
    eventbridge: Callable[[], Any],
) -> None:
    """Compare the streams of the event, the input of the rule's target, and report what differs.

    `cloudformation` and `eventbridge` make clients that are needed only if there is something to say.
    """
    counts = Counter({"streams": 0, DRIFTED: 0, NOT_COMPARED_COUNT: 0})
    try:
        _look(event, deadline, kinesis_video, cloudformation, eventbridge, counts)
    except Exception as error:  # an error of our own leaves streams without a look, too
        _not_compared(event, counts, None, error)
    logger.info(LOOKED, extra={STACK: _stack_name(event), **counts})


def _look(
    event: Mapping[str, Any],
    deadline: Deadline,
    kinesis_video: Any,
    cloudformation: Callable[[], Any],
    eventbridge: Callable[[], Any],
    counts: Counter[str],
) -> None:
    seconds = deadline.remaining() * _LOOK_SHARE
    not_compared = partial(_not_compared, event, counts)
    declarations = list(_declarations(event, not_compared))
    counts["streams"] = len(declarations)
    found = _drifts(kinesis_video, declarations, Deadline(seconds), not_compared)
    if found:
        timing.sleep(event.get("SecondLookSeconds", timing.SECOND_LOOK_SECONDS))
        found = _drifts(kinesis_video, [each for each, _ in found], Deadline(seconds), not_compared)
    if not found:
        return
    stack: Stack | None = None
    try:
        stack = Stack.read(cloudformation(), Retries(deadline), event["StackId"])
    except CallError as error:
        logger.warning("nothing is repaired, CloudFormation can't be asked", extra={"problem": str(error)})
    moment = datetime.fromisoformat(event["Time"])
    if stack is not None and (stack.is_changing or stack.changed_since(moment)):
        # Its end is an event of its own, and so looks again.
        logger.info("nothing is reported, the stack is being changed", extra={"status": stack.status})
        for declaration, _ in found if stack.is_stuck(moment) else ():
            not_compared(declaration.stream["StreamARN"], StackChangedError(f"{stack.status} for more than an hour"))
        return
    counts[DRIFTED] = len(found)
    for number, (declaration, drift) in enumerate(found):
        repaired = False
        if stack is not None and drift.state in _REPAIRED.get(event.get("Repair", ""), ()):
            of_stream = _share(deadline, len(found) - number)
            require_unchanged = partial(stack.require_unchanged, cloudformation(), of_stream)
            repaired = _repair(KinesisVideo(kinesis_video, of_stream), stack, declaration, require_unchanged)
        report = _report(event, declaration, drift, repaired)
        logger.warning(MESSAGE, extra=report)
        if event.get("PutEvents"):
            _put_event(_share(deadline, len(found) - number), eventbridge(), report)


def _declarations(event: Mapping[str, Any], not_compared: Callable[[Any, Exception], None]) -> Iterator[Declaration]:
    """Read the declarations, of the one stream that the event names if it names one."""
    request = event["Detail"].get("requestParameters") or {}
    # By its name: a stream that was made again has another ARN, and its namesake that is declared is gone.
    named = request.get("streamName") or _name(request.get("streamARN") or "")
    for resource_type, all_properties in event["Declarations"].items():
        for properties in all_properties:
            try:
                declaration = Declaration.parse(resource_type, properties)
            except ValueError as error:
                not_compared(properties.get("StreamARN"), error)
                continue
            if not named or named == _name(declaration.stream["StreamARN"]):
                yield declaration


def _drifts(
    client: Any, declarations: list[Declaration], deadline: Deadline, not_compared: Callable[[Any, Exception], None]
) -> list[tuple[Declaration, Drift]]:
    """Compare each stream; one that the service is busy with is tried again after all others."""
    drifts: list[tuple[Declaration, Drift]] = []
    pending = declarations
    for is_last in (False, True):
        again: list[Declaration] = []
        for number, declaration in enumerate(pending):
            try:
                drift = compare(KinesisVideo(client, _share(deadline, len(pending) - number)), declaration)
            except CallError as error:
                if not is_last and error.passing:
                    again.append(declaration)
                    continue
                not_compared(declaration.stream["StreamARN"], error)
                continue
            if drift is not None:
                drifts.append((declaration, drift))
        pending = again
    return drifts


def _share(deadline: Deadline, streams: int) -> Retries:
    """Return the policy for one of the streams that are left: none takes the time of the others.

    What no other stream needs goes to those that are left, and each has the time for one call.
    """
    return Retries(Deadline(deadline.remaining() / streams + timing.CALL_SECONDS))


def _not_compared(event: Mapping[str, Any], counts: Counter[str], stream_arn: Any, error: Exception) -> None:
    counts[NOT_COMPARED_COUNT] += 1
    problem = str(error) if isinstance(error, CallError) else one_line(f"{type(error).__name__}: {error}")
    logger.error(NOT_COMPARED, extra={STACK: _stack_name(event), "stream": stream_arn, "problem": problem})


def _repair(
    streams: KinesisVideo, stack: Stack, declaration: Declaration, require_unchanged: Callable[[], None]
) -> bool:
    """Set again what the stack holds; return whether the stream has it then."""
    stream_arn = declaration.stream["StreamARN"]
    if not stack.holds(declaration):
        logger.warning("not repaired, the stack may not hold it", extra={"stream": stream_arn, "status": stack.status})
        return False
    try:
        streams.configure(declaration.feature, stream_arn, declaration.configuration, before=require_unchanged)
        return compare(streams, declaration) is None
    except (CallError, StackChangedError) as error:
        logger.error("not repaired", extra={"stream": stream_arn, "problem": str(error)})
        return False


def _put_event(retries: Retries, eventbridge: Any, report: Mapping[str, Any]) -> None:
    entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(report)}
    try:
        failed = retries.call(eventbridge, "put_events", Entries=[entry])["FailedEntryCount"]
    except CallError as error:
        logger.error("not told to EventBridge", extra={"stream": report["stream"], "problem": str(error)})
    else:
        if failed:
            logger.error("not told to EventBridge", extra={"stream": report["stream"]})


def _report(event: Mapping[str, Any], declaration: Declaration, drift: Drift, repaired: bool) -> dict[str, Any]:
    principal, call = _author(event["Detail"], declaration.feature, drift)
    return {
        STACK: _stack_name(event),
        "stream": declaration.stream["StreamARN"],
        "configuration": declaration.feature.configuration,
        "state": drift.state,
        "fields": [asdict(difference) for difference in drift.differences],
        "repaired": repaired,
        "principal": principal,
        "call": call,
    }


def _author(detail: Mapping[str, Any], feature: Feature, drift: Drift) -> tuple[str | None, str | None]:
    """Say who made which call, if the event is about a call that can have made this difference."""
    call = detail.get("eventName")
    if call != _CAUSES.get(drift.state, feature.update.title().replace("_", "")):
        return None, None
    identity = detail.get("userIdentity") or {}
    return identity.get("arn") or identity.get("principalId") or identity.get("invokedBy"), call


def _name(arn: str) -> str:
    """Return the name in the ARN of a stream or a stack; empty if it is no ARN."""
    return arn.split("/")[1] if "/" in arn else ""


def _stack_name(event: Mapping[str, Any]) -> str:
    return _name(event["StackId"])
