"""Every function of ours at the level DEBUG, which a user can set: no credentials in its log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

LAMBDA = Path(__file__).parents[1] / "lambda"
EVENTS = Path(__file__).parent / "events"
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIDsecret",
    "AWS_SECRET_ACCESS_KEY": "secretKEYexample",
    "AWS_SESSION_TOKEN": "secretTOKENexample",
}
ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1690707290324"
CLOUDFORMATION = json.loads((EVENTS / "delete.json").read_text())
FUNCTIONS: dict[str, Any] = {
    "kinesis_video_handler.entry": CLOUDFORMATION,
    "kinesis_video_fleet.begin": CLOUDFORMATION,
    "kinesis_video_fleet.entry": {"step": "work", "batch": {"pass": "1", "number": 1, "end": None, "streams": [ARN]}},
    "kinesis_video_fleet.new_streams": {"Records": []},
    "kinesis_video_doctor.entry": {"Alarm": "a", "StreamARN": ARN, "TopicArn": "arn:aws:sns:us-east-1:111122223333:t"},
}
RUN = """
import importlib, json, logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
class Context:
    aws_request_id = "1"
    def get_remaining_time_in_millis(self):
        return 60_000
try:
    importlib.import_module(sys.argv[1]).handler(json.loads(sys.argv[2]), Context())
except Exception as error:
    print(repr(error))
"""


class Refuses(BaseHTTPRequestHandler):
    """Refuses every call for good."""

    def answer(self) -> None:
        self.server.tokens.append(self.headers["X-Amz-Security-Token"])  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(400)
        self.send_header("x-amzn-errortype", "InvalidArgumentException")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
    setattr(Refuses, f"do_{method}", Refuses.answer)


@pytest.fixture
def aws() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        server.tokens = []  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def test_every_function_is_run() -> None:
    found = {path for path in LAMBDA.rglob("*.py") if "\ndef handler(" in path.read_text()}
    assert {".".join(path.relative_to(LAMBDA).with_suffix("").parts) for path in found} == set(FUNCTIONS)


@pytest.mark.parametrize("module", FUNCTIONS)
def test_no_function_logs_credentials_at_debug(aws: Any, module: str) -> None:
    url = f"http://127.0.0.1:{aws.server_port}"
    event = {**FUNCTIONS[module], "ResponseURL": f"{url}/answer?X-Amz-Signature=secretSIGNATUREexample"}
    logged = subprocess.run(
        [sys.executable, "-c", RUN, module, json.dumps(event)],
        env={
            **SECRETS,
            "AWS_ENDPOINT_URL": url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "WORK_BUCKET": "work",
            "STACK_ID": CLOUDFORMATION["StackId"],
            "STATE_MACHINE": "arn:aws:states:us-east-1:111122223333:stateMachine:passes",
            "NAME_PREFIX": "front-",
            "CALLS_PER_SECOND": "2",
            "PYTHONPATH": str(LAMBDA),
            "PATH": "",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert SECRETS["AWS_SESSION_TOKEN"] in aws.tokens
    assert [secret for secret in (*SECRETS.values(), "secretSIGNATUREexample") if secret in logged] == []
