"""The process that a LocalAws starts: ministack with Kinesis Video Streams, on a listening socket it is given."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import threading
from dataclasses import asdict
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app as ministack_app

from . import _ministack
from .kinesisvideo.faults import Fault
from .kinesisvideo.service import KinesisVideo

CONTROL_PATH = "/_local_aws/"


class Gateway:
    """ministack as an ASGI application, and beside it the paths a test controls the service with."""

    def __init__(self, service: KinesisVideo) -> None:
        self._service = service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection."""
        if scope["type"] != "http" or not scope["path"].startswith(CONTROL_PATH):
            await ministack_app(scope, receive, send)
            return
        status, answer = self._control(scope["method"], scope["path"].removeprefix(CONTROL_PATH), await _body(receive))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _control(self, method: str, what: str, body: bytes) -> tuple[int, Any]:
        match method, what:
            case "GET", "calls":
                return 200, [asdict(call) for call in self._service.calls]
            case "DELETE", "calls":
                self._service.calls.clear()
            case "POST", "faults":
                try:
                    self._service.faults.add(Fault(**json.loads(body)))
                except ValueError as error:
                    return 400, str(error)
            case "DELETE", "faults":
                self._service.faults.clear()
            case _:
                return 404, f"{method} {what} controls nothing"
        return 200, None


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _end_with_parent() -> None:
    # The parent holds the other end and never writes: this returns when it closes that end or dies, however it dies.
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    # The process group is this process and the Lambda workers it has started.
    os.kill(0, signal.SIGKILL)


def main() -> None:
    """Serve until the parent closes its end of this process's standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--endpoint-url", required=True)
    parser.add_argument("--creating-seconds", type=float, required=True)
    parser.add_argument("--no-quotas", action="store_true")
    arguments = parser.parse_args()

    threading.Thread(target=_end_with_parent, daemon=True).start()
    service = KinesisVideo(
        endpoint_url=arguments.endpoint_url,
        quotas=not arguments.no_quotas,
        creating_seconds=arguments.creating_seconds,
    )
    _ministack.install(service)
    config = Config()
    config.bind = [f"fd://{arguments.socket}"]
    # As ministack serves itself: long enough for the CDK CLI's pauses between calls.
    config.keep_alive_timeout = 75
    asyncio.run(serve(Gateway(service), config))


if __name__ == "__main__":
    main()
