"""Create, update and delete the configuration of a stream.

A stream has one configuration, so the last writer wins. Create and Update set the declared configuration on a stream
that has none yet or that this resource holds; `ownership` decides when they can take over another one. Delete removes
only the configuration that its own event declares, at the ARN in the event, and only if no other resource of the stack
holds the stream.

AWS's answers may be some seconds old, so an answer that may have come too early is requested again before it counts.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from botocore.exceptions import ParamValidationError

from kinesis_video_configuration import Deadline, Declaration, differences, one_line, timing
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import KinesisVideo

from .ownership import Kept, RefusedError, Stack, Written
from .protocol import CREATE_FAILED_ID, Answer, Interim, Request

logger = logging.getLogger(__name__)

_STREAM_ARN = re.compile(r"arn:[a-z\d-]+:kinesisvideo:[a-z0-9-]+:[0-9]+:stream/[a-zA-Z0-9_.-]+/[0-9]+")

_WHAT_TO_CHANGE = {
    "NoDataRetentionException": "its data retention is 0, set the stream's data retention to at least 1 hour",
    "ResourceNotFoundException": "this account and Region have no such stream, correct `stream` or create it first",
    "InvalidArgumentException": "the service refuses the configuration, correct the properties that it names",
    "ClientLimitExceededException": "deploy again when fewer callers share the quota of this account",
    "ResourceInUseException": "deploy again when the stream is ACTIVE",
}
_DENIED = (
    "the function's role needs this permission on the streams of its own account and Region; if it has it, look for a "
    "denial in a service control policy, a permissions boundary or a session policy"
)


class Lifecycle:
    """Handles one event, and keeps `interim` up to date: the answer to give if the work doesn't end."""

    def __init__(
        self,
        request: Request,
        deadline: Deadline,
        kinesis_video: Any,
        cloudformation: Callable[[], Any],
        interim: Interim,
        written: Written,
    ) -> None:
        self._request = request
        self._deadline = deadline
        self._interim = interim
        self._written = written
        # A failed update needs time to undo what it may have set, or to read what the stream has.
        kept_back = timing.TAKE_BACK_SECONDS if request.request_type == "Update" else 0
        self._streams = KinesisVideo(kinesis_video, Retries(deadline.earlier(kept_back)))
        retries = Retries(deadline)
        self._streams_afterwards = KinesisVideo(kinesis_video, retries)
        self._stack = Stack(request, cloudformation, retries)
        self._stream_arn = ""

    def handle(self) -> Answer:
        """Carry out the event, and return the answer to it."""
        request_type = self._request.request_type
        try:
            if request_type == "Delete":
                return self._delete()
            if request_type in ("Create", "Update"):
                return self._create_or_update()
            reason = f"the request type is {request_type!r}, it must be Create, Update or Delete"
        except CallError as error:
            if self._is_back_already():
                logger.warning("not set, it is as it was before", extra={"problem": str(error)})
                return Answer.success(self._stream_arn, Verified="false")
            what_to_change = _WHAT_TO_CHANGE.get(error.code, _DENIED if error.denied else "deploy again later")
            reason = f"{self._named_stream()}: {error}; {what_to_change}"
        except (RefusedError, ValueError, ParamValidationError) as error:
            reason = one_line(str(error))
        logger.error("failed", extra={"problem": reason})
        return self._interim.ended_by(reason)

    def _create_or_update(self) -> Answer:
        declaration = Declaration.parse(self._request.resource_type, self._request.properties)
        feature, configuration = declaration.feature, declaration.configuration
        self._streams.validate(feature, configuration)
        request = self._request
        if request.is_at(request.properties):
            self._stream_arn = request.physical_resource_id
        self._stream_arn = stream_arn = self._streams.stream_arn(declaration.stream)
        if stream_arn == request.physical_resource_id:
            self._streams.configure(feature, stream_arn, configuration)
        elif (answer := self._configure_another(declaration, stream_arn)) is not None:
            return answer
        self._interim.answer = Answer.success(stream_arn, Verified="false")
        verified = self._verify(declaration, stream_arn)
        # Another stream has another physical id, so that CloudFormation deletes the old one at the end.
        return Answer.success(stream_arn, Verified="true" if verified else "false")

    def _configure_another(self, declaration: Declaration, stream_arn: str) -> Answer | None:
        """Set the configuration of a stream that the resource doesn't hold yet; return an answer if nothing was set."""
        refused: RefusedError | None = None
        for _ in self._looks():
            found = self._streams.configuration(declaration.feature, stream_arn)
            if found is None:
                self._configure_unconfigured(declaration, stream_arn)
                return None
            if self._written.has(self._request, stream_arn, declaration.feature, found):
                if differences(declaration.feature, declaration.configuration, found):
                    self._configure_unconfigured(declaration, stream_arn, is_own=True)
                    return None
                logger.info("has what is declared, from this event", extra={"stream": stream_arn})
                return Answer.success(stream_arn, Verified="true")
            if self._adopts():
                self._take_over(declaration, stream_arn)
                return None
            if self._is_rolled_back():
                if self._request.moved_away:
                    self._take_over(declaration, stream_arn)
                    return None
                # The stream was created again, or its name has another value now. A rollback restores what was before.
                logger.warning("left alone, the rollback leads to another stream", extra={"stream": stream_arn})
                return Answer.success(self._request.physical_resource_id, Verified="false")
            try:
                # Nothing is set, so that a rollback restores what was before.
                holder = self._stack.require_hand_over(declaration, stream_arn, found)
            except RefusedError as error:
                refused = error
            else:
                logger.info("has what is declared, from another resource", extra={"stream": stream_arn, "from": holder})
                return Answer.success(stream_arn, Verified="true")
        assert refused is not None
        raise refused

    def _looks(self) -> Iterator[None]:
        """Yield twice, with seconds in between, if there is time: too little is left only if the event is old."""
        yield
        if self._may_look_again():
            timing.sleep(timing.SECOND_LOOK_SECONDS)
            yield

    def _may_look_again(self) -> bool:
        return self._deadline.remaining() > timing.SECOND_LOOK_SECONDS + timing.TAKE_BACK_SECONDS

    def _is_back_already(self) -> bool:
        """Whether a failed update is a rollback to a stream that has already what the event declares."""
        request, stream_arn = self._request, self._stream_arn
        # In place, or back to the stream that the resource left.
        is_where = stream_arn == request.physical_resource_id or (stream_arn and request.moved_away)
        if request.request_type != "Update" or not is_where:
            return False
        try:
            declaration = Declaration.parse(request.resource_type, request.properties)
            for _ in self._looks():
                rolled_back = self._stack.is_rolled_back()
                if not rolled_back and not self._may_look_again():
                    return False
                found = self._streams_afterwards.configuration(declaration.feature, stream_arn)
                is_back = not differences(declaration.feature, declaration.configuration, found or {})
                if is_back is rolled_back:
                    return is_back
        except CallError as error:
            logger.warning("not known whether it is as before", extra={"problem": str(error)})
        return False

    def _take_over(self, declaration: Declaration, stream_arn: str) -> None:
        """Replace a configuration that this resource doesn't hold."""
        self._interim.remark = f"; {stream_arn} may have the configuration all the same"
        try:
            self._streams.configure(declaration.feature, stream_arn, declaration.configuration)
        except CallError as error:
            if not error.outcome_unknown:
                self._interim.remark = ""
            raise
        logger.warning("took over a configuration", extra={"stream": stream_arn})

    def _configure_unconfigured(self, declaration: Declaration, stream_arn: str, *, is_own: bool = False) -> None:
        """Set the configuration, and leave nothing behind if that fails."""
        before = replace(self._interim)
        if self._request.request_type == "Create":
            # The rollback deletes by this id.
            self._interim.answer = replace(before.answer, physical_resource_id=stream_arn)
        else:
            # The rollback returns to the old stream, and never looks at this one.
            self._interim.remark = f"; {stream_arn} may have the configuration all the same, remove it there"
        if not is_own:
            self._written.keep(self._request, stream_arn, declaration.configuration)
        try:
            self._streams.configure(declaration.feature, stream_arn, declaration.configuration)
        except CallError as error:
            if is_own:
                raise
            if not error.outcome_unknown:
                self._interim.answer, self._interim.remark = before.answer, before.remark
                self._written.forget(self._request, stream_arn)
            elif self._request.request_type != "Create" and self._taken_back(declaration, stream_arn):
                self._interim.remark = before.remark
            raise

    def _taken_back(self, declaration: Declaration, stream_arn: str) -> bool:
        try:
            for earlier_looks, _ in enumerate(self._looks()):
                names = self._streams_afterwards.remove(declaration.feature, stream_arn, declaration.configuration)
                # Nothing may be there yet at the first look.
                if names is not None or earlier_looks:
                    self._written.forget(self._request, stream_arn)
                    return True
        except CallError as error:
            logger.warning("could not take back", extra={"stream": stream_arn, "problem": str(error)})
        return False

    def _verify(self, declaration: Declaration, stream_arn: str) -> bool:
        """Read the configuration back. The service has accepted it, so a difference is a warning and not a failure."""
        names: list[str] = []
        for _ in self._looks():
            try:
                actual = self._streams_afterwards.configuration(declaration.feature, stream_arn)
            except CallError as error:
                logger.warning("could not read back", extra={"stream": stream_arn, "problem": str(error)})
                return False
            names = differences(declaration.feature, declaration.configuration, actual or {})
            if not names:
                logger.info("configured as declared", extra={"stream": stream_arn})
                return True
        logger.warning("read back otherwise than declared", extra={"stream": stream_arn, "fields": names})
        return False

    def _delete(self) -> Answer:
        stream_arn = self._request.physical_resource_id
        done = Answer.success(stream_arn or CREATE_FAILED_ID)
        extra: dict[str, Any] = {"stream": stream_arn}
        # A Create that failed, or one that was cancelled and got a generated id: nothing is known to be ours.
        if not _STREAM_ARN.fullmatch(stream_arn):
            logger.info("nothing to delete, the resource was never created")
            return done
        if self._adopts():
            logger.warning("left alone, it was taken over: deploy without `adopt_existing` first", extra=extra)
            return done
        try:
            declaration = Declaration.parse(self._request.resource_type, self._request.properties, ignore_unknown=True)
        except ValueError as error:
            logger.warning("left alone, what can't be read was never set", extra={**extra, "problem": str(error)})
            return done
        try:
            self._remove(declaration, stream_arn)
        except CallError as error:
            if error.code not in ("ResourceNotFoundException", "NoDataRetentionException"):
                raise
            logger.info("nothing to delete", extra={**extra, "problem": str(error)})
        # From now on, a configuration of the stream is somebody else's.
        self._written.forget(self._request, stream_arn)
        return done

    def _remove(self, declaration: Declaration, stream_arn: str) -> None:
        """Remove the declared configuration, if the stream has it and no other resource holds the stream."""
        extra: dict[str, Any] = {"stream": stream_arn}
        names: list[str] | None = []
        for _ in self._looks():
            found = self._streams.configuration(declaration.feature, stream_arn)
            names = differences(declaration.feature, declaration.configuration, found) if found else None
            if names == []:
                if self._is_kept(stream_arn):
                    return
                names = self._streams.remove(declaration.feature, stream_arn, declaration.configuration)
            if names == []:
                break
        if names:
            logger.warning("left alone, somebody else has changed the configuration", extra={**extra, "fields": names})
        elif names is None:
            logger.info("nothing to delete, the stream has no configuration", extra=extra)
        else:
            logger.info("configuration deleted", extra=extra)

    def _is_kept(self, stream_arn: str) -> bool:
        """Whether the stream is left alone: CloudFormation knows a reason, or can't be asked.

        Raises
        ------
        CallError
            If CloudFormation answers but is busy: it repeats the Delete later.
        """
        kept: Kept | None = None
        extra: dict[str, Any] = {"stream": stream_arn}
        try:
            for _ in self._looks():
                kept = self._stack.kept(stream_arn)
                if kept is None or kept.is_final:
                    break
        except CallError as error:
            if error.code == "OutOfTime" or (error.passing and (error.reached or self._stack.is_reached)):
                raise
            # If CloudFormation can't be reached at all, a failure would make the stack undeletable.
            kept = Kept("left alone, CloudFormation can't be asked", {"problem": str(error)})
        if kept is None:
            return False
        logger.log(kept.level, kept.why, extra={**extra, **kept.extra})
        return True

    def _adopts(self) -> bool:
        flag = self._request.properties.get("AdoptExisting")
        return flag is True or (isinstance(flag, str) and flag.lower() == "true")

    def _is_rolled_back(self) -> bool:
        """Whether the event undoes an update."""
        if self._request.request_type != "Update":
            return False
        try:
            return self._stack.is_rolled_back()
        except CallError as error:
            # The stream's configuration is then left alone or handed over.
            logger.warning("CloudFormation can't be asked", extra={"problem": str(error)})
            return False

    def _named_stream(self) -> str:
        request = self._request
        named = request.properties.get("StreamARN") or request.properties.get("StreamName")
        return one_line(str(named or request.physical_resource_id))
