"""Runs Lambda functions the way Lambda does: each in a process that asks the Lambda Runtime API for its events.

See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import uuid
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
from aiohttp import web

from .assembly import ACCOUNT, REGION
from .loopback import serving

NODE_MODULES = Path(__file__).resolve().parent.parent / "node_modules"

# On AWS this comes with Lambda's own image: Python's client, and the same API for Node.js.
_COMMANDS = {
    "python": [sys.executable, "-m", "awslambdaric"],
    "nodejs": ["node", str(Path(__file__).with_name("runtime.js"))],
}


@dataclass(frozen=True)
class Outcome:
    """What came of one invocation; `error` is what Lambda calls the function's error, nothing if it returned."""

    payload: Any
    error: str = ""


class Function:
    """One execution environment of a function, whose process starts with the first event."""

    def __init__(self, runtime: str, handler: str, code: Path, environment: Mapping[str, str]) -> None:
        # This machine's Python or Node.js stands in for its runtime.
        self._command = [*_COMMANDS[runtime.rstrip("x.0123456789")], handler]
        self._code = code
        self._environment = dict(environment)
        self._child: Process | None = None
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._idle = asyncio.Event()
        self._deadline = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        async with serving(self._answer) as url:
            self._environment["AWS_LAMBDA_RUNTIME_API"] = url.removeprefix("http://")
            yield self
            await self._kill()

    @property
    def process(self) -> psutil.Process:
        assert self._child
        return psutil.Process(self._child.pid)

    async def invoke(self, event: Any, seconds: float) -> Outcome:
        """Have an event handled, in at most so many seconds; then the process is killed, as Lambda does."""
        self._deadline = time.time() + seconds
        self._outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        child = self._child = self._child or await self._start()
        self._events.put_nowait(event)
        ended = asyncio.ensure_future(child.wait())
        both: list[asyncio.Future[Any]] = [self._outcome, ended]
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._outcome.done():
            # What an event costs ends where the function asks for the next one.
            await asyncio.wait([asyncio.ensure_future(self._idle.wait())], timeout=seconds)
            return self._outcome.result()
        message = "Runtime exited" if ended.done() else f"Task timed out after {seconds:.2f} seconds"
        await self._kill()
        return Outcome({"errorMessage": message}, "Unhandled")

    async def _start(self) -> Process:
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            # Lambda's code is read-only, so Python compiles it anew for every environment.
            "PYTHONDONTWRITEBYTECODE": "1",
            "NODE_PATH": str(NODE_MODULES),
            "LAMBDA_TASK_ROOT": str(self._code),
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"2026/01/01/[$LATEST]{uuid.uuid4().hex}",
            **self._environment,
        }
        return await asyncio.create_subprocess_exec(
            *self._command, cwd=self._code, env=environment, stdout=DEVNULL, stderr=DEVNULL
        )

    async def _kill(self) -> None:
        child, self._child = self._child, None
        if child and child.returncode is None:
            child.kill()
            await child.wait()
        # Whoever still waits for an event of the old queue asks for a process that is gone.
        self._events = asyncio.Queue()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST":
            error = "Unhandled" if request.path.endswith("/error") else ""
            self._outcome.set_result(Outcome(await request.json(), error))
            return web.json_response({}, status=202)
        self._idle.set()
        event = await self._events.get()
        self._idle.clear()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            # awslambdaric ends with a segmentation fault without these two.
            "Lambda-Runtime-Trace-Id": f"Root=1-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:24]};Sampled=0",
            "Lambda-Runtime-Deadline-Ms": str(int(self._deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:bench",
        }
        # Without a charset: awslambdaric hands an event of any other type to the function as bytes.
        return web.Response(body=json.dumps(event).encode(), content_type="application/json", headers=headers)
