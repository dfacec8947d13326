"""Events that Lambda delivers again, and events that CloudFormation has given up."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from kinesis_video_handler.protocol import AnswerNotSentError, Request

from ..cloudformation import CloudFormation
from .conftest import DECLARED, DESCRIBE, IMAGES, STREAM_ARN, UPDATE, FakeClock, Function


@pytest.mark.parametrize(
    ("name", "fault"), [("create", ""), ("create", "InvalidArgumentException"), ("update", ""), ("delete", "")]
)
def test_a_repeated_event_gets_the_same_answer_and_touches_nothing(function: Function, name: str, fault: str) -> None:
    function.streams[STREAM_ARN] = None if name == "create" else DECLARED
    function.service.fail(UPDATE, fault, times=1)
    event = function.event(name)
    first = function.answer_to(event)
    assert first.status == ("FAILED" if fault else "SUCCESS")
    calls = function.service.calls + function.stack.calls
    function.streams[STREAM_ARN] = IMAGES.altered
    assert function.answer_to(event) == first
    assert function.streams[STREAM_ARN] == IMAGES.altered
    assert function.service.calls + function.stack.calls == calls


def test_an_event_whose_answer_was_not_taken_gets_it_again(function: Function, cloudformation: CloudFormation) -> None:
    event = function.event("create")
    cloudformation.script = [500] * 4
    with pytest.raises(AnswerNotSentError):
        function.invoke(event)
    assert function.answer_to(event).status == "SUCCESS"
    assert function.service.calls == {DESCRIBE: 2, UPDATE: 1}


@pytest.mark.parametrize("key", ["LogicalResourceId", "StackId"])
def test_an_event_of_another_resource_is_not_a_repeated_one(function: Function, key: str) -> None:
    # By the documentation, a RequestId is unique together with the stack, and for a particular resource.
    event = function.event("create")
    function.answer_to(event)
    function.streams[STREAM_ARN] = None
    assert function.answer_to({**event, key: f"{event[key]}2"}).status == "SUCCESS"
    assert function.streams[STREAM_ARN] == DECLARED


def sent_again(event: dict[str, Any]) -> dict[str, Any]:
    """Make the event that CloudFormation sends if a deployment is retried: the same RequestId, another ResponseURL."""
    return {**event, "ResponseURL": f"{event['ResponseURL']}&X-Amz-Signature=another"}


# With the last fault nothing was set; its cause has been removed meanwhile.
@pytest.mark.parametrize("fault", ["", "done, timeout", "NoDataRetentionException"])
@pytest.mark.parametrize("name", ["create", "update-to-another-stream"])
def test_what_was_set_for_a_request_is_its_own_when_it_comes_again(function: Function, name: str, fault: str) -> None:
    event = function.event(name)
    stream_arn = event["ResourceProperties"]["StreamARN"]
    function.service.fail(UPDATE, fault)
    assert function.answer_to(event).status == ("FAILED" if fault else "SUCCESS")
    function.service.fail(UPDATE)
    answer = function.answer_to(sent_again(event))
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", stream_arn)
    assert function.streams[stream_arn] == DECLARED
    # The same holds with other properties.
    event["ResourceProperties"][IMAGES.configuration]["SamplingInterval"] = "500"
    assert function.answer_to(sent_again(sent_again(event))).status == "SUCCESS"
    assert function.streams[stream_arn] == IMAGES.updated
    assert "ListStackResources" not in function.stack.calls


DELETED = {"removed": DECLARED, "gone before it was removed": None, "altered before it was removed": IMAGES.altered}


@pytest.mark.parametrize("other", ["another request", "another resource", "another stack", "altered", *DELETED])
def test_nothing_else_is_its_own(function: Function, other: str) -> None:
    event = function.event("create")
    function.answer_to(event)
    if other in DELETED:
        function.streams[STREAM_ARN] = DELETED[other]
        function.stack.has("StreamImageGeneration", STREAM_ARN, status="DELETE_IN_PROGRESS")
        function.answer_to("delete")
        # Another stack sets it.
        function.streams[STREAM_ARN] = DECLARED
    elif other == "altered":
        function.streams[STREAM_ARN] = IMAGES.altered
    else:
        key = {"another request": "RequestId", "another resource": "LogicalResourceId", "another stack": "StackId"}
        event[key[other]] += "2"
    before = function.streams[STREAM_ARN]
    assert function.answer_to(sent_again(event)).status == "FAILED"
    assert function.streams[STREAM_ARN] == before


def test_the_oldest_answers_are_forgotten(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    from kinesis_video_handler import entry

    monkeypatch.setattr(entry, "MAX_REMEMBERED", 2)
    monkeypatch.setattr(entry, "_answered", {})
    events = [function.event("update") for _ in range(3)]
    for event in events:
        function.answer_to(event)
    assert list(entry._answered) == [Request.from_event(event).identity for event in events[1:]]


def dated(function: Function, query: str, service_timeout: object = "900") -> dict[str, Any]:
    event = function.event("create")
    event["ResponseURL"] = f"{function.cloudformation.response_url}&{query}"
    event["ResourceProperties"]["ServiceTimeout"] = service_timeout
    if service_timeout is None:
        del event["ResourceProperties"]["ServiceTimeout"]
    return event


def signed(age: float) -> str:
    made = datetime.fromtimestamp(FakeClock.started_at - age, UTC)
    return f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={made:%Y%m%dT%H%M%SZ}&X-Amz-Expires=7200"


LATE = "TimeoutError: the event is so old that CloudFormation has given it up, so nothing was changed"


@pytest.mark.parametrize(
    ("query", "service_timeout"),
    [
        (signed(900), "900"),
        (signed(6 * 3600), "900"),
        (signed(3600), None),
        (signed(3600), "soon"),
        (signed(3600), ["900"]),
        (f"Expires={FakeClock.started_at:.0f}", "900"),
    ],
)
def test_an_event_that_is_too_old_changes_nothing(function: Function, query: str, service_timeout: object) -> None:
    event = dated(function, query, service_timeout)
    function.invoke(event)
    (put,) = function.cloudformation.puts
    assert b'"FAILED"' in put.body
    assert LATE.encode() in put.body
    assert not function.service.calls
    assert not function.stack.calls


@pytest.mark.parametrize(
    ("query", "service_timeout"),
    [
        (signed(600), "900"),
        (signed(3300), None),
        (signed(3300), "soon"),
        *((signed(600), odd) for odd in ("0", "-5", "36000", True, ["900"], math.inf, math.nan)),
        pytest.param(signed(600), 10**5000, id="huge"),
        (signed(-3600), "900"),
        (f"Expires={FakeClock.started_at + 300:.0f}", "900"),
        ("", "900"),
        ("X-Amz-Date=yesterday", "900"),
        ("X-Amz-Date=", "900"),
        ("Expires=never", "900"),
        (f"Expires={'9' * 400}", "900"),
    ],
)
def test_an_event_that_is_not_or_can_not_be_dated_is_acted_on(
    function: Function, query: str, service_timeout: object
) -> None:
    function.invoke(dated(function, query, service_timeout))
    (put,) = function.cloudformation.puts
    assert b'"SUCCESS"' in put.body
    assert function.streams[STREAM_ARN] == DECLARED


def test_work_ends_before_cloudformation_gives_up(function: Function) -> None:
    # CloudFormation waits for another 60 s, less than the 180 s of the function, and the answer takes its part of them.
    function.service.fail(UPDATE, "ClientLimitExceededException")
    function.invoke(dated(function, signed(840)))
    (put,) = function.cloudformation.puts
    assert b"ClientLimitExceededException" in put.body
    assert function.clock.time < 60
