"""A call whose reply is lost may have been carried out. The answer is true in both cases, and a rollback undoes it.

faults.csv has every such fault; here is what CloudFormation does next.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from kinesis_video_configuration import timing

from .conftest import DECLARED, DESCRIBE, IMAGES, OTHER_STREAM_ARN, STREAM_ARN, UPDATE, Function, Service, Stack
from .faults import CARRIED_OUT

MARKER = "cdk-kinesis-video::create-failed"
TIMED_OUT = "TimeoutError: no answer from AWS in the time that the function has"


@pytest.mark.parametrize("fault", CARRIED_OUT)
def test_a_failed_create_that_may_have_set_it_is_removed_by_the_rollback(
    function: Function, service: Service, stack: Stack, fault: str
) -> None:
    service.fail(UPDATE, fault)
    answer = function.answer_to("create")
    assert (answer.status, answer.physical_resource_id) == ("FAILED", STREAM_ARN)
    assert service.configurations[STREAM_ARN] == DECLARED
    service.fail(UPDATE)
    stack.status = "ROLLBACK_IN_PROGRESS"
    delete = {**function.event("delete"), "PhysicalResourceId": answer.physical_resource_id}
    assert function.answer_to(delete).status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None


def test_one_reply_that_is_lost_is_enough_not_to_know(function: Function, service: Service) -> None:
    service.fail(UPDATE, "done, connection reset", "InvalidArgumentException")
    answer = function.answer_to("create")
    assert (answer.status, answer.physical_resource_id) == ("FAILED", STREAM_ARN)


def test_a_create_that_adopts_answers_with_the_marker_whatever_came_of_it(function: Function, service: Service) -> None:
    service.configurations[STREAM_ARN] = IMAGES.altered
    service.fail(UPDATE, "done, timeout")
    answer = function.answer_to("create-adopting")
    assert (answer.status, answer.physical_resource_id) == ("FAILED", MARKER)
    assert (answer.reason or "").endswith(f"; {STREAM_ARN} may have the configuration all the same")


@pytest.mark.parametrize(
    ("event", "stream_arn"), [("create-adopting", STREAM_ARN), ("update-to-another-stream-adopting", OTHER_STREAM_ARN)]
)
@pytest.mark.parametrize(("fault", "unknown"), [("done, timeout", True), ("InvalidArgumentException", False)])
def test_a_failure_to_take_over_says_whether_it_may_have_happened(
    function: Function, service: Service, event: str, stream_arn: str, fault: str, unknown: bool
) -> None:
    service.configurations = {STREAM_ARN: IMAGES.altered, OTHER_STREAM_ARN: IMAGES.altered}
    service.fail(UPDATE, fault)
    reason = function.answer_to(event).reason or ""
    assert reason.endswith(
        f"; {stream_arn} may have the configuration all the same" if unknown else " the properties that it names"
    )
    assert (service.configurations[stream_arn] == DECLARED) == unknown


@pytest.mark.parametrize("fault", CARRIED_OUT)
def test_a_failed_update_to_another_stream_leaves_nothing_there(
    function: Function, service: Service, fault: str
) -> None:
    service.configurations[STREAM_ARN] = DECLARED
    service.fail(UPDATE, fault)
    answer_to = service._answer

    def only_removals_succeed(request: AWSPreparedRequest, operation: str, parameters: dict[str, Any]) -> AWSResponse:
        if operation == UPDATE and IMAGES.configuration not in parameters:
            service.fail(UPDATE)
        return answer_to(request, operation, parameters)

    service._answer = only_removals_succeed  # type: ignore[method-assign]
    answer = function.answer_to("update-to-another-stream")
    assert (answer.status, answer.physical_resource_id) == ("FAILED", STREAM_ARN)
    assert service.configurations == {STREAM_ARN: DECLARED, OTHER_STREAM_ARN: None}
    assert answer.reason is not None
    assert "all the same" not in answer.reason


def test_what_could_not_be_taken_back_is_said(function: Function, service: Service) -> None:
    service.configurations[STREAM_ARN] = DECLARED
    service.fail(UPDATE, "done, timeout")
    describe = service._answer

    def then_gone(request: AWSPreparedRequest, operation: str, parameters: dict[str, Any]) -> AWSResponse:
        answered = describe(request, operation, parameters)
        if operation == UPDATE:
            service.fail(DESCRIBE, "InternalFailure")
        return answered

    service._answer = then_gone  # type: ignore[method-assign]
    answer = function.answer_to("update-to-another-stream")
    assert (answer.status, answer.physical_resource_id) == ("FAILED", STREAM_ARN)
    assert answer.reason is not None
    assert answer.reason.endswith(f"; {OTHER_STREAM_ARN} may have the configuration all the same, remove it there")


def test_taking_back_removes_nothing_that_somebody_else_has_set_since(function: Function, service: Service) -> None:
    service.fail(UPDATE, "timeout")
    answer_to = service._answer_to

    def somebody_else(request: AWSPreparedRequest) -> AWSResponse:
        if service.calls[UPDATE]:
            service.configurations[OTHER_STREAM_ARN] = IMAGES.altered
        return answer_to(request)

    service._answer_to = somebody_else  # type: ignore[method-assign]
    assert function.answer_to("update-to-another-stream").status == "FAILED"
    assert service.configurations[OTHER_STREAM_ARN] == IMAGES.altered


def test_delete_reads_again_before_each_attempt_to_remove(function: Function, service: Service) -> None:
    service.configurations[STREAM_ARN] = DECLARED
    service.fail(UPDATE, "done, connection reset", times=1)
    answer_to = service._answer_to

    def another_stack(request: AWSPreparedRequest) -> AWSResponse:
        if service.calls[UPDATE] == 1:
            service.configurations[STREAM_ARN] = IMAGES.altered
        return answer_to(request)

    service._answer_to = another_stack  # type: ignore[method-assign]
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] == IMAGES.altered
    assert [operation for operation, _ in service.requests] == [DESCRIBE, DESCRIBE, UPDATE, DESCRIBE, DESCRIBE]


@pytest.fixture
def stuck(service: Service, monkeypatch: pytest.MonkeyPatch) -> Stuck:
    monkeypatch.setattr(timing, "CALL_SECONDS", 0)
    monkeypatch.setattr(timing, "TAKE_BACK_SECONDS", 0)
    return Stuck(service)


class Stuck:
    """Lets one call hang until the event is answered."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._released = threading.Event()
        self._answer_to = service._answer_to
        self._operation = ""
        service._answer_to = self._hang  # type: ignore[method-assign]

    def at(self, operation: str) -> None:
        self._operation = operation

    def _hang(self, request: AWSPreparedRequest) -> AWSResponse:
        operation, _ = self._service._read(request)
        if operation == self._operation and self._service.calls[UPDATE] == (operation != UPDATE):
            answer = self._answer_to(request)
            self._released.wait(10)
            return answer
        return self._answer_to(request)

    def go_on(self) -> None:
        (worker,) = (thread for thread in threading.enumerate() if thread.name == "work")
        # The end of the process doesn't wait for it, either.
        assert worker.daemon
        self._released.set()
        worker.join(10)


# The test waits until this deadline, 0.2 s: the answer at a deadline can't be seen otherwise.
AT_THE_DEADLINE = timing.ANSWER_RESERVE_SECONDS + 0.2


@pytest.mark.parametrize(
    ("event", "operation", "status", "physical_id", "reason"),
    [
        ("create", UPDATE, "FAILED", STREAM_ARN, TIMED_OUT),
        ("create", DESCRIBE, "SUCCESS", STREAM_ARN, None),
        ("update", UPDATE, "FAILED", STREAM_ARN, TIMED_OUT),
        ("update", DESCRIBE, "SUCCESS", STREAM_ARN, None),
        ("update-to-another-stream", DESCRIBE, "SUCCESS", OTHER_STREAM_ARN, None),
    ],
)
def test_at_the_deadline_the_answer_tells_what_is_known(
    function: Function,
    service: Service,
    stuck: Stuck,
    event: str,
    operation: str,
    status: str,
    physical_id: str,
    reason: str | None,
) -> None:
    stuck.at(operation)
    answer = function.answer_to(event, seconds=AT_THE_DEADLINE)
    assert (answer.status, answer.physical_resource_id, answer.reason) == (status, physical_id, reason)
    assert answer.data == ({"Verified": "false"} if status == "SUCCESS" else {})
    stuck.go_on()


def test_at_the_deadline_a_create_that_has_set_nothing_answers_with_the_marker(
    function: Function, service: Service, stuck: Stuck
) -> None:
    service.calls[UPDATE] = 1  # so that the first describe hangs
    stuck.at(DESCRIBE)
    answer = function.answer_to("create", seconds=AT_THE_DEADLINE)
    assert (answer.status, answer.physical_resource_id, answer.reason) == ("FAILED", MARKER, TIMED_OUT)
    stuck.go_on()


def test_work_that_is_left_behind_makes_no_further_call(
    function: Function, service: Service, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck.at(UPDATE)
    function.answer_to("create", seconds=AT_THE_DEADLINE)
    # Lambda thaws it with the next event.
    service.clock.sleep(60)
    stuck.go_on()
    assert service.calls == {DESCRIBE: 1, UPDATE: 1}


def test_an_error_of_our_own_after_the_update_takes_nothing_back(
    function: Function, service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("kinesis_video_handler.lifecycle.differences", broken)
    answer = function.answer_to("create")
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert answer.data == {"Verified": "false"}
    (error,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert error.problem == "ZeroDivisionError: a fault of ours"  # type: ignore[attr-defined]
    assert any("lifecycle.py" in frame for frame in error.frames)  # type: ignore[attr-defined]
