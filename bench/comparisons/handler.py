"""Handler: what one event costs the function, from nothing and when it is warm.

Each function runs through the Lambda Runtime API. The calls of Kinesis Video Streams go to the local AWS over http, the
answer to a server on this machine over https.
"""

from __future__ import annotations

import asyncio
import uuid
from functools import partial
from pathlib import Path

from kinesis_video_local import LocalAws

from .. import peers
from ..machinery.answers import Answers, why_not_443
from ..machinery.assembly import Assembly, synthesise
from ..machinery.cloudformation import Backend
from ..machinery.loopback import trust
from ..machinery.processes import usage
from ..machinery.rounds import Sample, interleave, ratios
from ..machinery.runtime import Function
from ..peers import CRHELPER, OURS, TOOLS
from ..report.text import Result, comparison

FLOOR = "floor: boto3, client, one call"
WARM_EVENTS = 10
# These are short, and the differences are small.
ROUNDS = 3
SECONDS = 60.0
_FLOOR_CODE = Path(peers.__file__).parent / "functions" / "floor"


def run(repetitions: int) -> Result:
    """Measure every tool's function, and the floor beside them."""
    left_out = why_not_443()
    with LocalAws(quotas=False, creating_seconds=0) as aws:
        tools = (OURS, CRHELPER) if left_out else TOOLS
        measures = {tool: partial(_measure, synthesise(tool, 1), aws) for tool in tools}
        measures[FLOOR] = partial(_measure_floor, aws)
        cases = {name: partial(lambda measure: asyncio.run(measure()), measure) for name, measure in measures.items()}
        for case in cases.values():
            case()
        samples = interleave(ROUNDS * repetitions, cases, "handler")
    figures = list(samples[OURS][0])
    compared = {figure: ratios(samples, FLOOR, figure) for figure in figures}
    return Result(
        [
            f"As a multiple of the floor ({FLOOR.partition(': ')[2]}), in {ROUNDS * repetitions} rounds; where two "
            "functions answer together, both:",
            comparison(samples, FLOOR, figures),
            f"{OURS}'s cold start takes {compared['cold CPU'][OURS]} times its floor's CPU; the target is 1.10.",
            left_out and f"Left out: the functions of AWS CDK, as {left_out}.",
        ]
    )


def new_stream(aws: LocalAws) -> str:
    """Create a stream that keeps its data."""
    client = aws.client("kinesisvideo")
    return client.create_stream(StreamName=f"s-{uuid.uuid4()}", DataRetentionInHours=24)["StreamARN"]


async def _measure(assembly: Assembly, aws: LocalAws) -> Sample:
    arn = new_stream(aws)
    async with Answers.taking() as answers, Backend.running(assembly, aws.environment, answers) as backend:
        told = await backend.send("Create", arn)
        if told.status != "SUCCESS":
            raise RuntimeError(f"the first event was answered {told}")
        cold = usage(*backend.processes)
        for _ in range(WARM_EVENTS):
            await backend.send("Update", arn, PhysicalResourceId=told.physical_id)
        return _sample(cold, usage(*backend.processes))


async def _measure_floor(aws: LocalAws) -> Sample:
    event = {"StreamARN": new_stream(aws)}
    async with Function.running("python3.14", "index.handler", _FLOOR_CODE, {**aws.environment, **trust()}) as function:
        if error := (first := await function.invoke(event, SECONDS)).error:
            raise RuntimeError(f"the floor failed: {error}, {first.payload}")
        cold = usage(function.process)
        for _ in range(WARM_EVENTS):
            await function.invoke(event, SECONDS)
        return _sample(cold, usage(function.process))


def _sample(cold: Sample, warm: Sample) -> Sample:
    return {
        "cold CPU": cold["CPU"],
        "cold peak memory": cold["peak memory"],
        "warm CPU": (warm["CPU"] - cold["CPU"]) / WARM_EVENTS,
        "warm peak memory": warm["peak memory"],
    }
