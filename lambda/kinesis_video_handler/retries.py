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

from . import clock

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 5.0

CALL_SECONDS = 8.0
"""What one call may take: the connect and read timeouts of `service`. No call starts later than this before the end."""

ACCESS_DENIED_SECONDS = 60.0
"""How long a right may take to reach every part of IAM after CloudFormation has created the role."""

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


def error_code(error: Exception) -> str:
    """Name an error as the service does, such as ResourceNotFoundException; others by their class."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else type(error).__name__


class Retries:
    """The policy for all calls of one event.

    Parameters
    ----------
    deadline
        When the event must have its answer.
    access_denied_seconds
        How long AccessDeniedException is believed to be IAM still spreading a new right; 0 for a final no.
    """

    def __init__(self, deadline: clock.Deadline, access_denied_seconds: float) -> None:
        self._deadline = deadline
        self._access_denied = clock.Deadline(access_denied_seconds)

    def call(self, operation: Callable[[], _T]) -> _T:
        """Call until it succeeds, fails for good, or no time is left for another call.

        Raises
        ------
        TimeoutError
            If no time is left for the first call.
        Exception
            The last error of the call.
        """
        if self._deadline.remaining() < CALL_SECONDS:
            raise TimeoutError("no time was left for a call of Kinesis Video Streams")
        longest_wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return operation()
            except (ClientError, *_TRANSIENT) as error:
                # Full jitter: callers that were throttled together must not come back together.
                wait = random.uniform(0, longest_wait)
                if not self._worth_another(error, wait):
                    raise
            clock.sleep(wait)
            longest_wait = min(longest_wait * 2, LONGEST_WAIT_SECONDS)

    def _worth_another(self, error: Exception, wait: float) -> bool:
        if self._deadline.remaining() < wait + CALL_SECONDS:
            return False
        if not isinstance(error, ClientError):
            return True
        if error_code(error) in _DENIED:
            return self._access_denied.remaining() > wait
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error_code(error) in _THROTTLED_OR_BUSY or status == 429 or status >= 500
