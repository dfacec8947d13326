"""The calls that the checks make: each says which right it takes, and what is missing if it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

T = TypeVar("T")

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "NotAuthorizedException",
    "UnauthorizedOperation",
    "403",
    "Forbidden",
}


class UndecidedError(Exception):
    """A check can't be decided.

    Parameters
    ----------
    seen
        Why.
    fix
        The right or the option that is missing.
    """

    def __init__(self, seen: str, fix: str = "") -> None:
        super().__init__(seen)
        self.seen = seen
        self.fix = fix


class Fact(Generic[T]):
    """A property that is asked for once, whether it is answered or not.

    All checks judge the same answer, and DescribeStream takes 5 calls a second.
    """

    def __init__(self, ask: Callable[[Any], T]) -> None:
        self._ask = ask
        self.__doc__ = ask.__doc__

    def __get__(self, case: Any, owner: type | None = None) -> T:
        """Ask, or repeat the answer."""
        answers = case.__dict__.setdefault("_answers", {})
        if self not in answers:
            try:
                answers[self] = (self._ask(case), None)
            except UndecidedError as error:
                answers[self] = (None, error)
        value, undecided = answers[self]
        if undecided:
            raise undecided
        return value  # type: ignore[no-any-return]  # the answers are of all types


class Calls:
    """The clients of one session, made when they are needed.

    Parameters
    ----------
    session
        Whose credentials and Region they have.
    """

    def __init__(self, session: boto3.Session) -> None:
        self._session = session
        self._clients: dict[tuple[str, str | None], Any] = {}

    def client(self, service: str, endpoint_url: str | None = None) -> Any:
        """Return the client of a service."""
        if (service, endpoint_url) not in self._clients:
            config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
            self._clients[service, endpoint_url] = self._session.client(
                service,  # type: ignore[call-overload]  # any service
                endpoint_url=endpoint_url,
                config=config,
            )
        return self._clients[service, endpoint_url]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def __call__(
        self, right: str, operation: str, *, absent: tuple[str, ...] = (), client: Any = None, **parameters: Any
    ) -> Any:
        """Make a call.

        Parameters
        ----------
        right
            The right that it takes, such as ``s3:ListBucket``.
        operation
            The method of the client.
        absent
            The error codes that say that there is no such thing.
        client
            The client, if it isn't that of the right's service.
        parameters
            Those of the operation.

        Returns
        -------
        The answer; None if there is no such thing.

        Raises
        ------
        UndecidedError
            If the call is refused or fails.
        """
        try:
            return getattr(client or self.client(right.partition(":")[0]), operation)(**parameters)
        except ClientError as error:
            code = error.response["Error"].get("Code", "")
            if code in absent:
                return None
            if code in _DENIED:
                raise UndecidedError(
                    f"{right} is refused: {error.response['Error'].get('Message', code)}", f"let the caller use {right}"
                ) from error
            raise UndecidedError(str(error)) from error
        except BotoCoreError as error:
            raise UndecidedError(f"{right} can't be asked: {error}") from error
