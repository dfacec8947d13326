"""The log says what was done, to which stream and why, for somebody who looks for their images."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from .conftest import DECLARED, DESCRIBE, IMAGES, OTHER_STREAM_ARN, STREAM_ARN, UPDATE, Function

World = Callable[[Function], object]
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


def has(settings: Any, stream_arn: str = STREAM_ARN) -> World:
    return lambda function: function.streams.update({stream_arn: settings})


def fails(operation: str, *faults: str) -> World:
    return lambda function: (function.stack if "Stack" in operation else function.service).fail(operation, *faults)


def held(stream_arn: str) -> World:
    return lambda function: function.stack.has(OLD, stream_arn)


def stack_is(status: str) -> World:
    return lambda function: setattr(function.stack, "status", status)


def keeps(function: Function) -> None:
    function.service.keeps_what_it_has = True


def only_made_again(function: Function) -> None:
    function.streams = {MADE_AGAIN: IMAGES.altered}


declares, differs, other_declares = has(DECLARED), has(IMAGES.altered), has(DECLARED, OTHER_STREAM_ARN)
rolled_back = stack_is("UPDATE_ROLLBACK_IN_PROGRESS")
lost = fails(UPDATE, "done, connection reset", "InvalidArgumentException")
not_asked = fails("DescribeStacks", "ValidationError")
Said = tuple[str, str, dict[str, Any]]


def said_of(level: str, message: str, stream: str = STREAM_ARN, **fields: Any) -> Said:
    return level, message, {"stream": stream, **fields}


info, warning = partial(said_of, "INFO"), partial(said_of, "WARNING")
WORDS = "the service's own words"
INVALID = f"{DESCRIBE}: InvalidArgumentException: {WORDS}"
UNASKED = f"DescribeStacks: ValidationError: {WORDS}"
REFUSED = (
    f"{STREAM_ARN}: {UPDATE}: InvalidArgumentException: {WORDS}; the service refuses the configuration, correct the "
    "properties that it names"
)
ALTERED = ["Format", "WidthPixels"]


@pytest.mark.parametrize(
    ("event", "world", "said"),
    [
        ("create", [], info("configured as declared")),
        ("update", [fails(DESCRIBE, "InvalidArgumentException")], warning("could not read back", problem=INVALID)),
        ("update-rolled-back", [differs, keeps], warning("read back otherwise than declared", fields=ALTERED)),
        ("create-adopting", [differs], warning("took over a configuration")),
        (
            "update-to-another-stream",
            [other_declares, rolled_back],
            warning("took over a configuration", OTHER_STREAM_ARN),
        ),
        (
            "update-by-name",
            [only_made_again, rolled_back],
            warning("left alone, the rollback leads to another stream", MADE_AGAIN),
        ),
        (
            "create",
            [declares, held(STREAM_ARN)],
            info("has what is declared, from another resource", **{"from": OLD}),
        ),
        (
            "update-to-another-stream",
            [other_declares, not_asked, held(OTHER_STREAM_ARN)],
            ("WARNING", "CloudFormation can't be asked", {"problem": UNASKED}),
        ),
        (
            "update-to-another-stream",
            [lost, fails(DESCRIBE, "", "InvalidArgumentException")],
            warning("could not take back", OTHER_STREAM_ARN, problem=INVALID),
        ),
        ("delete-after-a-failed-create", [], ("INFO", "nothing to delete, the resource was never created", {})),
        ("delete-adopted", [], warning("left alone, it was taken over: deploy without `adopt_existing` first")),
        ("delete", [declares, not_asked], warning("left alone, CloudFormation can't be asked", problem=UNASKED)),
        ("delete", [declares, held(STREAM_ARN)], info("left alone, another resource has the stream", holder=OLD)),
        (
            "delete",
            [declares, stack_is("UPDATE_COMPLETE")],
            warning("left alone, the deletion is over", stack_status="UPDATE_COMPLETE", resource_status=""),
        ),
        (
            "delete",
            [only_made_again],
            info("nothing to delete", problem=f"{DESCRIBE}: ResourceNotFoundException: {WORDS}"),
        ),
        ("delete", [differs], warning("left alone, somebody else has changed the configuration", fields=ALTERED)),
        ("delete", [], info("nothing to delete, the stream has no configuration")),
        ("delete", [declares], info("configuration deleted")),
        ("create", [fails(UPDATE, "InvalidArgumentException")], ("ERROR", "failed", {"problem": REFUSED})),
    ],
)
def test_what_is_said(
    function: Function, caplog: pytest.LogCaptureFixture, event: str, world: list[World], said: Said
) -> None:
    caplog.set_level("INFO")
    for arrange in world:
        arrange(function)
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
