"""What Lambda calls."""

from __future__ import annotations

import logging
import traceback
from typing import Any, Protocol

from kinesis_video_configuration import Deadline, one_line
from kinesis_video_configuration.timing import ANSWER_RESERVE_SECONDS

from .protocol import Answer, Request, send
from .watchdog import answer_in_time

try:
    from .clients import kinesis_video
    from .lifecycle import handle
except Exception as error:  # an event that is never answered holds its stack until the ServiceTimeout
    _broken: Exception | None = error
else:
    _broken = None

# At DEBUG these write the credentials of their requests.
for _name in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.INFO)

logger = logging.getLogger(__name__)


class Context(Protocol):
    """What is used of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda stops the function."""
        ...


def handler(event: Any, context: Context) -> None:
    """Answer one event of CloudFormation, exactly once.

    Raises
    ------
    AnswerNotSentError
        If CloudFormation did not take the answer; Lambda then repeats the event, and repeating it changes nothing.
    ValueError
        If the event is no event of CloudFormation and so has nobody to answer to.
    """
    deadline = Deadline(context.get_remaining_time_in_millis() / 1000 - ANSWER_RESERVE_SECONDS)
    request = Request.from_event(event)
    logger.info("event", extra={"request_type": request.request_type, "logical_id": request.logical_resource_id})
    send(request, _answer(request, deadline))


def _answer(request: Request, deadline: Deadline) -> Answer:
    try:
        if _broken is not None:
            raise _broken
        return answer_in_time(lambda: handle(request, deadline, kinesis_video), deadline)
    except Exception as error:
        # Where it happened, and what: the message may be of any length and origin, so no plain traceback.
        frames = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        problem = one_line(f"{type(error).__name__}: {error}")
        logger.error("failed", extra={"problem": problem, "frames": frames})
        return Answer.failed(request, problem)
