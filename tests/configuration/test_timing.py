"""The durations follow from each other, and the clients have them."""

from __future__ import annotations

import time

import boto3
import pytest

from kinesis_video_configuration import Deadline, timing
from kinesis_video_configuration.service import create_client

FUNCTION_SECONDS = 180
"""The function's timeout, which `tests/infra/test_provider.py` checks."""


def test_after_the_patience_with_iam_every_call_fits_and_one_lost_reply_of_each() -> None:
    # A Create by name: look up, read, set, read back.
    work = timing.ACCESS_DENIED_SECONDS + 2 * 4 * timing.CALL_SECONDS
    # A configuration that is read back too early is read once more.
    second_look = timing.SECOND_LOOK_SECONDS + timing.CALL_SECONDS
    assert work + second_look + timing.ANSWER_RESERVE_SECONDS <= FUNCTION_SECONDS


def test_a_call_takes_what_its_timeouts_allow() -> None:
    config = create_client(boto3.Session(region_name="us-east-1")).meta.config
    assert (config.connect_timeout, config.read_timeout) == (timing.CONNECT_SECONDS, timing.READ_SECONDS)
    assert config.connect_timeout + config.read_timeout == timing.CALL_SECONDS
    # botocore itself repeats nothing.
    assert config.retries == {"mode": "standard", "total_max_attempts": 1}


def test_what_is_kept_back_to_answer_is_enough_for_every_attempt_after_a_write_that_hangs() -> None:
    attempts = sum(pause + timing.SEND_SECONDS for pause in timing.SEND_PAUSES_SECONDS)
    assert timing.CONNECT_SECONDS + attempts <= timing.ANSWER_RESERVE_SECONDS
    # Whatever a call is doing then.
    assert FUNCTION_SECONDS - timing.ANSWER_RESERVE_SECONDS == 148
    assert list(timing.SEND_PAUSES_SECONDS) == sorted(timing.SEND_PAUSES_SECONDS)
    assert timing.SEND_PAUSES_SECONDS[0] == 0


def test_another_stream_can_be_read_and_cleared_in_what_is_kept_back_for_it() -> None:
    assert timing.TAKE_BACK_SECONDS > 2 * timing.CALL_SECONDS
    longest = timing.ACCESS_DENIED_SECONDS + timing.CALL_SECONDS
    assert longest + timing.TAKE_BACK_SECONDS + timing.ANSWER_RESERVE_SECONDS < FUNCTION_SECONDS


def test_the_waits_between_calls_are_short_beside_what_they_wait_for() -> None:
    assert 0 < timing.FIRST_WAIT_SECONDS < timing.LONGEST_WAIT_SECONDS < timing.CALL_SECONDS
    assert 10 * timing.LONGEST_WAIT_SECONDS <= timing.ACCESS_DENIED_SECONDS


def test_time_can_not_be_set_back() -> None:
    assert timing.now is time.monotonic
    assert timing.since_1970 is time.time


def test_a_deadline_passes_and_stays_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(timing, "now", lambda: now)
    deadline = Deadline(10)
    earlier = deadline.earlier(4)
    assert (deadline.remaining(), earlier.remaining()) == (10, 6)
    now = 108.0
    assert (deadline.remaining(), earlier.remaining()) == (2, 0)
    now = 200.0
    assert deadline.remaining() == 0
