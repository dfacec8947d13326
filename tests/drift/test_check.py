"""What the function reports and repairs, by what CloudFormation says of the stack: events in, calls at the wire."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from kinesis_video_configuration import timing
from kinesis_video_contract.drift import MESSAGE

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
from ..infra.conftest import only_resource

__all__ = ["_environment", "clock", "feature", "service", "stack"]

# `Stack` says of each resource that it was changed at 22:13:20.
AFTER, AT, BEFORE = "2023-11-14T22:13:21Z", "2023-11-14T22:13:20Z", "2023-11-14T22:13:19Z"
ALTERED = {**DECLARED, "SamplingInterval": 500}


def event(time: str = AFTER, repair: str = "ALWAYS", **detail: Any) -> dict[str, Any]:
    properties = [
        {"StreamARN": arn, "ImageGenerationConfiguration": DECLARED} for arn in (STREAM_ARN, OTHER_STREAM_ARN)
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


@pytest.fixture(autouse=True)
def at_rest(service: Service, stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    """One stream has something else than is declared, the other has what is declared, and the stack is at rest."""
    service.configurations.update({STREAM_ARN: ALTERED, OTHER_STREAM_ARN: DECLARED})
    stack.status = "UPDATE_COMPLETE"
    stack.has("FrontDoor", STREAM_ARN)
    stack.has("BackDoor", OTHER_STREAM_ARN)
    caplog.set_level(logging.INFO, "kinesis_video_drift")


def invoke(given: dict[str, Any]) -> None:
    from kinesis_video_handler import entry

    entry.handler(given, Context(180))


def reports(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.getMessage() == MESSAGE]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_what_differs_is_reported_with_who_and_set_again(
    service: Service, caplog: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    invoke(event(**by_call(streamARN=STREAM_ARN)))
    (report,) = reports(caplog)
    assert report.levelname == "WARNING"
    assert (report.stack, report.stream, report.state) == ("Camera", STREAM_ARN, "CHANGED")
    assert report.fields == [{"field": "SamplingInterval", "declared": 3000, "actual": 500}]
    assert report.principal == "arn:aws:sts::111122223333:assumed-role/operator/eve"
    assert (report.call, report.repaired) == (UPDATE, True)
    assert service.configurations[STREAM_ARN] == DECLARED
    assert clock.time == timing.SECOND_LOOK_SECONDS
    # Only the stream that the event is about.
    assert {parameters["StreamARN"] for _, parameters in service.requests} == {STREAM_ARN}


def test_the_line_in_the_log_is_what_the_metric_filter_takes(caplog: pytest.LogCaptureFixture) -> None:
    invoke(event())
    (report,) = reports(caplog)
    pattern = re.fullmatch(r'\{ \$\.message = "(.*)" \}', filter_pattern())
    assert pattern is not None
    # As Lambda's JSON format has it: the message, and what is extra beside it.
    line = json.loads(json.dumps({"message": report.getMessage(), "stack": report.stack, "fields": report.fields}))
    assert line["message"] == pattern[1]
    assert [record for record in caplog.records if record.getMessage() == pattern[1]] == [report]


def filter_pattern() -> str:
    from aws_cdk import App
    from aws_cdk import Stack as CdkStack

    from cdk_kinesis_video import DriftMonitor

    app = App()
    monitored = CdkStack(app, "Camera")
    DriftMonitor(monitored, "Drift").metric_drifted()
    template = app.synth().get_stack_by_name("Camera").template
    found: str = only_resource(template, "AWS::Logs::MetricFilter")["Properties"]["FilterPattern"]
    return found


def test_streams_that_have_what_is_declared_take_no_second_look(
    service: Service, stack: Stack, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    service.configurations[STREAM_ARN] = DECLARED
    invoke(event())
    assert (reports(caplog), clock.time, dict(stack.calls)) == ([], 0, {})
    assert service.calls[DESCRIBE] == 2


def test_a_difference_that_is_gone_at_the_second_look_is_none(
    service: Service, stack: Stack, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "sleep", lambda _: service.configurations.update({STREAM_ARN: DECLARED}))
    invoke(event())
    assert (reports(caplog), dict(stack.calls)) == ([], {})


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_nothing_is_reported_while_the_stack_is_being_changed(
    status: str, service: Service, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    stack.status = status
    invoke(event())
    assert reports(caplog) == []
    assert service.calls[UPDATE] == 0
    assert said(caplog)[-1] == "nothing is reported, the stack is being changed"


@pytest.mark.parametrize(("time", "count"), [(BEFORE, 0), (AT, 1), (AFTER, 1)])
def test_an_event_from_before_the_last_deployment_may_have_old_declarations(
    time: str, count: int, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    invoke(event(time))
    assert len(reports(caplog)) == service.calls[UPDATE] == count


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "CREATE_FAILED"])
def test_after_an_operation_that_failed_nothing_is_repaired(
    status: str, service: Service, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    stack.status = status
    invoke(event())
    assert [report.repaired for report in reports(caplog)] == [False]
    assert service.calls[UPDATE] == 0


def test_what_no_resource_of_the_stack_holds_is_not_repaired(
    service: Service, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    stack.resources.clear()
    stack.has("BackDoor", OTHER_STREAM_ARN)
    stack.has("Gone", STREAM_ARN, status="DELETE_COMPLETE")
    stack.has("Notified", STREAM_ARN, resource_type="Custom::KinesisVideoFragmentNotification")
    invoke(event())
    assert [report.repaired for report in reports(caplog)] == [False]
    assert service.calls[UPDATE] == 0
    assert "not repaired, the stack may not hold it" in said(caplog)


@pytest.mark.parametrize("operation", ["ListStackResources", "DescribeStacks"])
def test_if_cloudformation_can_not_be_asked_drift_is_reported_and_not_repaired(
    operation: str, service: Service, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    stack.fail(operation, "ValidationError")
    invoke(event())
    assert [report.repaired for report in reports(caplog)] == [False]
    assert service.calls[UPDATE] == 0


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
    repair: str, actual: Any, repaired: bool, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.configurations[STREAM_ARN] = actual
    invoke(event(repair=repair))
    assert [report.repaired for report in reports(caplog)] == [repaired]
    assert service.configurations[STREAM_ARN] == (DECLARED if repaired else actual)


def test_a_repair_that_fails_is_said_and_the_next_stream_is_repaired(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.configurations[OTHER_STREAM_ARN] = None
    service.fail(UPDATE, "NoDataRetentionException", times=1)
    invoke(event())
    assert [report.repaired for report in reports(caplog)] == [False, True]
    assert "not repaired" in said(caplog)


def test_a_stream_that_can_not_be_read_keeps_no_other_from_it(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.configurations[OTHER_STREAM_ARN] = ALTERED
    service.fail(DESCRIBE, "InvalidArgumentException", times=1)
    invoke(event())
    assert [report.stream for report in reports(caplog)] == [OTHER_STREAM_ARN]
    assert "not compared" in said(caplog)


@pytest.mark.parametrize(
    "parameters", [{"streamName": "back-door"}, {"streamARN": OTHER_STREAM_ARN}, {"streamName": "x"}]
)
def test_an_event_of_another_stream_looks_at_that_one(parameters: dict[str, str], service: Service) -> None:
    invoke(event(**by_call(**parameters)))
    assert STREAM_ARN not in [asked["StreamARN"] for _, asked in service.requests]


@pytest.mark.parametrize(
    "deployment", [{"status": "UPDATE_IN_PROGRESS"}, {"updated": "2023-11-14T22:14:00Z"}], ids=["begins", "is over"]
)
def test_a_deployment_that_begins_between_two_attempts_keeps_what_it_sets(
    deployment: dict[str, str],
    service: Service,
    stack: Stack,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_the_deployment = {**DECLARED, "SamplingInterval": 700}

    def sleep(_seconds: float) -> None:
        if service.calls[UPDATE]:
            service.configurations[STREAM_ARN] = of_the_deployment
            for name, value in deployment.items():
                setattr(stack, name, value)

    monkeypatch.setattr(timing, "sleep", sleep)
    service.fail(UPDATE, "ClientLimitExceededException", times=1)
    invoke(event())
    assert [report.repaired for report in reports(caplog)] == [False]
    assert service.configurations[STREAM_ARN] == of_the_deployment
    assert "not repaired" in said(caplog)


def test_a_deployment_that_begins_after_one_repair_prevents_the_next(
    service: Service, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    service.configurations[OTHER_STREAM_ARN] = ALTERED
    asked = 0

    def read(operation: str) -> None:
        nonlocal asked
        asked += operation == UPDATE
        if asked:
            stack.status = "UPDATE_IN_PROGRESS"

    service.on_call = read
    invoke(event())
    assert [report.repaired for report in reports(caplog)] == [True, False]
    assert service.configurations == {STREAM_ARN: DECLARED, OTHER_STREAM_ARN: ALTERED}
