"""CloudFormation's event starts a pass, whose last step answers it."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from dataclasses import replace
from typing import Any

import boto3

from kinesis_video_configuration import Deadline, one_line, timing
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import create_client
from kinesis_video_configuration.timing import ANSWER_RESERVE_SECONDS, CALL_SECONDS
from kinesis_video_handler.protocol import CREATE_FAILED_ID, Answer, Request, send

from .store import event_key

CLEAN_UP_SECONDS = 2 * CALL_SECONDS
"""Kept back to delete the event where no pass was started."""

logger = logging.getLogger(__name__)
_session = boto3.Session()
s3 = create_client(_session, "s3")
states = create_client(_session, "stepfunctions")


def handler(event: Any, context: Any) -> None:
    """Start a pass for one event of CloudFormation; answer it here only if none can be started.

    Raises
    ------
    AnswerNotSentError
        If CloudFormation did not take that answer; Lambda then repeats the event.
    ValueError
        If the event is no event of CloudFormation for the function's own stack, and so is not answered.
    """
    request = Request.from_event(event)
    if request.stack_id != os.environ["STACK_ID"]:
        raise ValueError(f"the event is not of the function's own stack but of {one_line(request.stack_id, limit=200)}")
    logger.info("event", extra={"request_type": request.request_type, "request_id": request.request_id})
    end = Deadline(context.get_remaining_time_in_millis() / 1000)
    if request.physical_resource_id == CREATE_FAILED_ID:
        # Its Create began nothing.
        send(request, Answer.success(CREATE_FAILED_ID), end)
        return
    try:
        _start(event, request, _retries_of(end.earlier(CLEAN_UP_SECONDS)))
    except Exception as error:  # whatever it is, CloudFormation waits for an hour
        with suppress(Exception):
            # The rollback deletes the bucket, and has no pass to empty it.
            _retries_of(end).call(s3, "delete_object", **_event_object(request))
        told = str(error) if isinstance(error, CallError) else f"{type(error).__name__}: {error}"
        problem = one_line(f"no pass was started: {told}")
        logger.error("failed", extra={"problem": problem})
        send(request, replace(Answer.failed(request), reason=problem), end)


def _retries_of(end: Deadline) -> Retries:
    return Retries(end.earlier(ANSWER_RESERVE_SECONDS))


def _event_object(request: Request) -> dict[str, str]:
    return {"Bucket": os.environ["WORK_BUCKET"], "Key": event_key(request.identity)}


def _start(event: Any, request: Request, retries: Retries) -> None:
    kept = json.dumps({"event": event, "arrived": timing.since_1970()}).encode()
    try:
        # An event that Lambda repeats is as old as it was.
        retries.call(s3, "put_object", **_event_object(request), Body=kept, IfNoneMatch="*")
    except CallError as error:
        if error.code not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
    name = request.identity
    try:
        retries.call(
            states,
            "start_execution",
            stateMachineArn=os.environ["STATE_MACHINE"],
            # An event that Lambda repeats has the same name, and begins nothing.
            name=name,
            input=json.dumps({"request": name}),
        )
    except CallError as error:
        if error.code != "ExecutionAlreadyExists":
            raise
