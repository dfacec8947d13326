"""Delays answers to the CDK CLI, so that its deployments take 2 s instead of 6 s.

The CLI polls a stack every 5 s, for the first time right after its call is answered. So a call that starts a stack
operation is answered when the operation is done, or after a few seconds.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ministack.app import app
from ministack.services.cloudformation import _stacks

_USER_AGENT = b"aws-cdk"
_OPERATIONS = (b"Action=CreateStack", b"Action=UpdateStack", b"Action=DeleteStack")
_PATIENCE_SECONDS = 4
_POLL_SECONDS = 0.05


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer as ministack does, but delay answers to the CDK CLI."""
    if scope["type"] != "http" or _USER_AGENT not in dict(scope["headers"]).get(b"user-agent", b""):
        await app(scope, receive, send)
        return
    begins_operation = False

    async def watch() -> Any:
        nonlocal begins_operation
        message = await receive()
        body = message.get("body", b"")
        begins_operation = begins_operation or any(operation in body for operation in _OPERATIONS)
        return message

    async def send_later(message: Any) -> None:
        if begins_operation and message["type"] == "http.response.start":
            await _operations_end()
        await send(message)

    await app(scope, watch, send_later)


async def _operations_end() -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end and any(
        str(stack.get("StackStatus")).endswith("_IN_PROGRESS") for stack in list(_stacks.values())
    ):
        await asyncio.sleep(_POLL_SECONDS)
