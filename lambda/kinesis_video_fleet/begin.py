"""The function for CloudFormation's events: each starts a pass, whose last step answers it."""

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

from .store import CHANGED_MEANWHILE, event_key

CLEAN_UP_SECONDS = 2 * CALL_SECONDS
"""Kept to delete the event if no pass was started."""
_DONE_BEFORE = (*CHANGED_MEANWHILE, "ExecutionAlreadyExists")

logger = logging.getLogger(__name__)
_session = boto3.Session()
s3 = create_client(_session, "s3")
states = create_client(_session, "stepfunctions")


def handler(event: Any, context: Any) -> None:
    """Start a pass for one event of CloudFormation; answer it here only if none can be started.

    It raises AnswerNotSentError if CloudFormation did not take that answer, so that Lambda repeats the event, and
    ValueError for an event that is not of the function's own stack, which is not answered.
    """
    request = Request.from_event(event)
    if request.stack_id != os.environ["STACK_ID"]:
        raise ValueError(f"the event is not of the function's own stack but of {one_line(request.stack_id, limit=200)}")
    logger.info("event", extra={"request_type": request.request_type, "request_id": request.request_id})
    end = Deadline(context.get_remaining_time_in_millis() / 1000)
    if request.physical_resource_id == CREATE_FAILED_ID:
        # Its Create started nothing.
        send(request, Answer.success(CREATE_FAILED_ID), end)
        return
    kept = {"Bucket": os.environ["WORK_BUCKET"], "Key": event_key(request.identity)}
    in_time = end.earlier(ANSWER_RESERVE_SECONDS)
    try:
        _start(event, request, kept, Retries(in_time.earlier(CLEAN_UP_SECONDS)))
    except Exception as error:  # whatever it is, CloudFormation waits for an hour
        with suppress(Exception):
            # The rollback deletes the bucket, and has no pass to empty it.
            Retries(in_time).call(s3, "delete_object", **kept)
        told = str(error) if isinstance(error, CallError) else f"{type(error).__name__}: {error}"
        problem = one_line(f"no pass was started: {told}")
        logger.error("failed", extra={"problem": problem})
        send(request, replace(Answer.failed(request), reason=problem), end)


def _start(event: Any, request: Request, kept: dict[str, str], retries: Retries) -> None:
    body = json.dumps({"event": event, "arrived": timing.since_1970()}).encode()
    name = request.identity
    pass_of_it = {"stateMachineArn": os.environ["STATE_MACHINE"], "name": name, "input": json.dumps({"request": name})}
    # An event that Lambda repeats keeps the time when it arrived first, and starts no other pass.
    for client, operation, parameters in (
        (s3, "put_object", {**kept, "Body": body, "IfNoneMatch": "*"}),
        (states, "start_execution", pass_of_it),
    ):
        try:
            retries.call(client, operation, **parameters)
        except CallError as error:
            if error.code not in _DONE_BEFORE:
                raise
