"""CloudFormation's end of the custom resource protocol, on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SECRET = "X-Amz-Signature=0123456789abcdef"


@dataclass(frozen=True)
class Answered:
    status: str
    physical_resource_id: str
    reason: str | None
    data: dict[str, str]


@dataclass(frozen=True)
class Put:
    path: str
    content_type: str | None
    body: bytes


class CloudFormation(ThreadingHTTPServer):
    """The S3 bucket behind the ResponseURL. `script` tells how it answers one attempt after the other, then 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _PutHandler)
        self.script: list[int | str] = []
        self.puts: list[Put] = []

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[CloudFormation]:
        with cls() as server:
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            yield server
            server.shutdown()

    @property
    def response_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/answer?{SECRET}"

    @contextmanager
    def one_answer_to(self, event: Mapping[str, Any]) -> Iterator[list[Answered]]:
        """Require exactly one answer to the event in the block, and one that CloudFormation takes."""
        already = len(self.puts)
        answers: list[Answered] = []
        yield answers
        (put,) = self.puts[already:]
        assert event["ResponseURL"].endswith(put.path)
        assert put.content_type == ""
        assert len(put.body) <= 4096
        body = json.loads(put.body)
        for key in ("StackId", "RequestId", "LogicalResourceId"):
            assert body[key] == event[key]
        assert body["Status"] in ("SUCCESS", "FAILED")
        assert body["PhysicalResourceId"]
        assert len(body["PhysicalResourceId"].encode()) <= 1024
        assert (body["Status"] == "FAILED") == bool(body.get("Reason"))
        answers.append(Answered(body["Status"], body["PhysicalResourceId"], body.get("Reason"), body.get("Data", {})))

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a dropped connection is part of the script."""


class _PutHandler(BaseHTTPRequestHandler):
    server: CloudFormation

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.puts.append(Put(self.path, self.headers["Content-Type"], body))
        step = self.server.script.pop(0) if self.server.script else 200
        if step == "drop":
            self.connection.close()
            return
        if step == "never":
            # Until the handler gives up and closes its end.
            self.connection.recv(1)
            return
        self.send_response(int(step))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""
