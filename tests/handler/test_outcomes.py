"""A call whose reply is lost may have been carried out. The answer is true in both cases, and a rollback undoes it.

faults.csv has every such fault; here is what CloudFormation does next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from kinesis_video_configuration import Deadline

from .conftest import DECLARED, DESCRIBE, IMAGES, OTHER_STREAM_ARN, STREAM_ARN, UPDATE, Function, Service

MARKER = "cdk-kinesis-video::create-failed"
TIMED_OUT = "TimeoutError: no answer from AWS in the time that the function has"


def test_what_could_not_be_taken_back_is_said(function: Function) -> None:
    function.streams[STREAM_ARN] = DECLARED
    function.service.fail(UPDATE, "done, timeout")
    function.service.on_call = lambda operation: (
        function.service.fail(DESCRIBE, "InternalFailure") if operation == UPDATE else None
    )
    answer = function.answer_to("update-to-another-stream")
    assert (answer.status, answer.physical_resource_id) == ("FAILED", STREAM_ARN)
    assert answer.reason is not None
    assert answer.reason.endswith(f"; {OTHER_STREAM_ARN} may have the configuration all the same, remove it there")


def altered_after_the_first_update(function: Function) -> Callable[[str], None]:
    """Let somebody else change the streams before the first read that follows an update."""

    def change(operation: str) -> None:
        if operation == DESCRIBE and function.service.calls[UPDATE]:
            function.streams = dict.fromkeys(function.streams, IMAGES.altered)

    return change


def test_taking_back_removes_nothing_that_somebody_else_has_set_since(function: Function) -> None:
    function.service.fail(UPDATE, "timeout", "InvalidArgumentException")
    function.service.on_call = altered_after_the_first_update(function)
    assert function.answer_to("update-to-another-stream").status == "FAILED"
    assert function.streams[OTHER_STREAM_ARN] == IMAGES.altered


def test_delete_reads_again_before_each_attempt_to_remove(function: Function) -> None:
    function.streams[STREAM_ARN] = DECLARED
    function.service.fail(UPDATE, "done, connection reset", times=1)
    function.service.on_call = altered_after_the_first_update(function)
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] == IMAGES.altered
    assert [operation for operation, _ in function.service.requests] == [DESCRIBE, DESCRIBE, UPDATE, DESCRIBE, DESCRIBE]


class Stuck:
    """Lets the first call of an operation, after a number of updates, hang until the event is answered."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._hangs, self._released = threading.Event(), threading.Event()

    def at(self, operation: str, updates: int) -> None:
        def hang(called: str) -> None:
            if called == operation and self._service.calls[UPDATE] == updates:
                self._hangs.set()
                self._released.wait(10)

        self._service.on_call = hang

    def remaining(self) -> float:
        """Let the deadline be when the call hangs."""
        assert self._hangs.wait(10)
        return 0

    def go_on(self) -> None:
        (worker,) = (thread for thread in threading.enumerate() if thread.name == "work")
        # The end of the process doesn't wait for it, either.
        assert worker.daemon
        self._released.set()
        worker.join(10)


@pytest.fixture
def stuck(service: Service, monkeypatch: pytest.MonkeyPatch) -> Stuck:
    stuck = Stuck(service)
    remaining = Deadline.remaining
    monkeypatch.setattr(
        Deadline,
        "remaining",
        lambda deadline: remaining(deadline) if threading.current_thread().name == "work" else stuck.remaining(),
    )
    return stuck


@pytest.mark.parametrize(
    ("event", "operation", "updates", "status", "physical_id"),
    [
        ("create", DESCRIBE, 0, "FAILED", MARKER),
        ("create", UPDATE, 1, "FAILED", STREAM_ARN),
        ("create", DESCRIBE, 1, "SUCCESS", STREAM_ARN),
        ("update", UPDATE, 1, "FAILED", STREAM_ARN),
        ("update", DESCRIBE, 1, "SUCCESS", STREAM_ARN),
        ("update-to-another-stream", DESCRIBE, 1, "SUCCESS", OTHER_STREAM_ARN),
    ],
)
def test_at_the_deadline_the_answer_tells_what_is_known(
    function: Function, stuck: Stuck, event: str, operation: str, updates: int, status: str, physical_id: str
) -> None:
    stuck.at(operation, updates)
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == (status, physical_id)
    assert answer.reason == (TIMED_OUT if status == "FAILED" else None)
    assert answer.data == ({"Verified": "false"} if status == "SUCCESS" else {})
    stuck.go_on()


def test_work_that_is_left_behind_makes_no_further_call(function: Function, stuck: Stuck) -> None:
    stuck.at(UPDATE, 1)
    function.answer_to("create")
    # Lambda thaws it with the next event.
    function.service.clock.sleep(180)
    stuck.go_on()
    assert function.service.calls == {DESCRIBE: 1, UPDATE: 1}


def test_an_error_of_our_own_after_the_update_takes_nothing_back(
    function: Function, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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
