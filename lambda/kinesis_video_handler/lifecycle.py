"""What create, update and delete mean for the configuration of a stream.

A stream has one configuration, so whoever writes last has it. Create and Update set what is declared on a stream that
has nothing yet or that is this resource's own; `ownership` says when they may take over another one. Delete removes
only what its own event declares, at the ARN that it carries, and only if no other resource of the stack has the stream.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ParamValidationError

from kinesis_video_configuration import Deadline, Declaration, differences, one_line, timing
from kinesis_video_configuration.retries import DENIED, CallError, Retries
from kinesis_video_configuration.service import KinesisVideo
from kinesis_video_contract.configurations import ADOPT_EXISTING

from .ownership import RefusedError, Stack
from .protocol import CREATE_FAILED_ID, Answer, Interim, Request

logger = logging.getLogger(__name__)

_STREAM_ARN = re.compile(r"arn:[a-z\d-]+:kinesisvideo:[a-z0-9-]+:[0-9]+:stream/[a-zA-Z0-9_.-]+/[0-9]+")

_WHAT_TO_CHANGE = {
    "NoDataRetentionException": "its data retention is 0, give the stream a data retention of at least 1 hour",
    "ResourceNotFoundException": "this account and Region have no such stream, correct `stream` or create it first",
    "InvalidArgumentException": "the service refuses the configuration, correct the properties that it names",
    "ClientLimitExceededException": "deploy again when fewer callers share the quota of this account",
    "ResourceInUseException": "deploy again when the stream is ACTIVE",
} | dict.fromkeys(
    DENIED,
    "the function's role needs this right on the streams of its own account and Region; if it has it, look for a "
    "denial in a service control policy, a permissions boundary or a session policy",
)


class Lifecycle:
    """What is done for one event.

    Parameters
    ----------
    request
        The event.
    deadline
        When it must be answered.
    kinesis_video
        The client of Kinesis Video Streams.
    cloudformation
        Makes the client of CloudFormation.
    interim
        Kept true while the work goes on: what to answer if it doesn't come to its end.
    """

    def __init__(
        self,
        request: Request,
        deadline: Deadline,
        kinesis_video: Any,
        cloudformation: Callable[[], Any],
        interim: Interim,
    ) -> None:
        self._request = request
        self._deadline = deadline
        self._client = kinesis_video
        self._interim = interim
        retries = Retries(deadline)
        self._streams = KinesisVideo(kinesis_video, retries)
        self._stack = Stack(request, cloudformation, retries)

    def handle(self) -> Answer:
        """Do what the event asks for, and say how it went."""
        request_type = self._request.request_type
        try:
            if request_type == "Delete":
                return self._delete()
            if request_type in ("Create", "Update"):
                return self._create_or_update()
            reason = f"the request type is {request_type!r}, it must be Create, Update or Delete"
        except CallError as error:
            what_to_change = _WHAT_TO_CHANGE.get(error.code, "deploy again later")
            reason = f"{self._named_stream()}: {error}; {what_to_change}"
        except (RefusedError, ValueError, ParamValidationError) as error:
            reason = one_line(str(error))
        logger.error("failed", extra={"problem": reason})
        return self._interim.ended_by(reason)

    def _create_or_update(self) -> Answer:
        declaration = Declaration.parse(self._request.resource_type, self._request.properties)
        feature, configuration = declaration.feature, declaration.configuration
        self._streams.validate(feature, configuration)
        stream_arn = self._streams.stream_arn(declaration.stream)
        if stream_arn == self._request.physical_resource_id:
            self._streams.configure(feature, stream_arn, configuration)
        elif (found := self._streams.configuration(feature, stream_arn)) is None:
            self._configure_unconfigured(declaration, stream_arn)
        elif self._adopts():
            self._take_over(declaration, stream_arn)
        elif self._is_rolled_back():
            if not self._request.moved_away:
                # A stream that was made again, or a name that has another value by now: a rollback ends where it began.
                logger.warning("left alone, the rollback leads to another stream", extra={"stream": stream_arn})
                return Answer.success(self._request.physical_resource_id, Verified="false")
            self._take_over(declaration, stream_arn)
        else:
            # Nothing is set, so that a rollback ends where it began.
            holder = self._stack.require_hand_over(declaration, stream_arn, found)
            logger.info("has what is declared, from another resource", extra={"stream": stream_arn, "from": holder})
            return Answer.success(stream_arn, Verified="true")
        self._interim.answer = Answer.success(stream_arn, Verified="false")
        verified = self._verify(declaration, stream_arn)
        # Another stream than before makes another physical id, so that CloudFormation deletes the old one at the end.
        return Answer.success(stream_arn, Verified="true" if verified else "false")

    def _take_over(self, declaration: Declaration, stream_arn: str) -> None:
        """Set the configuration in the place of another one."""
        self._interim.remark = f"; {stream_arn} may have the configuration all the same"
        try:
            self._streams.configure(declaration.feature, stream_arn, declaration.configuration)
        except CallError as error:
            if not error.outcome_unknown:
                self._interim.remark = ""
            raise
        logger.warning("took over a configuration", extra={"stream": stream_arn})

    def _configure_unconfigured(self, declaration: Declaration, stream_arn: str) -> None:
        """Set the configuration, and leave nothing behind if that fails."""
        before = replace(self._interim)
        if self._request.request_type == "Create":
            # The rollback deletes by this id.
            self._interim.answer = replace(before.answer, physical_resource_id=stream_arn)
            streams = self._streams
        else:
            # The rollback goes back to the old stream, and never looks at this one.
            self._interim.remark = f"; {stream_arn} may have the configuration all the same, remove it there"
            streams = KinesisVideo(self._client, Retries(self._deadline.earlier(timing.TAKE_BACK_SECONDS)))
        try:
            streams.configure(declaration.feature, stream_arn, declaration.configuration)
        except CallError as error:
            if not error.outcome_unknown:
                self._interim.answer, self._interim.remark = before.answer, before.remark
            elif self._request.request_type != "Create" and self._taken_back(declaration, stream_arn):
                self._interim.remark = before.remark
            raise

    def _taken_back(self, declaration: Declaration, stream_arn: str) -> bool:
        try:
            self._streams.remove(declaration.feature, stream_arn, declaration.configuration)
        except CallError as error:
            logger.warning("could not take back", extra={"stream": stream_arn, "problem": str(error)})
            return False
        return True

    def _verify(self, declaration: Declaration, stream_arn: str) -> bool:
        """Read the configuration back. It was accepted, so what is odd now is worth a warning and not a rollback."""
        try:
            actual = self._streams.configuration(declaration.feature, stream_arn)
        except CallError as error:
            logger.warning("could not read back", extra={"stream": stream_arn, "problem": str(error)})
            return False
        names = differences(declaration.feature, declaration.configuration, actual or {})
        if names:
            logger.warning("read back otherwise than declared", extra={"stream": stream_arn, "fields": names})
        else:
            logger.info("configured as declared", extra={"stream": stream_arn})
        return not names

    def _delete(self) -> Answer:
        stream_arn = self._request.physical_resource_id
        done = Answer.success(stream_arn or CREATE_FAILED_ID)
        extra: dict[str, Any] = {"stream": stream_arn}
        # A Create that failed, or one that CloudFormation cancelled and made an id up for: nothing is known to be ours.
        if not _STREAM_ARN.fullmatch(stream_arn):
            logger.info("nothing to delete, the resource was never created")
            return done
        if self._adopts():
            logger.warning("left alone, it was taken over: deploy without `adopt_existing` first", extra=extra)
            return done
        declaration = Declaration.parse(self._request.resource_type, self._request.properties, ignore_unknown=True)
        try:
            holder = None if self._stack.is_deleted() else self._stack.holder(stream_arn)
        except CallError as error:
            if error.code == "OutOfTime":
                # CloudFormation tries again.
                raise
            logger.warning("left alone, CloudFormation can't be asked", extra={**extra, "problem": str(error)})
            return done
        if holder is not None:
            logger.info("left alone, another resource has the stream", extra={**extra, "holder": holder})
            return done
        try:
            names = self._streams.remove(declaration.feature, stream_arn, declaration.configuration)
        except CallError as error:
            if error.code not in ("ResourceNotFoundException", "NoDataRetentionException"):
                raise
            logger.info("nothing to delete", extra={**extra, "problem": str(error)})
            return done
        if names:
            logger.warning("left alone, somebody else has changed the configuration", extra={**extra, "fields": names})
        elif names is None:
            logger.info("nothing to delete, the stream has no configuration", extra=extra)
        else:
            logger.info("configuration deleted", extra=extra)
        return done

    def _adopts(self) -> bool:
        return str(self._request.properties.get(ADOPT_EXISTING)).lower() == "true"

    def _is_rolled_back(self) -> bool:
        """Whether the event undoes an update."""
        if self._request.request_type != "Update":
            return False
        try:
            return self._stack.is_rolled_back()
        except CallError as error:
            # What the stream has is then left alone, or handed over.
            logger.warning("CloudFormation can't be asked", extra={"problem": str(error)})
            return False

    def _named_stream(self) -> str:
        properties: Mapping[str, Any] = self._request.properties
        named = properties.get("StreamARN") or properties.get("StreamName")
        return one_line(str(named or self._request.physical_resource_id))
