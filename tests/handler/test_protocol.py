"""The body of an answer, at the limits of CloudFormation."""

from __future__ import annotations

import json

import pytest

from kinesis_video_handler.protocol import MAX_ANSWER_BYTES, Answer, Request

REQUEST = Request(
    request_type="Create",
    request_id="request",
    stack_id="stack",
    logical_resource_id="logical",
    resource_type="Custom::KinesisVideoImageGeneration",
    physical_resource_id="",
    properties={},
    old_properties={},
    response_url="https://example.com/",
)


def failed(reason: str, physical_id: str = "physical") -> Answer:
    return Answer("FAILED", physical_id, reason=reason)


def test_a_failure_always_has_a_reason_and_an_id() -> None:
    assert json.loads(failed("").encode(REQUEST))["Reason"] == "no reason was given"
    assert Answer.failed(REQUEST).physical_resource_id == "cdk-kinesis-video::create-failed"


def test_an_answer_of_4096_bytes_is_sent_as_it_is_and_one_of_4097_is_cut() -> None:
    assert MAX_ANSWER_BYTES == 4096
    room = MAX_ANSWER_BYTES - len(failed("x").encode(REQUEST)) + 1
    fits = failed("x" * room).encode(REQUEST)
    assert len(fits) == 4096
    assert json.loads(fits)["Reason"] == "x" * room
    cut = json.loads(failed("b" * room + "e").encode(REQUEST))["Reason"]
    assert cut.startswith("bbb")
    assert cut.endswith("be")
    assert room // 2 - 4 < len(cut) <= (room + 1) // 2


def test_the_reason_gives_way_to_the_last_character() -> None:
    room = MAX_ANSWER_BYTES - len(failed("", "").encode(REQUEST))
    for spare in range(5):
        assert len(failed("the reason is long", "i" * (room - spare)).encode(REQUEST)) <= MAX_ANSWER_BYTES
    with pytest.raises(ValueError, match=r"^the event's own ids are longer than an answer may be$"):
        failed("the reason is long", "i" * MAX_ANSWER_BYTES).encode(REQUEST)
