"""Each path says in the log what it did, of which stream and why: what somebody reads who looks for their images."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import DECLARED, DESCRIBE, IMAGES, OTHER_STREAM_ARN, STREAM_ARN, UPDATE, Function, Service, Stack

World = Callable[[Service, Stack], object]
OLD = "OldImageGeneration"
MADE_AGAIN = STREAM_ARN.replace("1690707290324", "1790000000000")
# What every record has, and what formatting it adds.
RESERVED = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def records(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, dict[str, Any]]]:
    """Level, message and own fields of each record of the handler, as Lambda's JSON format writes them."""
    return [
        (record.levelname, record.getMessage(), {k: v for k, v in vars(record).items() if k not in RESERVED})
        for record in caplog.records
        if record.name.startswith("kinesis_video")
    ]


def configured(settings: Any, stream_arn: str = STREAM_ARN) -> World:
    return lambda service, _: service.configurations.update({stream_arn: settings})


def failing(operation: str, *faults: str, settings: Any = None) -> World:
    def world(service: Service, stack: Stack) -> None:
        service.configurations[STREAM_ARN] = settings
        (stack if "Stack" in operation else service).fail(operation, *faults)

    return world


def held(service: Service, stack: Stack) -> None:
    service.configurations[STREAM_ARN] = DECLARED
    stack.has(OLD, STREAM_ARN)


def gone(service: Service, _: Stack) -> None:
    del service.configurations[STREAM_ARN]


def rolled_back(service: Service, stack: Stack) -> None:
    service.configurations[OTHER_STREAM_ARN] = DECLARED
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"


def made_again(service: Service, stack: Stack) -> None:
    service.configurations = {MADE_AGAIN: IMAGES.altered}
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"


def can_not_be_asked(service: Service, stack: Stack) -> None:
    service.configurations[OTHER_STREAM_ARN] = DECLARED
    stack.fail("DescribeStacks", "ValidationError")
    stack.has(OLD, OTHER_STREAM_ARN)


def not_kept(service: Service, _: Stack) -> None:
    service.keeps_what_it_has = True
    service.configurations[STREAM_ARN] = IMAGES.altered


def lost(service: Service, _: Stack) -> None:
    service.fail(UPDATE, "done, connection reset", "InvalidArgumentException")
    service.fail(DESCRIBE, "", "InvalidArgumentException")


INVALID = "InvalidArgumentException: the service's own words"
UNKNOWN = "ValidationError: the service's own words"


@pytest.mark.parametrize(
    ("event", "world", "said"),
    [
        ("create", configured(None), ("INFO", "configured as declared", {"stream": STREAM_ARN})),
        (
            "update",
            failing(DESCRIBE, "InvalidArgumentException"),
            ("WARNING", "could not read back", {"stream": STREAM_ARN, "problem": f"{DESCRIBE}: {INVALID}"}),
        ),
        (
            "update-rolled-back",
            not_kept,
            (
                "WARNING",
                "read back otherwise than declared",
                {"stream": STREAM_ARN, "fields": ["Format", "WidthPixels"]},
            ),
        ),
        (
            "create-adopting",
            configured(IMAGES.altered),
            ("WARNING", "took over a configuration", {"stream": STREAM_ARN}),
        ),
        (
            "update-to-another-stream",
            rolled_back,
            ("WARNING", "took over a configuration", {"stream": OTHER_STREAM_ARN}),
        ),
        (
            "update-by-name",
            made_again,
            ("WARNING", "left alone, the rollback leads to another stream", {"stream": MADE_AGAIN}),
        ),
        (
            "create",
            held,
            ("INFO", "has what is declared, from another resource", {"stream": STREAM_ARN, "from": OLD}),
        ),
        (
            "update-to-another-stream",
            can_not_be_asked,
            ("WARNING", "CloudFormation can't be asked", {"problem": f"DescribeStacks: {UNKNOWN}"}),
        ),
        (
            "update-to-another-stream",
            lost,
            ("WARNING", "could not take back", {"stream": OTHER_STREAM_ARN, "problem": f"{DESCRIBE}: {INVALID}"}),
        ),
        ("delete-after-a-failed-create", held, ("INFO", "nothing to delete, the resource was never created", {})),
        (
            "delete-adopted",
            held,
            (
                "WARNING",
                "left alone, it was taken over: deploy without `adopt_existing` first",
                {"stream": STREAM_ARN},
            ),
        ),
        (
            "delete",
            failing("DescribeStacks", "ValidationError", settings=DECLARED),
            (
                "WARNING",
                "left alone, CloudFormation can't be asked",
                {"stream": STREAM_ARN, "problem": f"DescribeStacks: {UNKNOWN}"},
            ),
        ),
        (
            "delete",
            held,
            ("INFO", "left alone, another resource has the stream", {"stream": STREAM_ARN, "holder": OLD}),
        ),
        (
            "delete",
            gone,
            (
                "INFO",
                "nothing to delete",
                {"stream": STREAM_ARN, "problem": f"{DESCRIBE}: ResourceNotFoundException: the service's own words"},
            ),
        ),
        (
            "delete",
            configured(IMAGES.altered),
            (
                "WARNING",
                "left alone, somebody else has changed the configuration",
                {"stream": STREAM_ARN, "fields": ["Format", "WidthPixels"]},
            ),
        ),
        (
            "delete",
            configured(None),
            ("INFO", "nothing to delete, the stream has no configuration", {"stream": STREAM_ARN}),
        ),
        ("delete", configured(DECLARED), ("INFO", "configuration deleted", {"stream": STREAM_ARN})),
        (
            "create",
            failing(UPDATE, "InvalidArgumentException"),
            (
                "ERROR",
                "failed",
                {
                    "problem": f"{STREAM_ARN}: {UPDATE}: {INVALID}; the service refuses the configuration, correct the "
                    "properties that it names"
                },
            ),
        ),
    ],
)
def test_what_is_said(
    function: Function,
    service: Service,
    stack: Stack,
    caplog: pytest.LogCaptureFixture,
    event: str,
    world: World,
    said: tuple[str, str, dict[str, Any]],
) -> None:
    caplog.set_level("INFO")
    service.calls.clear()
    world(service, stack)
    function.answer_to(event)
    first, *rest = records(caplog)
    kinds = {"create": "Create", "update": "Update", "delete": "Delete"}
    assert first == (
        "INFO",
        "event",
        {"request_type": kinds[event.partition("-")[0]], "logical_id": "StreamImageGeneration"},
    )
    assert said in rest


def test_an_event_that_ends_well_has_two_lines(
    function: Function, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    function.answer_to("create")
    assert [message for _, message, _ in records(caplog)] == ["event", "configured as declared"]


def test_of_a_deep_error_the_innermost_frames_are_said(
    function: Function, service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def deep(*_: object, levels: int = 30) -> None:
        if levels:
            deep(levels=levels - 1)
        raise ZeroDivisionError

    monkeypatch.setattr("kinesis_video_handler.lifecycle.Declaration.parse", deep)
    assert function.answer_to("create").status == "FAILED"
    frames = records(caplog)[-1][2]["frames"]
    assert len(frames) == 20
    assert all(frame.endswith(" deep") for frame in frames)


def test_an_error_of_our_own_says_where(
    function: Function, service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault\nof ours")

    monkeypatch.setattr("kinesis_video_handler.lifecycle.Declaration.parse", broken)
    assert function.answer_to("create").reason == "ZeroDivisionError: a fault of ours"
    level, message, fields = records(caplog)[-1]
    assert (level, message, fields["problem"]) == ("ERROR", "failed", "ZeroDivisionError: a fault of ours")
    assert any("lifecycle.py:" in frame and "_create_or_update" in frame for frame in fields["frames"])
    assert fields["frames"][-1].endswith(" broken")
