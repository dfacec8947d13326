"""The request and the answer of a service; both can stream at the same time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Caller(Protocol):
    """The caller that signed a request."""

    @property
    def account(self) -> str:
        """The account of the call."""

    @property
    def region(self) -> str:
        """The Region of the call."""

    def identity(self) -> Mapping[str, Any]:
        """Return CloudTrail's ``userIdentity``."""

    def authenticate(self, body: bytes) -> None:
        """Check the signature, with the body that was read, or without one.

        Raises
        ------
        ServiceError
            If the credentials are invalid.
        """

    def check(self, action: str, resource: str) -> None:
        """Check the permission for an action on a resource, with the current policies, after `authenticate`.

        Parameters
        ----------
        action
            The IAM action, such as ``s3:PutObject``.
        resource
            The ARN that the policies must allow; ``*`` if the action has no resource.

        Raises
        ------
        DeniedError
            If the policies don't allow it.
        ServiceError
            If the credentials are no longer valid.
        """

    def key_error(self, key_id: str, action: str) -> str | None:
        """Return why a key can't be used, as the error code of an acknowledgement of PutMedia; None if it can.

        Parameters
        ----------
        key_id
            The id, the ARN or an alias of the key.
        action
            The action that uses it, such as ``kms:GenerateDataKey``.
        """

    async def put_object(self, bucket: str, key: str, headers: Mapping[str, str], body: bytes) -> None:
        """Put an object into a bucket, if the current policies allow it.

        Parameters
        ----------
        bucket
            The name of the bucket.
        key
            The key of the object.
        headers
            The headers of the request, by their names in lower case.
        body
            The object.

        Raises
        ------
        DeniedError
            If the policies don't allow it.
        ServiceError
            If Amazon S3 answers with an error.
        """

    def publish(self, topic_arn: str, subject: str, message: str) -> None:
        """Publish to a topic, if the current policies allow it.

        Parameters
        ----------
        topic_arn
            The ARN of the topic.
        subject
            The subject.
        message
            The message.

        Raises
        ------
        DeniedError
            If the policies don't allow it.
        ServiceError
            If Amazon SNS answers with an error.
        """


class DeniedError(Exception):
    """IAM denies an action; the message is AWS's sentence about it."""


class ClientGoneError(ConnectionError):
    """The client disconnected before the end of its body."""


class ConnectionCutError(ConnectionError):
    """Tells the server to cut the connection in the middle of the answer."""


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
        The caller that signed it.
    scheme
        ``http`` or ``https``.
    client_gone
        Returns when the client has gone away; for a request whose body was read to its end.
    query
        The query of the request line, the last value of each name.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]
    caller: Caller
    scheme: str
    client_gone: Callable[[], Awaitable[None]]
    query: Mapping[str, str] = field(default_factory=dict)


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
        The whole body, or the pieces of a body that is sent while it is made. They may raise ConnectionCutError.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | AsyncGenerator[bytes, None]
