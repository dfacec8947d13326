"""What a stack's function does when EventBridge invokes it: compare, and report or repair.

The event is the input of a rule's target. It has the declarations of some of the stack's streams, which CloudFormation
keeps true, and what EventBridge knows: when it was, and who changed which stream.

During a deployment a stream and its declaration differ for a while. So a difference counts if a second look, some
seconds later, sees the same, and if the stack is at rest and was not changed since the event.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from kinesis_video_configuration import Deadline, Declaration, timing
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import KinesisVideo
from kinesis_video_contract.drift import DETAIL_TYPE, MESSAGE, SOURCE

from .comparison import Drift, compare
from .stack import Stack, StackChangedError

logger = logging.getLogger(__name__)

_REPAIRED = {"MISSING": ("MISSING",), "ALWAYS": ("MISSING", "CHANGED")}


def check(
    event: Mapping[str, Any],
    deadline: Deadline,
    kinesis_video: Any,
    cloudformation: Callable[[], Any],
    eventbridge: Callable[[], Any],
) -> None:
    """Compare the streams of the event, and report what differs.

    Parameters
    ----------
    event
        The input of the rule's target.
    deadline
        When the function must be done.
    kinesis_video
        The client of Kinesis Video Streams.
    cloudformation, eventbridge
        Make the other clients, which are needed only if there is something to say.
    """
    retries = Retries(deadline)
    streams = KinesisVideo(kinesis_video, retries)
    declarations = _declarations(event)
    first = _drifts(streams, declarations)
    if first:
        timing.sleep(event.get("SecondLookSeconds", timing.SECOND_LOOK_SECONDS))
    second = _drifts(streams, [declaration for declaration, _ in first])
    found = [drift for drift in second if drift in first]
    logger.info("compared", extra={"streams": len(declarations), "differ": len(found)})
    if not found:
        return
    stack: Stack | None = None
    try:
        stack = Stack.read(cloudformation(), retries, event["StackId"])
    except CallError as error:
        logger.warning("nothing is repaired, CloudFormation can't be asked", extra={"problem": str(error)})
    if stack is not None and (stack.is_changing or stack.changed_since(datetime.fromisoformat(event["Time"]))):
        # Its end is an event of its own, and so looks again.
        logger.info("nothing is reported, the stack is being changed", extra={"status": stack.status})
        return
    for declaration, drift in found:
        repaired = False
        if stack is not None and drift.state in _REPAIRED.get(event.get("Repair", ""), ()):
            require_unchanged = partial(stack.require_unchanged, cloudformation(), retries)
            repaired = _repair(streams, stack, declaration, require_unchanged)
        report = _report(event, declaration, drift, repaired)
        logger.warning(MESSAGE, extra=report)
        if event.get("PutEvents"):
            _put_event(retries, eventbridge(), report)


def _declarations(event: Mapping[str, Any]) -> list[Declaration]:
    """Read the declarations, of the one stream that the event names if it names one."""
    declarations = [
        Declaration.parse(resource_type, properties)
        for resource_type, all_properties in event["Declarations"].items()
        for properties in all_properties
    ]
    request = event["Detail"].get("requestParameters") or {}
    named = request.get("streamARN") or request.get("streamName")
    if not named:
        return declarations
    return [d for d in declarations if named in (d.stream["StreamARN"], d.stream["StreamARN"].split("/")[1])]


def _drifts(streams: KinesisVideo, declarations: list[Declaration]) -> list[tuple[Declaration, Drift]]:
    drifts = []
    for declaration in declarations:
        try:
            drift = compare(streams, declaration)
        except CallError as error:
            logger.error("not compared", extra={"stream": declaration.stream["StreamARN"], "problem": str(error)})
            continue
        if drift is not None:
            drifts.append((declaration, drift))
    return drifts


def _repair(
    streams: KinesisVideo, stack: Stack, declaration: Declaration, require_unchanged: Callable[[], None]
) -> bool:
    """Set again what the stack holds; return whether the stream has it then."""
    stream_arn = declaration.stream["StreamARN"]
    if not (stack.is_settled and stack.holds(declaration)):
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
    detail = event["Detail"]
    identity = detail.get("userIdentity") or {}
    return {
        "stack": event["StackId"].split("/")[1],
        "stream": declaration.stream["StreamARN"],
        "configuration": declaration.feature.configuration,
        "state": drift.state,
        "fields": [asdict(difference) for difference in drift.differences],
        "repaired": repaired,
        # Of the call that the event is about; None of a schedule, and after a deployment.
        "principal": identity.get("arn") or identity.get("principalId") or identity.get("invokedBy"),
        "call": detail.get("eventName"),
    }
