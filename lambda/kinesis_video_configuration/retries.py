"""The policy for retrying calls.

botocore's own retries are off (see `service`): no mode of theirs retries this service's throttling or its
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
"""What AWS calls it if a permission is missing, or has not reached every part of IAM yet. The HTTP statuses 401 and 403
say so, too."""

THROTTLED_OR_BUSY = frozenset(
    {
        "ClientLimitExceededException",
        "ResourceInUseException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
    }
)
"""What AWS calls it if too much is asked of it, or if the stream is being changed. The HTTP statuses 429 and 5xx say
so, too."""

_LOST = (exceptions.ConnectionError, exceptions.HTTPClientError, ResponseParserError)

_NEVER_SENT = (
    exceptions.ConnectTimeoutError,
    exceptions.EndpointConnectionError,
    exceptions.ProxyConnectionError,
)

_T = TypeVar("_T")


class CallError(Exception):
    """A call failed.

    Attributes
    ----------
    operation
        The API's name of the call.
    code
        The service's name of the error, such as ResourceNotFoundException; of a connection's error its class.
    outcome_unknown
        Whether the service may have done what it was asked for: a reply was lost, late, or broken.
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
        self._message = message

    @classmethod
    def of(cls, operation: str, error: Exception) -> CallError:
        """Judge an error that botocore raised."""
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
            passing=code in THROTTLED_OR_BUSY or status == 429 or status >= 500,
            outcome_unknown=status >= 500,
            denied=status in (401, 403),
        )


def pages(ask: Callable[..., Mapping[str, Any]], **parameters: Any) -> Iterator[Mapping[str, Any]]:
    """Ask for one page after the other, with something like ``partial(retries.call, client, "list_exports")``."""
    token: dict[str, Any] = {}
    while True:
        page = ask(**parameters, **token)
        yield page
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


class Retries:
    """The policy for all calls of one piece of work, such as one event.

    Throttling, a busy stream, errors of the service and lost connections are retried until the deadline, denied
    access for a while; everything else fails at once.

    Parameters
    ----------
    deadline
        When the work must be over, in time for its last call to end.
    denied
        Until when denied access is waited for, if that is shared with other work. Default: a while from now.
    """

    def __init__(self, deadline: timing.Deadline, denied: timing.Deadline | None = None) -> None:
        self._deadline = deadline
        self._denied = denied or timing.Deadline(timing.ACCESS_DENIED_SECONDS)

    def once(self, client: Any, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call a client of `service` one time.

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
        except (ClientError, *_LOST) as error:
            raise CallError.of(name, error) from error
        return response

    def call(self, client: Any, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call until it succeeds, fails for good, or no time is left for another call.

        Raises
        ------
        CallError
            If it failed; it has the last failure, and whether any of the calls may have been carried out.
        """
        return self.repeat(lambda: self.once(client, operation, **parameters))

    def repeat(self, unit: Callable[[], _T], calls: int = 1) -> _T:
        """Do what belongs together, as `call` does: at most this many calls of `once`."""
        start = timing.now()
        longest_wait = timing.FIRST_WAIT_SECONDS
        outcome_unknown = reached = False
        attempt = 0
        while True:
            attempt += 1
            try:
                return unit()
            except CallError as error:
                outcome_unknown = outcome_unknown or error.outcome_unknown
                reached = reached or error.reached
                # Full jitter: callers that were throttled together must not come back together.
                wait = random.uniform(0, longest_wait)
                if not self._worth_another(error, wait + calls * timing.CALL_SECONDS, wait):
                    message = error._message
                    if attempt > 1:
                        message += f" (call {attempt}, after {timing.now() - start:.0f} s)"
                    raise CallError(
                        error.operation,
                        error.code,
                        message,
                        passing=error.passing,
                        outcome_unknown=outcome_unknown,
                        denied=error.denied,
                        reached=reached,
                    ) from error
            timing.sleep(wait)
            longest_wait = min(longest_wait * 2, timing.LONGEST_WAIT_SECONDS)

    def _worth_another(self, error: CallError, takes: float, wait: float) -> bool:
        if self._deadline.remaining() <= takes:
            return False
        return error.passing or (error.denied and self._denied.remaining() > wait)
