"""When a call is made again.

botocore's own retries are off (see `service`): no mode of theirs retries this service's throttling or its
ResourceInUseException, and two policies on top of each other can't keep a deadline.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from . import timing
from .text import one_line

_THROTTLED_OR_BUSY = {
    "ClientLimitExceededException",
    "ResourceInUseException",
    "LimitExceededException",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
}

_DENIED = {"AccessDeniedException", "NotAuthorizedException"}

_TRANSIENT = (exceptions.ConnectionError, exceptions.HTTPClientError, ResponseParserError)

_T = TypeVar("_T")


class CallError(Exception):
    """A call failed for good, or until no time was left for another one.

    Attributes
    ----------
    code
        The service's name of the error, such as ResourceNotFoundException; of a connection's error its class.
    """

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation}: {code}: {one_line(message, limit=500)}")
        self.code = code


class Retries:
    """The policy for all calls of one piece of work, such as one event.

    Parameters
    ----------
    deadline
        When the work must be over.
    access_denied_seconds
        How long AccessDeniedException is believed to be IAM still spreading a new right; 0 for a final no.
    """

    def __init__(self, deadline: timing.Deadline, access_denied_seconds: float = timing.ACCESS_DENIED_SECONDS) -> None:
        self._deadline = deadline
        self._access_denied = timing.Deadline(access_denied_seconds)

    def call(self, name: str, operation: Callable[[], _T]) -> _T:
        """Call until it succeeds, fails for good, or no time is left for another call.

        Raises
        ------
        CallError
            If it failed; it tells the last failure.
        """
        if self._deadline.remaining() <= timing.CALL_SECONDS:
            raise CallError(name, "OutOfTime", "no time was left to call it")
        start = timing.now()
        longest_wait = timing.FIRST_WAIT_SECONDS
        attempt = 0
        while True:
            attempt += 1
            try:
                return operation()
            except (ClientError, *_TRANSIENT) as error:
                # Full jitter: callers that were throttled together must not come back together.
                wait = random.uniform(0, longest_wait)
                if not self._worth_another(error, wait):
                    code, message = _told_by(error)
                    if attempt > 1:
                        message += f" (call {attempt}, after {timing.now() - start:.0f} s)"
                    raise CallError(name, code, message) from error
            timing.sleep(wait)
            longest_wait = min(longest_wait * 2, timing.LONGEST_WAIT_SECONDS)

    def _worth_another(self, error: Exception, wait: float) -> bool:
        if self._deadline.remaining() <= wait + timing.CALL_SECONDS:
            return False
        if not isinstance(error, ClientError):
            return True
        code, _ = _told_by(error)
        if code in _DENIED:
            return self._access_denied.remaining() > wait
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code in _THROTTLED_OR_BUSY or status == 429 or status >= 500


def _told_by(error: Exception) -> tuple[str, str]:
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        return told.get("Code", ""), told.get("Message", "")
    return type(error).__name__, str(error)
