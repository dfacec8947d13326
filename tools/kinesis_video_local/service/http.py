"""A request as a service sees it, and its answer; both may stream, and at the same time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol


class Caller(Protocol):
    """Whoever signed a request."""

    @property
    def account(self) -> str:
        """Tell whose account the call is about."""

    @property
    def region(self) -> str:
        """Tell which Region the call is about."""

    def authenticate(self, body: bytes) -> None:
        """Check the signature, over a body that was read, or over none.

        Raises
        ------
        ServiceError
            If the credentials are no good.
        """

    def check(self, action: str, resource: str) -> None:
        """Check, by the policies of this moment, the right to an action on a resource; `authenticate` comes first.

        Parameters
        ----------
        action
            The IAM action, such as ``s3:PutObject``.
        resource
            The ARN that the policies are checked against; ``*`` if the action is on none.

        Raises
        ------
        DeniedError
            If the policies don't allow it.
        ServiceError
            If the credentials aren't good any more.
        """


class DeniedError(Exception):
    """IAM denies an action; the message is AWS's sentence about it."""


class ClientGoneError(ConnectionError):
    """The client went away before the end of its body."""


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    Attributes
    ----------
    method, path
        Of the request line, without the query.
    headers
        The headers, by their names in lower case.
    body
        The body as it arrives. It raises ClientGoneError if the client goes away before its end.
    caller
        Whoever signed it.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]
    caller: Caller


@dataclass(frozen=True)
class Answer:
    """One HTTP answer.

    Attributes
    ----------
    status
        The HTTP status.
    headers
        The headers.
    body
        The whole body, or the pieces of a body that is sent while it is made.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | AsyncGenerator[bytes, None]
