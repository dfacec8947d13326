"""A tool's functions as AWS runs them, and CloudFormation's part of the conversation with them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self
from urllib.parse import unquote

from .assembly import ACCOUNT, REGION, Assembly, resolve
from .loopback import Answers, trust
from .runtime import Function, Outcome

MAX_ANSWER_BYTES = 4096
LAMBDA_TRIES = 3
"""Lambda invokes a function that failed on an asynchronous event, as CloudFormation's are, twice more."""


@dataclass(frozen=True)
class Told:
    """What CloudFormation was told about one event."""

    status: str
    """SUCCESS or FAILED; nothing if no answer came."""
    physical_id: str
    reason: str
    answers: int
    invocations: int


class Backend:
    """The functions of one synthesised stack, started when they are invoked.

    Parameters
    ----------
    assembly
        The stack.
    environment
        The environment variables that point the functions to their AWS.
    seconds
        How long an invocation may take, of a function whose timeout is the user's choice; by default the stack's.
    """

    def __init__(self, assembly: Assembly, environment: Mapping[str, str], seconds: float | None = None) -> None:
        self._assembly = assembly
        self._seconds = seconds
        self._exit = ExitStack()
        # The provider framework's function invokes the user's one by Lambda's API.
        self._lambda = ThreadingHTTPServer(("127.0.0.1", 0), _invoke_api(self))
        Thread(target=self._lambda.serve_forever, args=(0.05,), daemon=True).start()
        lambda_url = f"http://127.0.0.1:{self._lambda.server_port}"
        common = {**environment, **trust(), "AWS_ENDPOINT_URL_LAMBDA": lambda_url}
        self.functions = {
            name: self._exit.enter_context(self._function(resource["Properties"], common))
            for name, resource in assembly.of_type("AWS::Lambda::Function").items()
        }

    def __enter__(self) -> Self:
        """Return the functions."""
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        self._exit.close()
        self._lambda.shutdown()
        self._lambda.server_close()

    def invoke(self, arn: str, event: Any) -> Outcome:
        """Invoke a function by its ARN."""
        name = arn.rpartition(":")[2]
        properties = self._assembly.template["Resources"][name]["Properties"]
        # The provider framework sets the 15 minutes of its own function itself.
        chosen = None if properties["Handler"].startswith("framework.") else self._seconds
        return self.functions[name].invoke(event, chosen or properties.get("Timeout", 3))

    def event(self, request_type: str, stream_arn: str, response_url: str, **more: Any) -> dict[str, Any]:
        """Make an event of the stack's first custom resource, for this stream."""
        name, resource = next(iter(self._assembly.custom_resources().items()))
        return {
            "RequestType": request_type,
            "RequestId": str(uuid.uuid4()),
            "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/Cameras/{uuid.uuid4()}",
            "ResponseURL": response_url,
            "ResourceType": resource["Type"],
            "LogicalResourceId": name,
            "ResourceProperties": _as_text(resolve(resource["Properties"], _known(stream_arn))),
            **more,
        }

    def send(self, event: dict[str, Any], answers: Answers) -> Told:
        """Send an event as CloudFormation does, through Lambda's queue, and read what was answered to it."""
        invocations = 0
        while invocations < LAMBDA_TRIES:
            invocations += 1
            outcome = self.invoke(event["ResourceProperties"]["ServiceToken"], event)
            if not outcome.error:
                break
        taken = answers.taken(event["ResponseURL"])
        if not taken:
            return Told("", "", "", 0, invocations)
        # The first answer counts.
        body = json.loads(taken[0])
        if len(taken[0]) > MAX_ANSWER_BYTES:
            return Told("FAILED", body["PhysicalResourceId"], "Response object is too long.", len(taken), invocations)
        return Told(body["Status"], body["PhysicalResourceId"], body.get("Reason", ""), len(taken), invocations)

    def _function(self, properties: Mapping[str, Any], environment: Mapping[str, str]) -> Function:
        variables = properties.get("Environment", {}).get("Variables", {})
        return Function(
            _runtime(properties["Runtime"]),
            properties["Handler"],
            self.code(properties),
            {
                **environment,
                **resolve(variables, _known("")),
                **_logging(properties.get("LoggingConfig", {})),
            },
        )

    def code(self, properties: Mapping[str, Any]) -> Path:
        """Find the directory of a function's code."""
        return self._assembly.assets[properties["Code"]["S3Key"]].path


def _runtime(value: Any) -> str:
    # The functions of AWS CDK take the latest runtime of their Region from a mapping in the template.
    return value if isinstance(value, str) else "nodejs20.x"


def _logging(config: Mapping[str, str]) -> dict[str, str]:
    if "LogFormat" not in config:
        return {}
    return {"AWS_LAMBDA_LOG_FORMAT": config["LogFormat"], "AWS_LAMBDA_LOG_LEVEL": config["ApplicationLogLevel"]}


def _known(stream_arn: str) -> Any:
    def value(name: str, attribute: str) -> str:
        if name.startswith("Camera"):
            return stream_arn
        if attribute == "Ref":
            return "images-of-the-cameras"
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"

    return value


def _as_text(value: Any) -> Any:
    """Turn every scalar into text, as CloudFormation does on the way to a function."""
    match value:
        case dict():
            return {name: _as_text(item) for name, item in value.items()}
        case list():
            return [_as_text(item) for item in value]
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _invoke_api(backend: Backend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            outcome = backend.invoke(unquote(self.path.split("/")[3]), event)
            body = json.dumps(outcome.payload).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            if outcome.error:
                self.send_header("X-Amz-Function-Error", outcome.error)
            # The function that asked may have been stopped meanwhile.
            with suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
