"""CloudFormation's events for which no pass can be started, or none is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from types import ModuleType, SimpleNamespace

import pytest
from botocore.stub import Stubber

from kinesis_video_handler.protocol import CREATE_FAILED_ID, Request
from tests.cloudformation import CloudFormation

from .conftest import event_of

CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 120_000)


@pytest.fixture
def begin() -> ModuleType:
    from kinesis_video_fleet import begin

    return begin


@pytest.fixture
def calls(begin: ModuleType) -> Iterator[tuple[Stubber, Stubber]]:
    """The calls of Amazon S3 and of Step Functions, of which none but the expected ones is made."""
    with ExitStack() as stubs:
        both = stubs.enter_context(Stubber(begin.s3)), stubs.enter_context(Stubber(begin.states))
        yield both
        for stubber in both:
            stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("machine", "reason"),
    [("passes", "StartExecution: StateMachineDoesNotExist: gone"), (None, "KeyError: 'STATE_MACHINE'")],
    ids=["refused", "an error in our code"],
)
def test_a_pass_that_cannot_be_started_is_answered_and_leaves_nothing_in_the_bucket(
    machine: str | None,
    reason: str,
    begin: ModuleType,
    calls: tuple[Stubber, Stubber],
    cloudformation: CloudFormation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3, states = calls
    event = event_of(cloudformation, "Create")
    if machine:
        s3.add_response("put_object", {})
        states.add_client_error("start_execution", "StateMachineDoesNotExist", "gone", http_status_code=400)
    else:
        monkeypatch.delenv("STATE_MACHINE")
    s3.add_response("delete_object", {}, {"Bucket": "work", "Key": f"events/{Request.from_event(event).identity}.json"})
    with cloudformation.one_answer_to(event) as answers:
        begin.handler(event, CONTEXT)
    assert (answers[0].status, answers[0].physical_resource_id) == ("FAILED", CREATE_FAILED_ID)
    assert answers[0].reason == f"no pass was started: {reason}"


@pytest.mark.usefixtures("calls")
def test_the_delete_of_a_failed_create_starts_nothing(begin: ModuleType, cloudformation: CloudFormation) -> None:
    event = event_of(cloudformation, "Delete", PhysicalResourceId=CREATE_FAILED_ID)
    with cloudformation.one_answer_to(event) as answers:
        begin.handler(event, CONTEXT)
    assert answers[0].status == "SUCCESS"


def test_an_event_that_lambda_repeats_starts_no_second_pass(
    begin: ModuleType, calls: tuple[Stubber, Stubber], cloudformation: CloudFormation
) -> None:
    s3, states = calls
    s3.add_response("put_object", {})
    states.add_client_error("start_execution", "ExecutionAlreadyExists", "it is", http_status_code=400)
    begin.handler(event_of(cloudformation, "Update", PhysicalResourceId="stream-fleet/cam-"), CONTEXT)
    assert cloudformation.puts == []


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("other", ["other", "arn:aws:cloudformation:eu-west-1:111122223333:stack/Other/1"])
def test_an_event_of_another_stack_starts_nothing_and_is_not_answered(
    other: str, begin: ModuleType, cloudformation: CloudFormation
) -> None:
    with pytest.raises(ValueError, match=f"^the event is not of the function's own stack but of {other}$"):
        begin.handler(event_of(cloudformation, "Create", StackId=other), CONTEXT)
    assert cloudformation.puts == []
