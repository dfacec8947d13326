"""Fleet: a pass through 100,000 streams, simulated on the quotas of the local AWS."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import StreamFleet
from tests.fleet.simulation import (
    ACCOUNT,
    ERRORS,
    MAX_ANSWER_SECONDS,
    MAX_FUNCTION_SECONDS,
    MAX_HISTORY_EVENTS,
    MAX_PAYLOAD_BYTES,
    REGION,
    Simulation,
    history_events,
    simulate,
)

from ..report.text import Result, table

STREAMS = 100_000
# What nobody can be faster than: https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/service-quotas.html
QUOTA = 50
LONGEST_NAME = 235
"""Longer ones have no room in a destination of 255 characters with this bucket."""
SICK_SHARES = (0.0002, 0.01, 0.1)


def run(_repetitions: int) -> Result:
    """Simulate; nothing here differs from one time to the next."""
    cases = {
        "as it is by default": simulate_pass(STREAMS),
        "`calls_per_second=50`": simulate_pass(STREAMS, calls_per_second=QUOTA),
        f"with names of {LONGEST_NAME} characters": simulate_pass(STREAMS, name_length=LONGEST_NAME),
        "somebody else calls 10 times a second": simulate_pass(STREAMS, others_per_second=10),
    }
    slowest = max(simulation.longest_batch_seconds for simulation in cases.values())
    largest = max(simulation.largest_payload for simulation in cases.values())
    longest = max(simulation.seconds for simulation in cases.values())
    return Result(
        [
            f"The first pass through {STREAMS:,} streams, by the function's own planner and worker in virtual time:",
            table(
                ["case", "minutes", "streams a second", "calls", "throttled", "batches", "failed"],
                [[name, *_row(simulation)] for name, simulation in cases.items()],
            ),
            "The same, with and without CloudFormation's bound, if some streams are sick for the whole pass: their "
            "updates are answered with 5xx (busy), denied, or not answered (slow). The rate counts the healthy ones:",
            table(
                ["sick", "share", "bound", "ended", "minutes", "healthy set", "streams a second", "named"],
                [
                    sick_row(share, sickness, bound)
                    for sickness in ERRORS
                    for share in SICK_SHARES
                    for bound in (False, True)
                ],
            ),
            "The limits that are documented, and the most that any of these took:",
            table(
                ["limit", "allowed", "taken"],
                [
                    ["CloudFormation waits for the answer, s", MAX_ANSWER_SECONDS, f"{longest:.0f}"],
                    ["a function runs, s", MAX_FUNCTION_SECONDS, f"{slowest:.0f}"],
                    ["input and output of a state, bytes", MAX_PAYLOAD_BYTES, largest],
                    ["events in the history of an execution", MAX_HISTORY_EVENTS, history_events(definition())],
                ],
            ),
        ]
    )


def sick_row(share: float, sickness: str, bound: bool) -> list[str]:
    """Simulate a pass with sick streams."""
    simulation = simulate_pass(STREAMS, sick_share=share, sickness=sickness, bound=bound)
    named = sum(len(names) for names in simulation.named.values())
    healthy = simulation.streams - simulation.sick
    return [
        sickness,
        f"{share:.2%}",
        "yes" if bound else "no",
        simulation.result["ended"],
        f"{simulation.seconds / 60:.0f}",
        f"{simulation.result['counts'].get('set', 0) / healthy:.1%}",
        f"{simulation.rate:.1f}",
        f"{named:,}",
    ]


def _row(simulation: Simulation) -> list[str]:
    failed = simulation.streams - simulation.result["counts"].get("set", 0)
    return [
        f"{simulation.seconds / 60:.0f}",
        f"{simulation.rate:.1f}",
        f"{simulation.calls.total():,}",
        f"{simulation.throttled:,}",
        f"{simulation.batches}",
        f"{failed}",
    ]


def simulate_pass(streams: int, *, calls_per_second: int = 45, **options: Any) -> Simulation:
    """Simulate the first pass of a fleet that is declared with nothing but this."""
    resources = _template(calls_per_second)["Resources"].values()
    (properties,) = (r["Properties"] for r in resources if r["Type"] == "Custom::KinesisVideoStreamFleet")
    (rate,) = {
        int(r["Properties"]["Environment"]["Variables"]["CALLS_PER_SECOND"])
        for r in resources
        if r["Properties"].get("Handler") == "kinesis_video_fleet.entry.handler"
    }
    return simulate(streams, properties=properties, calls_per_second=rate, **options)


def definition() -> dict[str, Any]:
    """Read the definition of the state machine, with a word in the place of each reference."""
    resources = _template(45)["Resources"].values()
    (machine,) = (r for r in resources if r["Type"] == "AWS::StepFunctions::StateMachine")
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    words = {"Partition": "aws", "WorkFunction": "arn:aws:lambda:eu-west-1:111122223333:function:work"}
    text = "".join(
        part if isinstance(part, str) else next((v for k, v in words.items() if k in json.dumps(part)), "bucket")
        for part in parts
    )
    read: dict[str, Any] = json.loads(text)
    return read


# A synth takes seconds, and several figures come from one.
@cache
def _template(calls_per_second: int) -> dict[str, Any]:
    app = App()
    stack = Stack(app, "Fleet", env=Environment(account=ACCOUNT, region=REGION))
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    fleet = StreamFleet(stack, "Cameras", name_prefix="cam-", bucket=bucket, calls_per_second=calls_per_second)
    assert fleet.name_prefix
    template: dict[str, Any] = app.synth().get_stack_by_name("Fleet").template
    return template
