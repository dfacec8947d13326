"""The operations of a service, from a botocore model or, if they stream, written by hand."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore import xform_name
from botocore.model import OperationModel

from .http import Answer, Request
from .model import InvalidRequestError, Model
from .quotas import Quota

Emulator = TypeVar("Emulator")
JSON = {"Content-Type": "application/json"}
_NO_QUOTA = Quota()


@dataclass(frozen=True)
class Operation:
    """One operation."""

    name: str
    """Its name, which is also that of its IAM action."""
    method: str
    path: str
    errors: Mapping[str, int]
    """The HTTP status of each error that it may answer with."""
    run: Callable[[Request, bytes], Awaitable[Answer]]
    """Runs it, given the whole body, or nothing if it streams."""
    quota: Quota = _NO_QUOTA
    denied: str = "NotAuthorizedException"
    """The error that it answers with if IAM denies it."""
    streams: bool = False
    """Whether it takes the body as it arrives; otherwise the body is read first."""
    members: Callable[[Request, bytes], Mapping[str, Any]] = lambda _request, _body: {}
    """Reads the members of the unchecked request, from its headers and its whole body."""
    management: OperationModel | None = None
    """The model of an operation whose calls are management events, which CloudTrail records; None if they are data
    events."""
    signed: bool = True
    """Whether the request must be signed, and IAM must allow it. Otherwise the operation itself checks the caller."""


def operations_of(
    model: Model,
    emulator: type[Emulator],
    find: Callable[[Request], Emulator],
    quota: Callable[[str], Quota],
    *,
    management: bool = False,
) -> list[Operation]:
    """Return the operations of a model that are emulated.

    Parameters
    ----------
    model
        The service.
    emulator
        The class whose methods are the operations: each is the method of its name in snake case, takes the parsed
        request, and returns the response, or an `Answer` if that isn't JSON; it may be a coroutine. What has no method
        isn't emulated.
    find
        Finds the object of that class for a request: for its caller's account and Region.
    quota
        Tells the quota of an operation.
    management
        Whether its calls are management events.
    """

    def operation(name: str) -> Operation:
        described = model.operations[name]
        # Others are ignored: CreateStream with a StreamARN would be checked for one stream and create another.
        known = described.input_shape.members if described.input_shape else {}
        # The older operations declare NotAuthorizedException, the newer ones AccessDeniedException; both carry 401,
        # where most services answer 403. CreateStream and ListStreams declare neither.
        declared = {shape.name for shape in described.error_shapes}

        async def run(request: Request, body: bytes) -> Answer:
            method = getattr(find(request), xform_name(name))
            response = method(model.parse(name, _json(body)))
            if inspect.isawaitable(response):
                response = await response
            return response if isinstance(response, Answer) else Answer(200, JSON, json.dumps(response).encode())

        return Operation(
            name=name,
            method=described.http["method"],
            path=described.http["requestUri"],
            errors=model.errors,
            denied="NotAuthorizedException" if "NotAuthorizedException" in declared else "AccessDeniedException",
            quota=quota(name),
            members=lambda _request, body: {
                member: value for member, value in _lenient_json(body).items() if member in known
            },
            run=run,
            management=described if management else None,
        )

    return [operation(name) for name in model.operations if hasattr(emulator, xform_name(name))]


def _lenient_json(body: bytes) -> Mapping[str, Any]:
    """Read as much of an unchecked request as possible."""
    try:
        request = _json(body)
    except InvalidRequestError:
        return {}
    return request if isinstance(request, dict) else {}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise InvalidRequestError("The request is not JSON") from None


async def whole(body: AsyncIterator[bytes]) -> bytes:
    """Read a whole body."""
    return b"".join([piece async for piece in body])
