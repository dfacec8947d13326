"""Handler: what one event costs the function, from nothing and when it is warm.

Each function runs through the Lambda Runtime API. The calls of Kinesis Video Streams go to the local AWS over http, the
answer to a server on this machine over https.
"""

from __future__ import annotations

import uuid
from functools import partial
from pathlib import Path

from local_aws import LocalAws

from .assembly import Assembly, synthesise
from .backend import Backend
from .loopback import Answers, trust
from .measure import Result, Sample, interleave, ratios, table
from .names import AWS_CUSTOM_RESOURCE, CRHELPER, OURS, PROVIDER_FRAMEWORK, TOOLS
from .runtime import Function

FLOOR = "floor: boto3, client, one call"
WARM_EVENTS = 10
# These are short, and the differences are small.
ROUNDS = 3
SECONDS = 60.0
_FLOOR_CODE = Path(__file__).parent / "peers" / "functions" / "floor"


def run(repetitions: int) -> Result:
    """Measure every tool's function, and the floor beside them."""
    with LocalAws(quotas=False, creating_seconds=0) as aws, Answers() as answers:
        if answers.only_python:
            print(f"  {AWS_CUSTOM_RESOURCE} and {PROVIDER_FRAMEWORK} are left out: {answers.only_python}")
        tools = [tool for tool in TOOLS if not answers.only_python or tool in (OURS, CRHELPER)]
        cases = {tool: partial(_measure, synthesise(tool, 1), aws, answers) for tool in tools}
        cases[FLOOR] = partial(_measure_floor, aws)
        for case in cases.values():
            case()
        samples = interleave(ROUNDS * repetitions, cases, "handler")
    figures = list(samples[OURS][0])
    compared = {
        figure: {name: ratios(sample, samples[FLOOR], figure) for name, sample in samples.items()} for figure in figures
    }
    text = "\n\n".join(
        [
            f"As a multiple of the floor ({FLOOR.partition(': ')[2]}), in {ROUNDS * repetitions} rounds; where two "
            "functions answer together, both:",
            table(
                ["tool", *figures],
                ([name, *("1" if name == FLOOR else compared[figure][name] for figure in figures)] for name in samples),
            ),
            f"{OURS}'s cold start takes {compared['cold CPU'][OURS]} times its floor's CPU; the target is 1.10."
            + (f" Left out: the functions of AWS CDK, as {answers.only_python}." if answers.only_python else ""),
        ]
    )
    return Result(text, compared)


def new_stream(aws: LocalAws) -> str:
    """Create a stream that keeps its data."""
    return aws.client("kinesisvideo").create_stream(StreamName=f"s-{uuid.uuid4()}", DataRetentionInHours=24)[
        "StreamARN"
    ]


def _measure(assembly: Assembly, aws: LocalAws, answers: Answers) -> Sample:
    arn = new_stream(aws)
    with Backend(assembly, aws.environment) as backend:
        told = backend.send(backend.event("Create", arn, answers.url()), answers)
        if told.status != "SUCCESS":
            raise RuntimeError(f"the first event was answered {told}")
        cold = _used(list(backend.functions.values()))
        for _ in range(WARM_EVENTS):
            event = backend.event("Update", arn, answers.url(), PhysicalResourceId=told.physical_id)
            backend.send(event, answers)
        return _sample(cold, _used(list(backend.functions.values())))


def _measure_floor(aws: LocalAws) -> Sample:
    event = {"StreamARN": new_stream(aws)}
    with Function("python3.14", "index.handler", _FLOOR_CODE, {**aws.environment, **trust()}) as function:
        function.invoke(event, SECONDS)
        cold = _used([function])
        for _ in range(WARM_EVENTS):
            function.invoke(event, SECONDS)
        return _sample(cold, _used([function]))


def _used(functions: list[Function]) -> tuple[float, float]:
    processes = [function.process for function in functions]
    return sum(p.cpu_seconds for p in processes), sum(p.peak_memory for p in processes)


def _sample(cold: tuple[float, float], warm: tuple[float, float]) -> Sample:
    return {
        "cold CPU": cold[0],
        "cold peak memory": cold[1],
        "warm CPU": (warm[0] - cold[0]) / WARM_EVENTS,
        "warm peak memory": warm[1],
    }
