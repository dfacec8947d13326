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


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes
    ----------
    name
        Its name, which is also that of its IAM action.
    method, path
        Where it is.
    errors
        The HTTP status of each error that it may answer with.
    denied
        The error that it answers with if IAM denies it.
    quota
        How often it may be called.
    streams
        Whether it takes the body as it arrives; otherwise the body is read first.
    members
        What the request says about itself before it is checked, from its headers and its whole body; for one that
        streams, from its headers alone.
    run
        Does it. The bytes are the whole body, and nothing if it streams.
    management
        The model of an operation whose calls are management events, which CloudTrail records; None if they are data
        events.
    signed
        Whether the request must be signed, and IAM must allow it. Otherwise the operation itself checks the caller.
    """

    name: str
    method: str
    path: str
    errors: Mapping[str, int]
    denied: str
    quota: Quota
    streams: bool
    members: Callable[[Request, bytes], Mapping[str, Any]]
    run: Callable[[Request, bytes], Awaitable[Answer]]
    management: OperationModel | None = None
    signed: bool = True


def operations_of(
    model: Model,
    emulator: type[Emulator],
    find: Callable[[Request], Emulator],
    quota: Callable[[str], Quota],
    *,
    management: bool = False,
) -> dict[tuple[str, str], Operation]:
    """Return the operations of a model, by their methods and paths.

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
            streams=False,
            members=lambda _request, body: {
                member: value for member, value in _lenient_json(body).items() if member in known
            },
            run=run,
            management=described if management else None,
        )

    made = (operation(name) for name in model.operations if hasattr(emulator, xform_name(name)))
    return {(operation.method, operation.path): operation for operation in made}


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
