"""The ASGI application: ministack, the services beside it, and the paths that a test controls."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl

from . import _ministack
from ._front_door import CONTROL_PATH
from .service.faults import Fault
from .service.http import Answer, ClientGoneError, ConnectionCutError, Request
from .service.operation import whole
from .service.services import Services

# How long a client that is still sending has to read the refusal.
_LINGER_SECONDS = 3


class Gateway:
    """An ASGI application.

    ministack reads the whole body before it handles a request, so requests for the other services never reach it.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._signed_for = re.compile(rf"Credential=[^/]+/[^/]+/[^/]+/{services.namespace}/")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection."""
        if scope["type"] != "http":
            await _ministack.application(scope, receive, send)
            return
        body = _Body(receive)
        if scope["path"].startswith(CONTROL_PATH):
            what = scope["path"].removeprefix(CONTROL_PATH)
            await _send(self._control(scope["method"], what, await whole(body)), body, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._is_ours(scope, headers):
            await _ministack.application(scope, receive, send)
            return
        caller = _ministack.pinned_caller(scope, self._services.namespace)
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        request = Request(
            scope["method"], scope["path"], headers, body, caller, scope["scheme"], body.client_gone, query
        )
        # An answer that isn't ended cuts the connection.
        with suppress(ClientGoneError, ConnectionCutError):
            await _send(await self._services.answer(request), body, send)

    def _is_ours(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
        signature = headers.get("authorization", "")
        return bool(self._signed_for.search(signature)) or self._services.has(scope["method"], scope["path"])

    def _control(self, method: str, what: str, body: bytes) -> Answer:
        status = 200
        answer: Any = None
        match method, what:
            case "GET", "calls":
                answer = [asdict(call) for call in self._services.calls]
            case "DELETE", "calls":
                self._services.calls.clear()
            case "POST", "faults":
                try:
                    self._services.faults.add(Fault(**json.loads(body)))
                except ValueError as error:
                    status, answer = 400, str(error)
            case "DELETE", "faults":
                self._services.faults.clear()
            case _:
                status, answer = 404, f"{method} {what} controls nothing"
        return Answer(status, {"Content-Type": "application/json"}, json.dumps(answer).encode())


class _Body:
    """The body of a request, as it arrives."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._ended = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._ended:
            message = await self._receive()
            self._ended = not message.get("more_body")
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            # The last message of a chunked body is empty.
            if piece := message.get("body"):
                return bytes(piece)
        raise StopAsyncIteration

    async def client_gone(self) -> None:
        """Return when the client has disconnected, after the end of the body."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _send(answer: Answer, body: _Body, send: Any) -> None:
    headers = {**answer.headers, "x-amzn-RequestId": str(uuid.uuid4())}
    if isinstance(answer.body, bytes):
        headers["Content-Length"] = str(len(answer.body))
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    if isinstance(answer.body, bytes):
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    else:
        async with aclosing(answer.body) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
    await _read_on(body)
    await send({"type": "http.response.body", "body": b""})


async def _read_on(body: _Body) -> None:
    """Read the rest of the body, since a client that is still sending doesn't see the answer to a closed connection."""
    with suppress(TimeoutError, ClientGoneError):
        async with asyncio.timeout(_LINGER_SECONDS):
            async for _ in body:
                pass
