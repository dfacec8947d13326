"""What the function reports and repairs, by what CloudFormation says of the stack: events in, calls at the wire."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from kinesis_video_configuration import timing
from kinesis_video_contract.drift import DRIFTED, LOOKED, MESSAGE, NOT_COMPARED
from kinesis_video_contract.drift import NOT_COMPARED_COUNT as FAILED

from ..handler.conftest import (
    DECLARED,
    DESCRIBE,
    IMAGES,
    OTHER_STREAM_ARN,
    STACK_ID,
    STREAM_ARN,
    UPDATE,
    Context,
    FakeClock,
    Service,
    Stack,
    _environment,
    clock,
    feature,
    service,
    stack,
)
from ..infra.synthesis import resources_of, template_of
from ..normalisations import TABLE, Normalisation

__all__ = ["_environment", "clock", "feature", "service", "stack"]

# `Stack` says of each resource that it was changed at 22:13:20.
AFTER, AT, BEFORE = "2023-11-14T22:13:21Z", "2023-11-14T22:13:20Z", "2023-11-14T22:13:19Z"
ALTERED = {**DECLARED, "SamplingInterval": 500}


def event(
    time: str = AFTER, repair: str = "ALWAYS", declared: dict[str, Any] = DECLARED, **detail: Any
) -> dict[str, Any]:
    """An event; `declared` is what the first of its two streams should have."""
    properties = [
        {"StreamARN": STREAM_ARN, "ImageGenerationConfiguration": declared},
        {"StreamARN": OTHER_STREAM_ARN, "ImageGenerationConfiguration": DECLARED},
    ]
    return {
        "Time": time,
        "Detail": detail,
        "StackId": STACK_ID,
        "Repair": repair,
        "PutEvents": False,
        "Declarations": {IMAGES.resource_type: properties},
    }


def by_call(**parameters: str) -> dict[str, Any]:
    identity = {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/operator/eve"}
    return {"eventName": UPDATE, "userIdentity": identity, "requestParameters": parameters}


class Looked:
    """The function's log after an event."""

    def __init__(self, records: list[logging.LogRecord]) -> None:
        self._records = records
        self.said = [record.getMessage() for record in records]
        self.reports = self.lines(MESSAGE)
        self.repaired = [report.repaired for report in self.reports]

    def lines(self, message: str) -> list[Any]:
        return [record for record in self._records if record.getMessage() == message]

    @property
    def counts(self) -> tuple[int, int, int]:
        """What the one line of the look says: the streams, those that differ, and those that were not compared."""
        (line,) = self.lines(LOOKED)
        assert line.stack == "Camera"
        return line.streams, line.drifted, line.not_compared


Invoke = Callable[..., Looked]


@pytest.fixture
def invoke(service: Service, stack: Stack, caplog: pytest.LogCaptureFixture) -> Invoke:
    """One stream has something else than is declared, the other has what is declared, and the stack is at rest."""
    service.configurations.update({STREAM_ARN: ALTERED, OTHER_STREAM_ARN: DECLARED})
    stack.status = "UPDATE_COMPLETE"
    stack.has("FrontDoor", STREAM_ARN)
    stack.has("BackDoor", OTHER_STREAM_ARN)
    caplog.set_level(logging.INFO, "kinesis_video_drift")

    def invoke(given: dict[str, Any] | None = None) -> Looked:
        from kinesis_video_handler import entry

        entry.handler(given or event(), Context(180))
        return Looked(caplog.records)

    return invoke


@pytest.fixture
def between_looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something happen instead of each wait."""
    return lambda happen: monkeypatch.setattr(timing, "sleep", lambda _: happen())


def test_what_differs_is_reported_with_who_and_set_again(invoke: Invoke, service: Service, clock: FakeClock) -> None:
    (report,) = invoke(event(**by_call(streamARN=STREAM_ARN))).reports
    assert report.levelname == "WARNING"
    assert (report.stack, report.stream, report.state) == ("Camera", STREAM_ARN, "CHANGED")
    assert report.fields == [{"field": "SamplingInterval", "declared": 3000, "actual": 500}]
    assert report.principal == "arn:aws:sts::111122223333:assumed-role/operator/eve"
    assert (report.call, report.repaired) == (UPDATE, True)
    assert service.configurations[STREAM_ARN] == DECLARED
    assert clock.time == timing.SECOND_LOOK_SECONDS
    # Only the stream that the event is about.
    assert {parameters["StreamARN"] for _, parameters in service.requests} == {STREAM_ARN}


def test_the_metric_filters_take_the_numbers_of_the_line_of_each_look(invoke: Invoke) -> None:
    event_of_three = event()
    event_of_three["Declarations"][IMAGES.resource_type].append({"StreamARN": "x"})
    looked = invoke(event_of_three)
    (line,) = map(vars, looked.lines(LOOKED))
    # As Lambda's JSON format has it: the message, and what is extra beside it.
    logged = {"message": LOOKED, **json.loads(json.dumps({name: line[name] for name in ("stack", DRIFTED, FAILED)}))}
    for metric_filter in metric_filters():
        pattern = re.fullmatch(r'\{ \$\.message = "(.*)" \}', metric_filter["FilterPattern"])
        assert pattern is not None
        assert logged["message"] == pattern[1]
        (transformation,) = metric_filter["MetricTransformations"]
        assert logged[transformation["MetricValue"].removeprefix("$.")] == 1
        assert transformation["Dimensions"] == [{"Key": "StackName", "Value": "$.stack"}]
    assert looked.counts == (2, 1, 1)


def metric_filters() -> list[Any]:
    from aws_cdk import App
    from aws_cdk import Stack as CdkStack

    from cdk_kinesis_video import DriftMonitor

    monitored = CdkStack(App(), "Camera")
    monitor = DriftMonitor(monitored, "Drift")
    monitor.metric_drifted()
    monitor.metric_not_compared()
    return [each["Properties"] for each in resources_of(template_of(monitored), "AWS::Logs::MetricFilter").values()]


def test_streams_that_have_what_is_declared_take_no_second_look(
    invoke: Invoke, service: Service, stack: Stack, clock: FakeClock
) -> None:
    service.configurations[STREAM_ARN] = DECLARED
    assert (invoke().reports, clock.time, dict(stack.calls)) == ([], 0, {})
    assert service.calls[DESCRIBE] == 2


def test_a_difference_that_is_gone_at_the_second_look_is_none(
    invoke: Invoke, service: Service, stack: Stack, between_looks: Any
) -> None:
    between_looks(lambda: service.configurations.update({STREAM_ARN: DECLARED}))
    assert (invoke().reports, dict(stack.calls)) == ([], {})


def test_a_stream_that_has_something_else_at_each_look_differs(
    invoke: Invoke, service: Service, between_looks: Any
) -> None:
    between_looks(lambda: service.configurations.update({STREAM_ARN: {**DECLARED, "SamplingInterval": 700}}))
    (report,) = invoke(event(repair="NONE")).reports
    assert report.fields == [{"field": "SamplingInterval", "declared": 3000, "actual": 700}]


def test_a_stream_that_can_not_be_looked_at_again_is_not_compared(
    invoke: Invoke, service: Service, between_looks: Any
) -> None:
    between_looks(lambda: service.fail(DESCRIBE, "InvalidArgumentException"))
    assert invoke().counts == (2, 0, 1)


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_nothing_is_reported_while_the_stack_is_being_changed(
    status: str, invoke: Invoke, service: Service, stack: Stack
) -> None:
    stack.status = status
    looked = invoke()
    assert (looked.reports, service.calls[UPDATE]) == ([], 0)
    assert looked.said[-2:] == ["nothing is reported, the stack is being changed", LOOKED]
    assert looked.counts == (2, 0, 0)


def test_a_stream_that_differs_while_an_operation_does_not_end_is_not_compared(
    invoke: Invoke, service: Service, stack: Stack
) -> None:
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    looked = invoke(event("2023-11-14T23:13:21Z"))
    assert (looked.reports, service.calls[UPDATE]) == ([], 0)
    assert looked.counts == (2, 0, 1)
    (line,) = looked.lines(NOT_COMPARED)
    assert line.stream == STREAM_ARN
    assert "UPDATE_ROLLBACK_IN_PROGRESS for more than an hour" in line.problem


@pytest.mark.parametrize(("time", "count"), [(BEFORE, 0), (AT, 1), (AFTER, 1)])
def test_an_event_from_before_the_last_deployment_may_have_old_declarations(
    time: str, count: int, invoke: Invoke, service: Service
) -> None:
    assert len(invoke(event(time)).reports) == service.calls[UPDATE] == count


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "CREATE_FAILED"])
def test_after_an_operation_that_failed_nothing_is_repaired(
    status: str, invoke: Invoke, service: Service, stack: Stack
) -> None:
    stack.status = status
    assert (invoke().repaired, service.calls[UPDATE]) == ([False], 0)


def test_what_no_resource_of_the_stack_holds_is_not_repaired(invoke: Invoke, service: Service, stack: Stack) -> None:
    stack.resources.clear()
    stack.has("BackDoor", OTHER_STREAM_ARN)
    stack.has("Gone", STREAM_ARN, status="DELETE_COMPLETE")
    stack.has("Notified", STREAM_ARN, resource_type="Custom::KinesisVideoFragmentNotification")
    looked = invoke()
    assert (looked.repaired, service.calls[UPDATE]) == ([False], 0)
    assert "not repaired, the stack may not hold it" in looked.said


@pytest.mark.parametrize("operation", ["ListStackResources", "DescribeStacks"])
def test_if_cloudformation_can_not_be_asked_drift_is_reported_and_not_repaired(
    operation: str, invoke: Invoke, service: Service, stack: Stack
) -> None:
    stack.fail(operation, "ValidationError")
    assert (invoke().repaired, service.calls[UPDATE]) == ([False], 0)


@pytest.mark.parametrize(
    ("repair", "actual", "repaired"),
    [
        ("NONE", None, False),
        ("NONE", ALTERED, False),
        ("MISSING", None, True),
        ("MISSING", ALTERED, False),
        ("ALWAYS", None, True),
        ("ALWAYS", ALTERED, True),
    ],
)
def test_the_monitor_repairs_what_it_was_told_to(
    repair: str, actual: Any, repaired: bool, invoke: Invoke, service: Service
) -> None:
    service.configurations[STREAM_ARN] = actual
    assert invoke(event(repair=repair)).repaired == [repaired]
    assert service.configurations[STREAM_ARN] == (DECLARED if repaired else actual)


def test_a_repair_that_fails_is_said_and_the_next_stream_is_repaired(invoke: Invoke, service: Service) -> None:
    service.configurations[OTHER_STREAM_ARN] = None
    service.fail(UPDATE, "NoDataRetentionException", times=1)
    looked = invoke()
    assert looked.repaired == [False, True]
    assert "not repaired" in looked.said


@pytest.mark.parametrize(
    "parameters", [{"streamName": "back-door"}, {"streamARN": OTHER_STREAM_ARN}, {"streamName": "x"}]
)
def test_an_event_of_another_stream_looks_at_that_one(
    parameters: dict[str, str], invoke: Invoke, service: Service
) -> None:
    invoke(event(**by_call(**parameters)))
    assert STREAM_ARN not in [asked["StreamARN"] for _, asked in service.requests]


@pytest.mark.parametrize(
    "deployment", [{"status": "UPDATE_IN_PROGRESS"}, {"updated": "2023-11-14T22:14:00Z"}], ids=["begins", "is over"]
)
def test_a_deployment_that_begins_between_two_attempts_keeps_what_it_sets(
    deployment: dict[str, str], invoke: Invoke, service: Service, stack: Stack, between_looks: Any
) -> None:
    of_the_deployment = {**DECLARED, "SamplingInterval": 700}

    def deploy_after_an_attempt() -> None:
        if service.calls[UPDATE]:
            service.configurations[STREAM_ARN] = of_the_deployment
            for name, value in deployment.items():
                setattr(stack, name, value)

    between_looks(deploy_after_an_attempt)
    service.fail(UPDATE, "ClientLimitExceededException", times=1)
    looked = invoke()
    assert looked.repaired == [False]
    assert service.configurations[STREAM_ARN] == of_the_deployment
    assert "not repaired" in looked.said


def test_a_deployment_that_begins_after_one_repair_prevents_the_next(
    invoke: Invoke, service: Service, stack: Stack
) -> None:
    service.configurations[OTHER_STREAM_ARN] = ALTERED

    def deploy(operation: str) -> None:
        if operation == UPDATE:
            stack.status = "UPDATE_IN_PROGRESS"

    service.on_call = deploy
    assert invoke().repaired == [True, False]
    assert service.configurations == {STREAM_ARN: DECLARED, OTHER_STREAM_ARN: ALTERED}


@pytest.mark.parametrize(
    "fault", ["ClientLimitExceededException", "AccessDeniedException", "InvalidArgumentException", "timeout"]
)
@pytest.mark.parametrize("failing", [STREAM_ARN, OTHER_STREAM_ARN])
def test_a_stream_that_fails_for_ever_takes_no_time_of_the_others(
    fault: str, failing: str, invoke: Invoke, service: Service, stack: Stack, clock: FakeClock
) -> None:
    names = [f"arn:aws:kinesisvideo:us-east-1:111122223333:stream/camera-{number}/1" for number in range(7)]
    others = [arn for arn in (STREAM_ARN, OTHER_STREAM_ARN, *names) if arn != failing]
    given = event()
    given["Declarations"][IMAGES.resource_type] += [
        {"StreamARN": arn, "ImageGenerationConfiguration": DECLARED} for arn in names
    ]
    for number, arn in enumerate(others):
        service.configurations[arn] = ALTERED
        stack.has(f"Other{number}", arn)

    def fail(operation: str) -> None:
        if service.requests[-1][1].get("StreamARN") == failing:
            service.fail(operation, fault, times=1)

    service.on_call = fail
    looked = invoke(given)
    assert sorted(report.stream for report in looked.reports) == sorted(others)
    assert set(looked.repaired) == {True}
    (line,) = looked.lines(NOT_COMPARED)
    assert (line.stack, line.stream) == ("Camera", failing)
    assert looked.counts == (9, 8, 1)
    assert clock.time < 180


@pytest.mark.parametrize("fault", ["AccessDeniedException", "ServiceUnavailable", "no connection", "timeout"])
def test_a_monitor_that_can_not_look_at_all_says_so_in_time_and_does_not_raise(
    fault: str, invoke: Invoke, service: Service, clock: FakeClock
) -> None:
    service.fail(DESCRIBE, fault)
    assert invoke().counts == (2, 0, 2)
    assert clock.time < 180


def test_an_error_of_our_own_is_counted_and_not_raised(invoke: Invoke) -> None:
    looked = invoke({**event(), "Time": "not a time"})
    assert looked.said[-2:] == [NOT_COMPARED, LOOKED]
    assert looked.counts[2] == 1


@pytest.mark.parametrize(
    ("call", "actual", "named"),
    [
        (UPDATE, ALTERED, True),
        (UPDATE, None, True),
        ("UpdateDataRetention", ALTERED, False),
        ("UpdateNotificationConfiguration", ALTERED, False),
        ("DeleteStream", ALTERED, False),
        ("DeleteStream", "gone", True),
        (UPDATE, "gone", False),
    ],
)
def test_only_the_call_that_can_have_done_it_names_who_did(
    call: str, actual: Any, named: bool, invoke: Invoke, service: Service
) -> None:
    service.configurations[STREAM_ARN] = actual
    if actual == "gone":
        del service.configurations[STREAM_ARN]
    (report,) = invoke(event(**{**by_call(streamARN=STREAM_ARN), "eventName": call})).reports
    eve = ("arn:aws:sts::111122223333:assumed-role/operator/eve", call)
    assert (report.principal, report.call) == (eve if named else (None, None))


def test_an_event_of_a_stream_that_was_made_again_finds_the_declared_one_gone(invoke: Invoke, service: Service) -> None:
    again = STREAM_ARN.replace("1690707290324", "1790707290324")
    service.configurations = {again: DECLARED, OTHER_STREAM_ARN: DECLARED}
    (report,) = invoke(event(**by_call(streamARN=again))).reports
    assert (report.stream, report.state) == (STREAM_ARN, "STREAM_DELETED")


def test_what_is_missing_lists_what_is_declared(invoke: Invoke, service: Service) -> None:
    declared = {name: value for name, value in DECLARED.items() if name != "FormatConfig"}
    service.configurations[STREAM_ARN] = None
    (report,) = invoke(event(repair="NONE", declared=declared)).reports
    assert report.state == "MISSING"
    assert [field["field"] for field in report.fields if field["declared"] is None] == []
    assert len(report.fields) == 8


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.what)
def test_what_the_service_makes_of_a_configuration_is_no_drift(
    row: Normalisation, invoke: Invoke, service: Service
) -> None:
    declared, service.configurations[STREAM_ARN] = row.configurations(DECLARED)
    reports = invoke(event(declared=declared)).reports
    assert [[field["field"] for field in report.fields] for report in reports] == ([row.fields] if row.fields else [])
    assert service.calls[UPDATE] == bool(row.fields)
