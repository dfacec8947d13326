"""The entry point of the function."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any, Protocol

from kinesis_video_configuration import Deadline, one_line
from kinesis_video_configuration.timing import ANSWER_RESERVE_SECONDS

from .protocol import Answer, Interim, Request, require_own_stack, send

try:
    from .clients import cloudformation, kinesis_video
    from .gate import answer_in_time
    from .lifecycle import Lifecycle
    from .ownership import Written
except Exception as error:  # an event that is never answered holds its stack until the ServiceTimeout
    _broken: Exception | None = error
else:
    _broken = None
    _written = Written()

logger = logging.getLogger(__name__)

MAX_FRAMES = 20
"""The number of frames, the innermost ones, that the log has of an unexpected error."""

MAX_REMEMBERED = 500
"""The number of answers that a container keeps: as many as a stack can have resources."""

# Lambda repeats an event whose answer was not accepted, and sometimes delivers one twice. Processing it again could
# undo what CloudFormation has changed since, and a repeated Create would find its own configuration.
_answered: dict[str, Answer] = {}


class Context(Protocol):
    """The part of Lambda's context that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda stops the function."""
        ...


def handler(event: Any, context: Context) -> None:
    """Answer one event of CloudFormation, exactly once; or look for drift, if EventBridge invokes it.

    Raises
    ------
    AnswerNotSentError
        If CloudFormation did not accept the answer; Lambda then repeats the event.
    ValueError
        If the event isn't CloudFormation's, or isn't about the function's own stack. It gets no answer then.
    """
    seconds = context.get_remaining_time_in_millis() / 1000
    function_arn = getattr(context, "invoked_function_arn", "")
    if isinstance(event, Mapping) and "Declarations" in event:
        require_own_stack(event.get("StackId"), function_arn)
        _check(event, Deadline(seconds))
        return
    request = Request.from_event(event)
    require_own_stack(request.stack_id, function_arn)
    logger.info("event", extra={"request_type": request.request_type, "logical_id": request.logical_resource_id})
    end = Deadline(seconds)
    answer = _answered.get(request.identity)
    if answer is None:
        answer = _answer(request, Deadline(min(seconds, request.seconds_left()) - ANSWER_RESERVE_SECONDS))
        _answered[request.identity] = answer
        if len(_answered) > MAX_REMEMBERED:
            del _answered[next(iter(_answered))]
    send(request, answer, end)


def _check(event: Mapping[str, Any], deadline: Deadline) -> None:
    """Look for drift. The import is here so that an error in it affects no event of CloudFormation."""
    if _broken is not None:
        raise _broken
    from kinesis_video_drift.check import check

    from .clients import eventbridge

    check(event, deadline, kinesis_video, cloudformation, eventbridge)


def _answer(request: Request, deadline: Deadline) -> Answer:
    interim = Interim(Answer.failed(request))
    try:
        if _broken is not None:
            raise _broken
        if request.seconds_left() <= 0:
            raise TimeoutError("the event is so old that CloudFormation has given it up, so nothing was changed")
        work = Lifecycle(request, deadline, kinesis_video, cloudformation, interim, _written)
        return answer_in_time(work.handle, deadline)
    except BaseException as error:  # whatever it is, CloudFormation waits
        # The frames and the message instead of a traceback, since the message may have any length and origin.
        frames = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__, limit=-MAX_FRAMES)
        ]
        problem = one_line(f"{type(error).__name__}: {error}")
        logger.error("failed", extra={"problem": problem, "frames": frames})
        return interim.ended_by(problem)
