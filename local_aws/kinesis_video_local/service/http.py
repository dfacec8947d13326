"""The request and the answer of a service; both can stream at the same time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Caller(Protocol):
    """The caller that signed a request.

    What needs a permission raises DeniedError if the current policies deny it, and ServiceError if the credentials are
    invalid.
    """

    @property
    def account(self) -> str:
        """The account of the call."""

    @property
    def region(self) -> str:
        """The Region of the call."""

    def identity(self) -> Mapping[str, Any]:
        """Return CloudTrail's ``userIdentity``."""

    def authenticate(self, body: bytes) -> None:
        """Check the signature, with the body that was read, or without one."""

    def check(self, action: str, resource: str) -> None:
        """Check the permission for an action on an ARN, or on ``*`` if the action has no resource."""

    def key_error(self, key_id: str, action: str) -> str | None:
        """Return why a key can't be used for an action, as the error code of an acknowledgement; None if it can.

        The key is given by its id, its ARN or an alias.
        """

    async def put_object(self, bucket: str, key: str, headers: Mapping[str, str], body: bytes) -> None:
        """Put an object into a bucket. The names of the headers are in lower case.

        An error of Amazon S3 is a ServiceError.
        """

    def publish(self, topic_arn: str, subject: str, message: str) -> None:
        """Publish to a topic. An error of Amazon SNS is a ServiceError."""


class DeniedError(Exception):
    """IAM denies an action; the message is AWS's sentence about it."""


class ClientGoneError(ConnectionError):
    """The client disconnected before the end of its body."""


class ConnectionCutError(ConnectionError):
    """Tells the server to cut the connection in the middle of the answer."""


@dataclass(frozen=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    """Without the query."""
    headers: Mapping[str, str]
    """The headers, by their names in lower case."""
    body: AsyncIterator[bytes]
    """The body as it arrives. It raises ClientGoneError if the client goes away before its end."""
    caller: Caller
    scheme: str
    """``http`` or ``https``."""
    client_gone: Callable[[], Awaitable[None]]
    """Returns when the client has gone away; for a request whose body was read to its end."""
    query: Mapping[str, str] = field(default_factory=dict)
    """The last value of each name in the query."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes | AsyncGenerator[bytes, None]
    """The whole body, or the pieces of a body that is sent while it is made. They may raise ConnectionCutError."""
