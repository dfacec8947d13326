"""Fleet: a pass through 100,000 streams, simulated on the quotas of the local AWS, and one through 1,200 on it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from kinesis_video_local import LocalAws
from tests.fleet.simulation import (
    ERRORS,
    LONGEST_NAME,
    MAX_ANSWER_SECONDS,
    MAX_FUNCTION_SECONDS,
    MAX_HISTORY_EVENTS,
    MAX_PAYLOAD_BYTES,
    Simulation,
    definition,
    history_events,
    simulate_pass,
)
from tests.integ.conftest import Cloud
from tests.integ.fleets import MANY, SICK, set_many, updates_per_second

from ..report.text import paragraphs, table

STREAMS = 100_000
# What nobody can be faster than: https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/service-quotas.html
QUOTA = 50
CASES: dict[str, dict[str, Any]] = {
    "default settings": {},
    "`calls_per_second=50`": {"calls_per_second": QUOTA},
    f"names of {LONGEST_NAME} characters": {"name_length": LONGEST_NAME},
    "somebody else calls 10 times a second": {"others_per_second": 10},
}
SICKNESSES = [("busy", 0.0), *((sickness, share) for sickness in ERRORS for share in (0.0002, 0.01, 0.1))]


def run(_repetitions: int) -> str:
    """Simulate; nothing here differs from one time to the next except the local AWS's pace."""
    sick: list[dict[str, Any]] = [
        {"sickness": sickness, "sick_share": share, "bound": bound}
        for sickness, share in SICKNESSES
        for bound in (False, True)
    ]
    # A process that is forked would share the CDK's own one.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        simulations = list(pool.map(_simulate, [*CASES.values(), *sick]))
    cases = dict(zip(CASES, simulations, strict=False))
    plain = cases["default settings"]
    with LocalAws() as aws:
        calls = set_many(Cloud(aws))
    throttled = sum(call.error == "ClientLimitExceededException" for call in calls)
    bound = [each for each in simulations if each.bound]
    limits: list[list[object]] = [
        ["CloudFormation waits for the answer, s", MAX_ANSWER_SECONDS, _most("seconds", bound)],
        ["a function runs, s", MAX_FUNCTION_SECONDS, _most("longest_batch_seconds", simulations)],
        ["input and output of a state, bytes", MAX_PAYLOAD_BYTES, _most("largest_payload", simulations)],
        ["events in the history of an execution", MAX_HISTORY_EVENTS, history_events(definition())],
    ]
    return paragraphs(
        f"The first pass through {STREAMS:,} streams, by the function's own planner and worker in virtual time:",
        table(
            ["case", "minutes", "streams a second", "throttled"],
            [[name, f"{s.seconds / 60:.0f}", f"{s.rate:.1f}", f"{s.throttled:,}"] for name, s in cases.items()],
        ),
        "The same if some streams are sick for the whole pass: their updates are answered with 5xx (busy), denied, or "
        "not answered (slow). The rate counts the healthy ones, and CloudFormation's bound is an hour:",
        table(
            ["sick", "share", "bound", "ended", "minutes", "healthy set", "streams a second", "named"],
            [_row(simulation, **case) for case, simulation in zip(sick, simulations[len(CASES) :], strict=True)],
        ),
        f"A pass without sick streams has {plain.transitions} state transitions, {plain.function_seconds:,.0f} s of "
        f"function time, {plain.requests['PUT']} PUT or LIST and {plain.requests['GET']:,} GET of S3.",
        "The limits that are documented, and the most that any of these took:",
        table(["limit", "allowed", "taken"], limits),
        f"On the local AWS with its quotas on, a pass through {MANY:,} streams of which {SICK} are busy makes "
        f"{updates_per_second(calls):.1f} updates a second; {throttled} calls are throttled.",
    )


def _simulate(options: dict[str, Any]) -> Simulation:
    # Each sick stream is a line.
    logging.disable()
    return simulate_pass(STREAMS, **options)


def _row(simulation: Simulation, *, sickness: str, sick_share: float, bound: bool) -> list[str]:
    named = sum(len(names) for names in simulation.named.values())
    healthy = simulation.streams - simulation.sick
    return [
        sickness if sick_share else "none",
        f"{sick_share:.2%}",
        "yes" if bound else "no",
        simulation.result["ended"],
        f"{simulation.seconds / 60:.0f}",
        f"{simulation.result['counts'].get('set', 0) / healthy:.1%}",
        f"{simulation.rate:.1f}",
        f"{named:,}",
    ]


def _most(figure: str, simulations: Iterable[Simulation]) -> str:
    return f"{max(getattr(each, figure) for each in simulations):,.0f}"
