"""A pass in virtual time: the pace, the limits, and sick streams."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from kinesis_video_configuration import Deadline, timing
from kinesis_video_fleet import worker
from kinesis_video_fleet.declaration import Rules
from kinesis_video_fleet.pace import Pace
from kinesis_video_fleet.worker import THREADS, Worker

from .simulation import (
    LONGEST_NAME,
    MAX_ANSWER_SECONDS,
    MAX_FUNCTION_SECONDS,
    MAX_HISTORY_EVENTS,
    MAX_PAYLOAD_BYTES,
    definition,
    history_events,
    simulate_pass,
)
from .virtual_time import VirtualClock

CALLS_PER_SECOND = 45


def test_a_pass_uses_nine_tenths_of_its_calls_a_second_and_none_is_throttled() -> None:
    simulation = simulate_pass(5_000)
    assert simulation.result["counts"] == {"set": 5_000}
    assert simulation.throttled == 0
    assert simulation.rate >= 0.9 * CALLS_PER_SECOND
    # So CloudFormation waits long enough for 100,000 streams.
    assert 100_000 / simulation.rate < MAX_ANSWER_SECONDS


@pytest.mark.parametrize("name_length", [20, LONGEST_NAME])
def test_a_pass_keeps_the_documented_limits(name_length: int) -> None:
    simulation = simulate_pass(2_000, name_length=name_length)
    assert simulation.result["counts"] == {"set": 2_000}
    assert simulation.largest_payload <= MAX_PAYLOAD_BYTES
    assert simulation.longest_batch_seconds <= MAX_FUNCTION_SECONDS
    # Whatever the number of streams: each batch has a history of its own.
    assert history_events(definition()) <= MAX_HISTORY_EVENTS / 100


@pytest.mark.parametrize(
    ("sickness", "sick", "pace"),
    # With the last one 90,000 streams are set before CloudFormation's bound.
    [("busy", 20, 0.9), ("denied", 20, 0.9), ("slow", 20, 0.75), ("slow", 200, 0.7)],
)
def test_sick_streams_do_not_delay_the_others(sickness: str, sick: int, pace: float) -> None:
    simulation = simulate_pass(2_000, sick_share=sick / 2_000, sickness=sickness, bound=True)
    assert simulation.result["counts"]["set"] == 2_000 - sick
    assert len(simulation.named["failed"]) == simulation.sick == sick
    assert simulation.rate >= pace * 0.9 * CALLS_PER_SECOND


def test_throttling_by_others_is_waited_for() -> None:
    simulation = simulate_pass(500, others_per_second=30)
    assert simulation.throttled > 0
    assert simulation.result["counts"] == {"set": 500}


def test_the_definition_follows_the_rules_of_step_functions() -> None:
    # Its import takes a second of CPU, in every worker.
    from cfnlint.api import lint_all

    def complaints(states: dict[str, Any]) -> list[str]:
        properties = {"RoleArn": "arn:aws:iam::111122223333:role/passes", "Definition": states}
        machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
        matches = lint_all(json.dumps({"Resources": {"Passes": machine}}))
        return [str(match) for match in matches if match.rule.severity == "error"]

    assert complaints(definition()) == []
    broken = definition()
    del broken["States"]["Batches"]["ItemProcessor"]
    assert "E3601" in complaints(broken)[0]


def test_a_state_that_fails_or_hangs_leads_to_the_answer() -> None:
    machine = definition()
    states = machine["States"]
    work = states["Batches"]["ItemProcessor"]["States"]["Work"]
    for task in (states["Plan"], work, states["Conclude"]):
        assert MAX_FUNCTION_SECONDS < task["TimeoutSeconds"] <= MAX_FUNCTION_SECONDS + 60
    # A timeout of the whole machine would end the pass without an answer.
    assert "TimeoutSeconds" not in machine
    caught = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem", "Next": "Conclude"}]
    assert states["Plan"]["Catch"] == states["Batches"]["Catch"] == caught
    # A permission takes up to a minute to reach all of IAM.
    (retry,) = states["Batches"]["Retry"]
    assert retry["ErrorEquals"] == ["States.ALL"]
    waits = [retry["IntervalSeconds"] * retry["BackoffRate"] ** number for number in range(retry["MaxAttempts"])]
    assert sum(waits) >= timing.ACCESS_DENIED_SECONDS


@pytest.mark.parametrize("calls_per_second", [1, 10, 45])
def test_no_second_has_more_calls_whenever_the_service_counts_them(
    calls_per_second: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = VirtualClock()
    monkeypatch.setattr(timing, "now", clock.now)
    monkeypatch.setattr(timing, "sleep", clock.sleep)
    chance = random.Random(calls_per_second)
    pace = Pace(calls_per_second)
    counted: list[float] = []

    def call(_number: int) -> None:
        with pace:
            before, after = chance.expovariate(10), chance.expovariate(10)
            clock.sleep(before)
            counted.append(clock.now())
            clock.sleep(after)

    with clock.pool(min(THREADS, calls_per_second)) as pool:
        list(pool.map(call, range(20 * calls_per_second)))
    assert all(later - earlier >= 1 for earlier, later in zip(counted, counted[calls_per_second:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(counted))


def test_streams_without_time_left_are_named_at_once() -> None:
    streams = [f"arn:aws:kinesisvideo:eu-west-1:111122223333:stream/cam-{number}/1" for number in range(1_000)]
    # Without a client: no call is made.
    report = Worker(None, Rules(None, ()), 1, Deadline(timing.CALL_SECONDS - 1)).work(streams)
    assert report.counts == {"not_tried": 1_000}
    assert set(report.named) == set(streams)


def test_while_the_ledger_is_slow_nothing_is_set_without_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    for place, name, stand_in in ((timing, "now", clock.now), (timing, "sleep", clock.sleep)):
        monkeypatch.setattr(place, name, stand_in)
    monkeypatch.setattr(worker, "ThreadPoolExecutor", clock.pool)
    set_at: list[float] = []

    def stop() -> str:
        clock.sleep(0.05 if clock.time < 2 else 20)
        return "another pass has the turn" if clock.time >= 2 else ""

    class Sets(Rules):
        def apply(self, calls: Any, client: Any, stream_arn: str, before: Callable[[], object]) -> tuple[str, str]:
            before()
            set_at.append(clock.time)
            clock.sleep(0.2)
            return "set", ""

    report = Worker(None, Sets(None), 45, Deadline(800), stop).work([f"stream/cam-{n}/1" for n in range(5_000)])
    assert report.counts["not_tried"] > 4_000
    assert 1 < max(set_at) <= 2 + worker.LONGEST_UNSEEN_SECONDS
