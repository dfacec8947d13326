"""The log says what was done, to which stream and why, for somebody who looks for their images."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from .conftest import DECLARED, DESCRIBE, IMAGES, OTHER_STREAM_ARN, STREAM_ARN, UPDATE, Function, Service, Stack

World = Callable[[Service, Stack], object]
OLD = "OldImageGeneration"
MADE_AGAIN = STREAM_ARN.replace("1690707290324", "1790000000000")
# The fields of every record, and those that formatting adds.
RESERVED = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def records(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, dict[str, Any]]]:
    """List level, message and own fields of the handler's records, as Lambda's JSON format writes them."""
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


def over(service: Service, stack: Stack) -> None:
    service.configurations[STREAM_ARN] = DECLARED
    stack.status = "UPDATE_COMPLETE"


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


Said = tuple[str, str, dict[str, Any]]


def said_of(level: str, message: str, stream: str = STREAM_ARN, **fields: Any) -> Said:
    return level, message, {"stream": stream, **fields}


info, warning = partial(said_of, "INFO"), partial(said_of, "WARNING")
WORDS = "the service's own words"
INVALID = f"{DESCRIBE}: InvalidArgumentException: {WORDS}"
UNASKED = f"DescribeStacks: ValidationError: {WORDS}"
REFUSED = (
    f"{STREAM_ARN}: {UPDATE}: InvalidArgumentException: {WORDS}; the service refuses the configuration, correct the "
)


@pytest.mark.parametrize(
    ("event", "world", "said"),
    [
        ("create", configured(None), info("configured as declared")),
        ("update", failing(DESCRIBE, "InvalidArgumentException"), warning("could not read back", problem=INVALID)),
        (
            "update-rolled-back",
            not_kept,
            warning("read back otherwise than declared", fields=["Format", "WidthPixels"]),
        ),
        ("create-adopting", configured(IMAGES.altered), warning("took over a configuration")),
        ("update-to-another-stream", rolled_back, warning("took over a configuration", OTHER_STREAM_ARN)),
        ("update-by-name", made_again, warning("left alone, the rollback leads to another stream", MADE_AGAIN)),
        ("create", held, info("has what is declared, from another resource", **{"from": OLD})),
        (
            "update-to-another-stream",
            can_not_be_asked,
            ("WARNING", "CloudFormation can't be asked", {"problem": UNASKED}),
        ),
        ("update-to-another-stream", lost, warning("could not take back", OTHER_STREAM_ARN, problem=INVALID)),
        ("delete-after-a-failed-create", held, ("INFO", "nothing to delete, the resource was never created", {})),
        ("delete-adopted", held, warning("left alone, it was taken over: deploy without `adopt_existing` first")),
        (
            "delete",
            failing("DescribeStacks", "ValidationError", settings=DECLARED),
            warning("left alone, CloudFormation can't be asked", problem=UNASKED),
        ),
        ("delete", held, info("left alone, another resource has the stream", holder=OLD)),
        (
            "delete",
            over,
            warning("left alone, the deletion is over", stack_status="UPDATE_COMPLETE", resource_status=""),
        ),
        ("delete", gone, info("nothing to delete", problem=f"{DESCRIBE}: ResourceNotFoundException: {WORDS}")),
        (
            "delete",
            configured(IMAGES.altered),
            warning("left alone, somebody else has changed the configuration", fields=["Format", "WidthPixels"]),
        ),
        ("delete", configured(None), info("nothing to delete, the stream has no configuration")),
        ("delete", configured(DECLARED), info("configuration deleted")),
        (
            "create",
            failing(UPDATE, "InvalidArgumentException"),
            ("ERROR", "failed", {"problem": f"{REFUSED}properties that it names"}),
        ),
    ],
)
def test_what_is_said(
    function: Function, caplog: pytest.LogCaptureFixture, event: str, world: World, said: Said
) -> None:
    caplog.set_level("INFO")
    world(function.service, function.stack)
    function.answer_to(event)
    first, *rest = records(caplog)
    request_type = event.partition("-")[0].capitalize()
    assert first == ("INFO", "event", {"request_type": request_type, "logical_id": "StreamImageGeneration"})
    assert said in rest


def test_an_event_that_ends_well_has_two_lines(function: Function, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    function.answer_to("create")
    assert [message for _, message, _ in records(caplog)] == ["event", "configured as declared"]


def test_an_error_of_our_own_says_where(
    function: Function, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, levels: int = 0) -> None:
        if levels:
            broken(levels=levels - 1)
        raise ZeroDivisionError("a fault\nof ours")

    monkeypatch.setattr("kinesis_video_handler.lifecycle.Declaration.parse", broken)
    assert function.answer_to("create").reason == "ZeroDivisionError: a fault of ours"
    level, message, fields = records(caplog)[-1]
    assert (level, message, fields["problem"]) == ("ERROR", "failed", "ZeroDivisionError: a fault of ours")
    assert any("lifecycle.py:" in frame and "_create_or_update" in frame for frame in fields["frames"])
    assert fields["frames"][-1].endswith(" broken")
    # Of a deep error, the log has the innermost frames.
    monkeypatch.setattr("kinesis_video_handler.lifecycle.Declaration.parse", partial(broken, levels=30))
    assert function.answer_to("create").status == "FAILED"
    frames = records(caplog)[-1][2]["frames"]
    assert len(frames) == 20
    assert all(frame.endswith(" broken") for frame in frames)
