"""Survival: what CloudFormation is told when something goes wrong, and what the stream really has then."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread, Timer
from typing import TYPE_CHECKING

from local_aws import LocalAws

from .assembly import Assembly, synthesise
from .backend import Backend, Told
from .loopback import Answers
from .measure import Result, table
from .names import CRHELPER, OURS, TOOLS
from .peers import Declared
from .stacks import Stacks

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo.type_defs import ImageGenerationConfigurationTypeDef

UPDATE = "UpdateImageGenerationConfiguration"
THROTTLED_SECONDS = 5
_LONGEST_REASON = 120
INVOCATION_SECONDS = 30.0
SILENT_SECONDS = 120.0
SOMEBODY_ELSES: ImageGenerationConfigurationTypeDef = {
    "Status": "ENABLED",
    "ImageSelectorType": "SERVER_TIMESTAMP",
    "DestinationConfig": {"Uri": "s3://somebody-elses/", "DestinationRegion": "us-east-1"},
    "SamplingInterval": 60_000,
    "Format": "PNG",
}

Fault = Callable[[Assembly, LocalAws, Answers], tuple[str, str]]


def run(_repetitions: int) -> Result:
    """Let each fault happen once to each tool."""
    assemblies = {tool: synthesise(tool, 1) for tool in TOOLS}
    rows: list[list[str]] = []
    with LocalAws(creating_seconds=0) as aws, Answers() as answers:
        with Stacks(aws) as stacks:
            for tool, assembly in assemblies.items():
                rows += [["rename", tool, *_rename(tool, assembly, aws, stacks)]]
                rows += [["throttled for 5 s", tool, *_throttled(tool, assembly, aws, stacks)]]
        able = [tool for tool in TOOLS if not answers.only_python or tool in (OURS, CRHELPER)]
        rows += [
            [name, tool, f"not run: {answers.only_python}", ""]
            for name in _FAULTS
            for tool in TOOLS
            if tool not in able
        ]
        for name, fault in _FAULTS.items():
            print(f"  survival: {name}", flush=True)
            # One tool after the other; but where all wait for time to pass, they wait together.
            with ThreadPoolExecutor(len(able) if fault is _no_time_left else 1) as pool:
                futures = {tool: pool.submit(fault, assemblies[tool], aws, answers) for tool in able}
            rows += [[name, tool, *future.result()] for tool, future in futures.items()]
            aws.clear_faults()
    names = list(dict.fromkeys(row[0] for row in rows))
    text = "\n\n".join(
        [
            "Each line from one run. Rename and throttling are deployments; the others are events, sent and followed "
            "up as CloudFormation and Lambda do.",
            table(
                ["fault", "tool", "what the stack is told", "what the stream has"],
                (row for name in names for row in rows if row[0] == name),
            ),
            "- rename: the construct that declares the images gets another id.\n"
            "- throttled for 5 s: every update call of the service is throttled while the stack is created.\n"
            "- failed create: the stream is configured already, by somebody else; the service refuses the update, and "
            "CloudFormation rolls back, which sends a Delete with the id that the answer had.\n"
            "- response too long: the service refuses the update with a message of 6,000 characters.\n"
            "- ResponseURL answers 500 once, and then takes what it is sent.\n"
            f"- no time left: the service is silent for longer than the {INVOCATION_SECONDS:.0f} s of each invocation, "
            "and then answers 503.",
        ]
    )
    return Result(text)


def _rename(tool: str, assembly: Assembly, aws: LocalAws, stacks: Stacks) -> tuple[str, str]:
    name = f"Renamed-{tool.replace(' ', '-')}"
    stacks.create(name, tool, assembly)
    renamed = stacks.update(name, tool, synthesise(tool, 1, Declared(images_id="Pictures")))
    (arn,) = stacks.stream_arns(name)
    return renamed.status, _has(aws, arn)


def _throttled(tool: str, assembly: Assembly, aws: LocalAws, stacks: Stacks) -> tuple[str, str]:
    name = f"Throttled-{tool.replace(' ', '-')}"
    aws.inject_fault(UPDATE, error="ClientLimitExceededException", times=10**6)
    timer = Timer(THROTTLED_SECONDS, aws.clear_faults)
    timer.start()
    created = stacks.create(name, tool, assembly)
    timer.join()
    if created.status != "CREATE_COMPLETE":
        return f"{created.status}: {short(created.reason)}", "no stream"
    (arn,) = stacks.stream_arns(name)
    return created.status, _has(aws, arn)


def _failed_create(assembly: Assembly, aws: LocalAws, answers: Answers) -> tuple[str, str]:
    arn = _stream(aws)
    aws.client("kinesisvideo").update_image_generation_configuration(
        StreamARN=arn, ImageGenerationConfiguration=SOMEBODY_ELSES
    )
    aws.inject_fault(UPDATE, error="InvalidArgumentException")
    with Backend(assembly, aws.environment) as backend:
        told = backend.send(backend.event("Create", arn, answers.url()), answers)
        delete = backend.event("Delete", arn, answers.url(), PhysicalResourceId=told.physical_id)
        after = backend.send(delete, answers)
    return f"{_said(told)}; then the Delete: {_said(after)}", _has(aws, arn)


def _too_long(assembly: Assembly, aws: LocalAws, answers: Answers) -> tuple[str, str]:
    arn = _stream(aws)
    with _refusing("x" * 6_000) as url, Backend(assembly, {**aws.environment, "AWS_ENDPOINT_URL": url}) as backend:
        told = backend.send(backend.event("Create", arn, answers.url()), answers)
    return _said(told), _has(aws, arn)


def _answer_refused_once(assembly: Assembly, aws: LocalAws, answers: Answers) -> tuple[str, str]:
    arn = _stream(aws)
    with Backend(assembly, aws.environment) as backend:
        told = backend.send(backend.event("Create", arn, answers.url(500)), answers)
    return _said(told), _has(aws, arn)


def _no_time_left(assembly: Assembly, aws: LocalAws, answers: Answers) -> tuple[str, str]:
    arn = _stream(aws)
    aws.inject_fault(UPDATE, error="ServiceUnavailable", times=10**6, delay_seconds=SILENT_SECONDS)
    with Backend(assembly, aws.environment, INVOCATION_SECONDS) as backend:
        told = backend.send(backend.event("Create", arn, answers.url()), answers)
    return _said(told), _has(aws, arn)


_FAULTS: dict[str, Fault] = {
    "failed create": _failed_create,
    "response too long": _too_long,
    "ResponseURL answers 500 once": _answer_refused_once,
    "no time left": _no_time_left,
}


def _said(told: Told) -> str:
    if not told.status:
        times = f"{told.invocations} invocation{'s' if told.invocations > 1 else ''}"
        return f"nothing, after {times}; the stack waits out its ServiceTimeout"
    more = f", and {told.answers} answers instead of one" if told.answers > 1 else ""
    empty = ", with an empty physical id" if told.status == "FAILED" and not told.physical_id else ""
    return f"{told.status}{': ' + short(told.reason) if told.status == 'FAILED' else ''}{empty}{more}"


def short(reason: str) -> str:
    """Cut a reason to what fits a table, without the names that differ from run to run."""
    line = " ".join(reason.split())
    for pattern, name in (
        (r"arn:aws:\S+/\d+", "(the stream)"),
        (r"http://127\.0\.0\.1:\d+", "(the service)"),
        (r"(?<=[\s(])/\S+/", ""),
    ):
        line = re.sub(pattern, name, line)
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]} ..."


def _has(aws: LocalAws, arn: str) -> str:
    answer = aws.client("kinesisvideo").describe_image_generation_configuration(StreamARN=arn)
    configuration = answer.get("ImageGenerationConfiguration")
    if not configuration:
        return "nothing"
    return "somebody else's configuration" if configuration["Format"] == "PNG" else "what is declared"


def _stream(aws: LocalAws) -> str:
    created = aws.client("kinesisvideo").create_stream(StreamName=f"s-{uuid.uuid4()}", DataRetentionInHours=24)
    return created["StreamARN"]


@contextmanager
def _refusing(message: str) -> Iterator[str]:
    """Serve a service that refuses every call with this message; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps({"Message": message}).encode()
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(400)
            self.send_header("x-amzn-errortype", "InvalidArgumentException")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
