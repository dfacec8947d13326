"""Runs Lambda functions the way Lambda does: each in a process that asks the Lambda Runtime API for its events.

See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, Self

from .assembly import ACCOUNT, REGION
from .measure import Process

_HERE = Path(__file__).resolve().parent
NODE_MODULES = _HERE / "node_modules"

# On AWS this comes with Lambda's own image: Python's client, and the same API for Node.js.
_COMMANDS = {
    "python": [sys.executable, "-m", "awslambdaric"],
    "nodejs": ["node", str(_HERE / "runtime.js")],
}
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Outcome:
    """What came of one invocation."""

    payload: Any
    error: str = ""
    """What Lambda calls the function's error; nothing if it returned."""


class Function:
    """One execution environment of a function.

    Parameters
    ----------
    runtime
        What it runs on, such as python3.14; this machine's Python or Node.js stands in for it.
    handler
        The handler, as in the function's configuration.
    code
        The directory of the function's code.
    environment
        The function's environment variables.
    """

    def __init__(self, runtime: str, handler: str, code: Path, environment: Mapping[str, str]) -> None:
        self._command = [*_COMMANDS[runtime.rstrip("x.0123456789")], handler]
        self._code = code
        self._environment = environment
        self._events: Queue[bytes] = Queue()
        self._outcomes: Queue[Outcome] = Queue()
        self._idle = Event()
        self._deadline = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Return the function; its process starts with the first event."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._kill()
        self._server.shutdown()
        self._server.server_close()

    def invoke(self, event: Any, seconds: float) -> Outcome:
        """Have an event handled, in at most so many seconds; then the process is killed, as Lambda does."""
        self._deadline = time.time() + seconds
        child = self._child or self._start()
        self._events.put(json.dumps(event).encode())
        while True:
            try:
                outcome = self._outcomes.get(timeout=_POLL_SECONDS)
                break
            except Empty:
                if child.poll() is not None:
                    outcome = Outcome(None, f"Runtime exited with {child.returncode}")
                elif time.time() > self._deadline:
                    outcome = Outcome({"errorMessage": f"Task timed out after {seconds:.2f} seconds"}, "Unhandled")
                else:
                    continue
                self._kill()
                return outcome
        # What an event costs ends where the function asks for the next one.
        self._idle.wait(seconds)
        return outcome

    @property
    def process(self) -> Process:
        """The running process."""
        assert self._child
        return Process(self._child.pid)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            # Lambda's code is read-only, so Python compiles it anew for every environment.
            "PYTHONDONTWRITEBYTECODE": "1",
            "NODE_PATH": str(NODE_MODULES),
            "LAMBDA_TASK_ROOT": str(self._code),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"2026/01/01/[$LATEST]{uuid.uuid4().hex}",
            **self._environment,
        }
        self._child = subprocess.Popen(
            self._command, cwd=self._code, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return self._child

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child:
            child.kill()
            child.wait()
        self._events = Queue()

    def _next(self) -> tuple[bytes, dict[str, str]]:
        self._idle.set()
        body = self._events.get()
        self._idle.clear()
        return body, {
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            # awslambdaric ends with a segmentation fault without these two.
            "Lambda-Runtime-Trace-Id": f"Root=1-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:24]};Sampled=0",
            "Content-Type": "application/json",
            "Lambda-Runtime-Deadline-Ms": str(int(self._deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:bench",
        }


def _handler_for(function: Function) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body, headers = function._next()
            self._answer(200, body, headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("/error"):
                function._outcomes.put(Outcome(json.loads(body), "Unhandled"))
            else:
                function._outcomes.put(Outcome(json.loads(body) if body else None))
            self._answer(202, b"{}", {})

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
