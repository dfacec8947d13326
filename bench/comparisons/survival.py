"""Survival: what CloudFormation is told when something goes wrong, and what the stream really has then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from threading import Timer

from aiohttp import web

from kinesis_video_local import LocalAws
from tests.integ.fleets import FOREIGN, UPDATE

from ..machinery.assembly import Assembly, synthesise
from ..machinery.cloudformation import Backend, Told
from ..machinery.loopback import serving
from ..machinery.stacks import Stacks
from ..peers import TOOLS, Declared
from ..report.text import paragraphs, short, table
from .handler import new_stream

THROTTLED_SECONDS = 5
# More than the 32 s that this library's function keeps back to send its answer: it would make no call at all.
INVOCATION_SECONDS = 60.0
SILENT_SECONDS = 240.0

Found = tuple[str, str]
"""What the stack is told, and what the stream has."""


def run(_repetitions: int) -> str:
    """Let each fault happen once to each tool."""
    return paragraphs(
        "Each line from one run. Rename and throttling are deployments; the others are events, sent and followed up as "
        "CloudFormation and Lambda do.",
        table(["fault", "tool", "what the stack is told", "what the stream has"], asyncio.run(_rows())),
        "- rename: the construct that declares the images gets another id.\n"
        f"- throttled for {THROTTLED_SECONDS} s: every update call of the service is throttled while the stack is "
        "created.\n"
        "- failed create: the stream is configured already, by somebody else; the service refuses the update, and "
        "CloudFormation rolls back, which sends a Delete with the id that the answer had.\n"
        "- response too long: the service refuses the update with a message of 6,000 characters.\n"
        "- ResponseURL answers 500 once, and then takes what it is sent.\n"
        f"- no time left: the service is silent for longer than the {INVOCATION_SECONDS:.0f} s of each invocation, and "
        "then answers 503.",
    )


async def _rows() -> list[list[str]]:
    assemblies = {tool: synthesise(tool, 1) for tool in TOOLS}
    rows: list[list[str]] = []
    with LocalAws(creating_seconds=0, tls=True) as aws:
        stacks = Stacks(aws)
        for name, deploy in (("rename", _rename), (f"throttled for {THROTTLED_SECONDS} s", _throttled)):
            print(f"  survival: {name}", flush=True)
            rows += [[name, tool, *deploy(tool, assemblies[tool], aws, stacks)] for tool in TOOLS]
        for name, send in _EVENTS.items():
            print(f"  survival: {name}", flush=True)
            sent = [send(assemblies[tool], aws) for tool in TOOLS]
            # Where all wait for time to pass, they wait together.
            found = await asyncio.gather(*sent) if send is _no_time_left else [await each for each in sent]
            rows += [[name, tool, *told] for tool, told in zip(TOOLS, found, strict=True)]
            aws.clear_faults()
    return rows


def _rename(tool: str, assembly: Assembly, aws: LocalAws, stacks: Stacks) -> Found:
    name = f"Renamed-{tool.replace(' ', '-')}"
    stacks.deploy(name, assembly)
    renamed = stacks.deploy(name, synthesise(tool, 1, Declared(images_id="Pictures")))
    return renamed.status, _has(aws, _stream_of(aws, name))


def _throttled(tool: str, assembly: Assembly, aws: LocalAws, stacks: Stacks) -> Found:
    name = f"Throttled-{tool.replace(' ', '-')}"
    aws.inject_fault(UPDATE, error="ClientLimitExceededException", times=10**6)
    timer = Timer(THROTTLED_SECONDS, aws.clear_faults)
    timer.start()
    created = stacks.deploy(name, assembly)
    timer.join()
    if created.status != "CREATE_COMPLETE":
        return f"{created.status}: {short(created.reason)}", "no stream"
    return created.status, _has(aws, _stream_of(aws, name))


def _stream_of(aws: LocalAws, stack: str) -> str:
    resources = aws.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    name = next(r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::KinesisVideo::Stream")
    return aws.client("kinesisvideo").describe_stream(StreamName=name)["StreamInfo"]["StreamARN"]


async def _failed_create(assembly: Assembly, aws: LocalAws) -> Found:
    arn = new_stream(aws)
    aws.client("kinesisvideo").update_image_generation_configuration(
        StreamARN=arn, ImageGenerationConfiguration=FOREIGN
    )
    aws.inject_fault(UPDATE, error="InvalidArgumentException")
    async with Backend.running(assembly, aws.environment) as backend:
        told = await backend.send("Create", arn)
        aws.clear_faults()  # of whoever doesn't try to overwrite what somebody else has configured
        after = await backend.send("Delete", arn, PhysicalResourceId=told.physical_id)
    return f"{_said(told)}; then the Delete: {_said(after)}", _has(aws, arn)


async def _too_long(assembly: Assembly, aws: LocalAws) -> Found:
    async def refuse(_request: web.BaseRequest) -> web.StreamResponse:
        headers = {"x-amzn-errortype": "InvalidArgumentException"}
        return web.json_response({"Message": "x" * 6_000}, status=400, headers=headers)

    async with serving(refuse) as url:
        return await _created(assembly, aws, endpoint_url=url)


async def _answer_refused_once(assembly: Assembly, aws: LocalAws) -> Found:
    return await _created(assembly, aws, 500)


async def _no_time_left(assembly: Assembly, aws: LocalAws) -> Found:
    aws.inject_fault(UPDATE, error="ServiceUnavailable", times=10**6, delay_seconds=SILENT_SECONDS)
    return await _created(assembly, aws, seconds=INVOCATION_SECONDS)


async def _created(
    assembly: Assembly, aws: LocalAws, *statuses: int, endpoint_url: str = "", seconds: float | None = None
) -> Found:
    arn = new_stream(aws)
    environment = {**aws.environment, "AWS_ENDPOINT_URL": endpoint_url or aws.endpoint_url}
    async with Backend.running(assembly, environment, seconds) as backend:
        told = await backend.send("Create", arn, *statuses)
    return _said(told), _has(aws, arn)


_EVENTS: dict[str, Callable[[Assembly, LocalAws], Coroutine[None, None, Found]]] = {
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
