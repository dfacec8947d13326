"""Survival: what CloudFormation is told when something goes wrong, and what the stream really has then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from threading import Timer
from typing import TYPE_CHECKING

from aiohttp import web

from kinesis_video_local import LocalAws

from ..machinery.answers import Answers, why_not_443
from ..machinery.assembly import Assembly, synthesise
from ..machinery.cloudformation import Backend, Told
from ..machinery.loopback import over_tls, serving
from ..machinery.stacks import Stacks
from ..peers import CRHELPER, OURS, TOOLS, Declared
from ..report.text import Result, short, table
from .handler import new_stream

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo.type_defs import ImageGenerationConfigurationTypeDef

UPDATE = "UpdateImageGenerationConfiguration"
THROTTLED_SECONDS = 5
# More than the 32 s that this library's function keeps back to send its answer: it would make no call at all.
INVOCATION_SECONDS = 60.0
SILENT_SECONDS = 240.0
SOMEBODY_ELSES: ImageGenerationConfigurationTypeDef = {
    "Status": "ENABLED",
    "ImageSelectorType": "SERVER_TIMESTAMP",
    "DestinationConfig": {"Uri": "s3://somebody-elses/", "DestinationRegion": "us-east-1"},
    "SamplingInterval": 60_000,
    "Format": "PNG",
}

Found = tuple[str, str]
"""What the stack is told, and what the stream has."""


def run(_repetitions: int) -> Result:
    """Let each fault happen once to each tool."""
    return Result(
        [
            "Each line from one run. Rename and throttling are deployments; the others are events, sent and followed "
            "up as CloudFormation and Lambda do.",
            table(["fault", "tool", "what the stack is told", "what the stream has"], asyncio.run(_rows())),
            "- rename: the construct that declares the images gets another id.\n"
            f"- throttled for {THROTTLED_SECONDS} s: every update call of the service is throttled while the stack is "
            "created.\n"
            "- failed create: the stream is configured already, by somebody else; the service refuses the update, and "
            "CloudFormation rolls back, which sends a Delete with the id that the answer had.\n"
            "- response too long: the service refuses the update with a message of 6,000 characters.\n"
            "- ResponseURL answers 500 once, and then takes what it is sent.\n"
            f"- no time left: the service is silent for longer than the {INVOCATION_SECONDS:.0f} s of each invocation, "
            "and then answers 503.",
        ]
    )


async def _rows() -> list[list[str]]:
    assemblies = {tool: synthesise(tool, 1) for tool in TOOLS}
    rows: list[list[str]] = []
    left_out = why_not_443()
    able = (OURS, CRHELPER) if left_out else TOOLS
    with LocalAws(creating_seconds=0) as aws:
        async with over_tls(aws.endpoint_url) as tls_url:
            stacks = Stacks(aws, tls_url)
            for name, deploy in (("rename", _rename), (f"throttled for {THROTTLED_SECONDS} s", _throttled)):
                print(f"  survival: {name}", flush=True)
                for tool in TOOLS:
                    rows.append([name, tool, *await asyncio.to_thread(deploy, tool, assemblies[tool], aws, stacks)])
        async with Answers.taking() as answers:
            for name, send in _EVENTS.items():
                print(f"  survival: {name}", flush=True)
                sent = [send(assemblies[tool], aws, answers) for tool in able]
                # Where all wait for time to pass, they wait together.
                results = await asyncio.gather(*sent) if send is _no_time_left else [await each for each in sent]
                found = dict(zip(able, results, strict=True))
                rows += [[name, tool, *found.get(tool, (f"not run: {left_out}", ""))] for tool in TOOLS]
                aws.clear_faults()
    return rows


def _rename(tool: str, assembly: Assembly, aws: LocalAws, stacks: Stacks) -> Found:
    name = f"Renamed-{tool.replace(' ', '-')}"
    stacks.create(name, tool, assembly)
    renamed = stacks.update(name, tool, synthesise(tool, 1, Declared(images_id="Pictures")))
    return renamed.status, _has(aws, stacks.stream_arn(name))


def _throttled(tool: str, assembly: Assembly, aws: LocalAws, stacks: Stacks) -> Found:
    name = f"Throttled-{tool.replace(' ', '-')}"
    aws.inject_fault(UPDATE, error="ClientLimitExceededException", times=10**6)
    timer = Timer(THROTTLED_SECONDS, aws.clear_faults)
    timer.start()
    created = stacks.create(name, tool, assembly)
    timer.join()
    if created.status != "CREATE_COMPLETE":
        return f"{created.status}: {short(created.reason)}", "no stream"
    return created.status, _has(aws, stacks.stream_arn(name))


async def _failed_create(assembly: Assembly, aws: LocalAws, answers: Answers) -> Found:
    arn = new_stream(aws)
    aws.client("kinesisvideo").update_image_generation_configuration(
        StreamARN=arn, ImageGenerationConfiguration=SOMEBODY_ELSES
    )
    aws.inject_fault(UPDATE, error="InvalidArgumentException")
    async with Backend.running(assembly, aws.environment, answers) as backend:
        told = await backend.send("Create", arn)
        aws.clear_faults()  # of whoever doesn't try to overwrite what somebody else has configured
        after = await backend.send("Delete", arn, PhysicalResourceId=told.physical_id)
    return f"{_said(told)}; then the Delete: {_said(after)}", _has(aws, arn)


async def _too_long(assembly: Assembly, aws: LocalAws, answers: Answers) -> Found:
    async def refuse(_request: web.BaseRequest) -> web.StreamResponse:
        headers = {"x-amzn-errortype": "InvalidArgumentException"}
        return web.json_response({"Message": "x" * 6_000}, status=400, headers=headers)

    arn = new_stream(aws)
    async with serving(refuse) as url:
        environment = {**aws.environment, "AWS_ENDPOINT_URL": url}
        async with Backend.running(assembly, environment, answers) as backend:
            told = await backend.send("Create", arn)
    return _said(told), _has(aws, arn)


async def _answer_refused_once(assembly: Assembly, aws: LocalAws, answers: Answers) -> Found:
    arn = new_stream(aws)
    async with Backend.running(assembly, aws.environment, answers) as backend:
        told = await backend.send("Create", arn, 500)
    return _said(told), _has(aws, arn)


async def _no_time_left(assembly: Assembly, aws: LocalAws, answers: Answers) -> Found:
    arn = new_stream(aws)
    aws.inject_fault(UPDATE, error="ServiceUnavailable", times=10**6, delay_seconds=SILENT_SECONDS)
    async with Backend.running(assembly, aws.environment, answers, INVOCATION_SECONDS) as backend:
        told = await backend.send("Create", arn)
    return _said(told), _has(aws, arn)


Event = Callable[[Assembly, LocalAws, Answers], Coroutine[None, None, Found]]
_EVENTS: dict[str, Event] = {
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


def _has(aws: LocalAws, arn: str) -> str:
    answer = aws.client("kinesisvideo").describe_image_generation_configuration(StreamARN=arn)
    configuration = answer.get("ImageGenerationConfiguration")
    if not configuration:
        return "nothing"
    return "somebody else's configuration" if configuration["Format"] == "PNG" else "what is declared"
