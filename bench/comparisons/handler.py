"""Handler: what one event costs the function, from nothing and when it is warm.

Each function runs through the Lambda Runtime API. The calls of Kinesis Video Streams go to the local AWS over http, the
answer to a server on this machine over https.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from psutil import Process

from kinesis_video_local import LocalAws

from .. import peers
from ..machinery.assembly import Assembly, synthesise
from ..machinery.cloudformation import Backend
from ..machinery.processes import usage
from ..machinery.rounds import Sample, interleave, ratios
from ..machinery.runtime import Function
from ..peers import OURS, TOOLS
from ..report.text import comparison, paragraphs

FLOOR = "floor: boto3, client, one call"
WARM_EVENTS = 10
# These are short, and the differences are small.
ROUNDS = 3
SECONDS = 60.0
_FLOOR_CODE = Path(peers.__file__).parent / "functions" / "floor"


def run(repetitions: int) -> str:
    """Measure every tool's function, and the floor beside them."""
    rounds = ROUNDS * repetitions
    with LocalAws(quotas=False, creating_seconds=0) as aws:
        measures = {tool: partial(_measure, synthesise(tool, 1), aws) for tool in TOOLS}
        measures[FLOOR] = partial(_measure_floor, aws)
        cases = {name: partial(lambda measure: asyncio.run(measure()), measure) for name, measure in measures.items()}
        for case in cases.values():
            case()
        samples = interleave(rounds, cases, "handler")
    cold = ratios(samples, FLOOR, "cold CPU")[OURS]
    return paragraphs(
        f"As a multiple of the floor ({FLOOR.partition(': ')[2]}), in {rounds} rounds; where two functions answer "
        "together, both:",
        comparison(samples, FLOOR, list(samples[OURS][0])),
        f"{OURS}'s cold start takes {cold} times its floor's CPU; the target is 1.10.",
    )


def new_stream(aws: LocalAws) -> str:
    client = aws.client("kinesisvideo")
    return client.create_stream(StreamName=f"s-{uuid.uuid4()}", DataRetentionInHours=24)["StreamARN"]


async def _measure(assembly: Assembly, aws: LocalAws) -> Sample:
    arn = new_stream(aws)
    async with Backend.running(assembly, aws.environment) as backend:
        told = await backend.send("Create", arn)
        if told.status != "SUCCESS":
            raise RuntimeError(f"the first event was answered {told}")
        update = partial(backend.send, "Update", arn, PhysicalResourceId=told.physical_id)
        return await _warm(backend.processes, update)


async def _measure_floor(aws: LocalAws) -> Sample:
    event = {"StreamARN": new_stream(aws)}
    async with Function("python3.14", "index.handler", _FLOOR_CODE, aws.environment).running() as function:
        if error := (first := await function.invoke(event, SECONDS)).error:
            raise RuntimeError(f"the floor failed: {error}, {first.payload}")
        return await _warm([function.process], partial(function.invoke, event, SECONDS))


async def _warm(processes: list[Process], send: Callable[[], Awaitable[object]]) -> Sample:
    """Send further events, after the first one."""
    cold = usage(*processes)
    for _ in range(WARM_EVENTS):
        await send()
    warm = usage(*processes)
    return {
        "cold CPU": cold["CPU"],
        "cold peak memory": cold["peak memory"],
        "warm CPU": (warm["CPU"] - cold["CPU"]) / WARM_EVENTS,
        "warm peak memory": warm["peak memory"],
    }
