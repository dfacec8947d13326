"""The policy for retrying calls of AWS, for every function and command.

botocore's own retries are off (see `service`): none of its modes retries this service's throttling or its
ResourceInUseException, and two policies on top of each other can't keep a deadline.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from . import timing
from .text import one_line

DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "InvalidClientTokenId",
        "InvalidClientTokenIdException",
        "NotAuthorized",
        "NotAuthorizedException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
"""The errors that AWS returns if a permission is missing, or has not reached every part of IAM yet. The HTTP statuses
401 and 403 mean the same."""

THROTTLED_OR_BUSY = frozenset(
    {
        "BandwidthLimitExceeded",
        "ClientLimitExceededException",
        "ConnectionLimitExceededException",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ResourceInUseException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""The errors that AWS returns if it gets too many calls, or if the stream is being changed. The HTTP statuses 408, 429
and 5xx mean the same."""

_LOST = (
    exceptions.ConnectionError,
    exceptions.HTTPClientError,
    exceptions.IncompleteReadError,
    ResponseParserError,
)

_NEVER_SENT = (
    exceptions.ConnectTimeoutError,
    exceptions.EndpointConnectionError,
    exceptions.ProxyConnectionError,
)

# What AWS calls the token of the next page in a response, and in the request for that page.
_PAGE_TOKENS = {"NextToken": "NextToken", "NextContinuationToken": "ContinuationToken", "NextMarker": "Marker"}

_T = TypeVar("_T")


def is_passing(code: str, status: int) -> bool:
    """Whether a call that failed with this error and this HTTP status may succeed later."""
    return code in THROTTLED_OR_BUSY or status in (408, 429) or status >= 500


def waits(first: float = timing.FIRST_WAIT_SECONDS, longest: float = timing.LONGEST_WAIT_SECONDS) -> Iterator[float]:
    """Yield the seconds to wait before each further attempt.

    They are random in a span that doubles from the first to the longest: callers that were throttled together must not
    come back together.
    """
    span = first
    while True:
        yield random.uniform(0, span)
        span = min(span * 2, longest)


class CallError(Exception):
    """A call failed. Its cause is botocore's error, if there is one.

    Attributes
    ----------
    operation
        The API's name of the call.
    code
        The service's name of the error, such as ResourceNotFoundException; of a connection's error its class.
    outcome_unknown
        Whether the service may have done what the call asks for: a reply was lost, late, or broken.
    denied
        Whether the caller has no permission, or not yet.
    passing
        Whether the call may succeed later: the service is busy, or there was no connection.
    reached
        Whether any attempt had a connection.
    """

    def __init__(
        self,
        operation: str,
        code: str,
        message: str,
        *,
        passing: bool = False,
        outcome_unknown: bool = False,
        denied: bool = False,
        reached: bool = True,
    ) -> None:
        super().__init__(f"{operation}: {code}: {one_line(message, limit=500)}")
        self.operation = operation
        self.code = code
        self.outcome_unknown = outcome_unknown
        self.denied = denied or code in DENIED
        self.passing = passing
        self.reached = reached

    @classmethod
    def of(cls, operation: str, error: Exception) -> CallError:
        """Classify an error that botocore raised."""
        if not isinstance(error, ClientError):
            sent = not isinstance(error, _NEVER_SENT)
            return cls(operation, type(error).__name__, str(error), passing=True, outcome_unknown=sent, reached=sent)
        told = error.response["Error"]
        code = told.get("Code", "")
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return cls(
            operation,
            code,
            told.get("Message", ""),
            passing=is_passing(code, status),
            outcome_unknown=status >= 500,
            denied=status in (401, 403),
        )


def pages(ask: Callable[..., Mapping[str, Any]], **parameters: Any) -> Iterator[Mapping[str, Any]]:
    """Request one page after the other, with something like ``partial(retries.call, client, "list_exports")``."""
    token: dict[str, Any] = {}
    while True:
        page = ask(**parameters, **token)
        yield page
        token = {name: page[of_page] for of_page, name in _PAGE_TOKENS.items() if page.get(of_page)}
        if not token:
            return


class Retries:
    """The policy for all calls of one piece of work, such as one event.

    Throttling, a busy stream, errors of the service and lost connections are retried until the deadline, and denied
    access for a shorter time. Every other error is final.

    Parameters
    ----------
    deadline
        When the work must be over, in time for its last call to end.
    denied
        Until when denied access is retried, if other work shares that time. Default: 60 seconds from now.
    """

    def __init__(self, deadline: timing.Deadline, denied: timing.Deadline | None = None) -> None:
        self._deadline = deadline
        self._denied = denied or timing.Deadline(timing.ACCESS_DENIED_SECONDS)

    def once(self, client: Any, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call a client of `service` one time. A stream in the response is read to its end.

        Raises
        ------
        CallError
            If it failed, or no time was left for it.
        """
        name = client.meta.method_to_api_mapping[operation]
        if self._deadline.remaining() <= timing.CALL_SECONDS:
            raise CallError(name, "OutOfTime", "no time was left to call it")
        try:
            response: dict[str, Any] = getattr(client, operation)(**parameters)
            return {key: value.read() if hasattr(value, "read") else value for key, value in response.items()}
        except (ClientError, *_LOST) as error:
            raise CallError.of(name, error) from error

    def call(self, client: Any, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call until it succeeds, fails for good, or no time is left for another call.

        Raises
        ------
        CallError
            If it failed. It has the last failure, and says whether any of the calls may have been carried out.
        """
        return self.repeat(lambda: self.once(client, operation, **parameters))

    def repeat(self, unit: Callable[[], _T], calls: int = 1) -> _T:
        """Repeat calls that belong together as `call` does: at most this many calls of `once`."""
        start = timing.now()
        pauses = waits()
        outcome_unknown = reached = False
        attempt = 0
        while True:
            attempt += 1
            try:
                return unit()
            except CallError as error:
                outcome_unknown = outcome_unknown or error.outcome_unknown
                reached = reached or error.reached
                wait = next(pauses)
                if not self._worth_another(error, wait + calls * timing.CALL_SECONDS, wait):
                    error.outcome_unknown, error.reached = outcome_unknown, reached
                    if attempt > 1:
                        error.args = (f"{error} (call {attempt}, after {timing.now() - start:.0f} s)",)
                    raise
            timing.sleep(wait)

    def _worth_another(self, error: CallError, takes: float, wait: float) -> bool:
        if self._deadline.remaining() <= takes:
            return False
        return error.passing or (error.denied and self._denied.remaining() > wait)
