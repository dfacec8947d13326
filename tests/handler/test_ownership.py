"""The ownership rule: whose configuration an event may set, and whose it may remove.

The changes that make another resource for the same stream are deployed in tests/integ/test_hand_over.py.
"""

from __future__ import annotations

import copy
from typing import Any
from uuid import uuid4

import pytest

from kinesis_video_configuration import timing

from ..normalisations import Normalisation, each_normalisation
from .conftest import (
    DECLARED,
    IMAGES,
    OTHER_STREAM_ARN,
    STREAM_ARN,
    Function,
    both_kinds,
)

MARKER = "cdk-kinesis-video::create-failed"
OWN, OTHER = "StreamImageGeneration", "OldImageGeneration"
CLEANUP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
ADOPT = "set `adopt_existing=True` to take it over"


pytestmark = both_kinds


def undoing(update: dict[str, Any]) -> dict[str, Any]:
    """Make the event of the rollback: an Update with old and new properties exchanged."""
    old, new = update["OldResourceProperties"], update["ResourceProperties"]
    return {**update, "RequestId": str(uuid4()), "ResourceProperties": old, "OldResourceProperties": new}


def from_stream(update: dict[str, Any], stream: dict[str, str]) -> dict[str, Any]:
    """Make an Update whose old properties name this stream."""
    old = update["OldResourceProperties"]
    others = {name: value for name, value in old.items() if name not in ("StreamARN", "StreamName")}
    return {**update, "OldResourceProperties": {**others, **stream}}


# Create, and Update to another stream


@pytest.mark.parametrize("event", ["create", "create-by-name", "update", "update-to-another-stream"])
def test_cloudformation_is_not_asked_about_a_stream_that_is_unconfigured_or_ones_own(
    function: Function, event: str
) -> None:
    if event == "update":
        function.streams[STREAM_ARN] = function.feature.altered
    assert function.answer_to(event).status == "SUCCESS"
    assert not function.stack.calls


@pytest.mark.parametrize(
    ("event", "stream_arn", "physical_id"),
    [("create", STREAM_ARN, MARKER), ("update-to-another-stream", OTHER_STREAM_ARN, STREAM_ARN)],
)
@pytest.mark.parametrize("settings", ["declared", "altered"])
def test_a_configuration_that_nobody_in_the_stack_has_is_refused(
    function: Function, event: str, stream_arn: str, physical_id: str, settings: str
) -> None:
    found = function.streams[stream_arn] = getattr(function.feature, settings)
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("FAILED", physical_id)
    noun = "image generation configuration" if function.feature is IMAGES else "notification configuration"
    assert answer.reason == (
        f"{stream_arn} has its {noun} already, which no other resource of this stack declares; {ADOPT}, and if another "
        "stack or tool declares it, set RemovalPolicy.RETAIN there first"
    )
    assert function.streams[stream_arn] == found
    assert function.service.calls == {function.feature.describe: 2}


@pytest.mark.parametrize(
    ("event", "stream_arn"), [("create", STREAM_ARN), ("update-to-another-stream", OTHER_STREAM_ARN)]
)
def test_another_resource_of_the_stack_hands_over_equal_settings_without_a_change(
    function: Function, event: str, stream_arn: str
) -> None:
    function.streams[stream_arn] = function.feature.declared
    function.stack.has(OWN, "", "CREATE_IN_PROGRESS")
    function.stack.has(OTHER, stream_arn)
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", stream_arn)
    assert answer.data == {"Verified": "true"}
    assert not function.service.calls[function.feature.update]


# A Create of the resource's own that lost its reply stays with `--no-rollback`.
@pytest.mark.parametrize(("holder", "status"), [(OTHER, "CREATE_COMPLETE"), (OWN, "CREATE_FAILED")])
def test_other_settings_are_for_the_next_deployment(function: Function, holder: str, status: str) -> None:
    function.streams[STREAM_ARN] = function.feature.altered
    function.stack.has(holder, STREAM_ARN, status)
    answer = function.answer_to("create")
    assert (answer.status, answer.physical_resource_id) == ("FAILED", MARKER)
    assert answer.reason is not None
    assert answer.reason.endswith(
        f"already, which {holder} of this stack declares, with other settings "
        f"({', '.join(function.feature.altered_fields)}); deploy with its settings first and change them in the next "
        f"deployment, or {ADOPT}"
    )
    assert function.streams[STREAM_ARN] == function.feature.altered


@pytest.mark.parametrize(
    ("stream_arn", "status", "resource_type"),
    [
        (OTHER_STREAM_ARN, "CREATE_COMPLETE", ""),
        ("", "CREATE_IN_PROGRESS", ""),
        (STREAM_ARN, "CREATE_COMPLETE", "Custom::SomethingElse"),
        *((STREAM_ARN, f"DELETE_{end}", "") for end in ("IN_PROGRESS", "COMPLETE", "SKIPPED", "FAILED")),
    ],
)
def test_who_does_not_have_the_stream(function: Function, stream_arn: str, status: str, resource_type: str) -> None:
    function.stack.has(OTHER, stream_arn, status, resource_type=resource_type)
    function.streams[STREAM_ARN] = function.feature.declared
    assert function.answer_to("create").status == "FAILED"
    # A Delete isn't kept from removing it, either.
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] is None


def test_a_resource_on_a_later_page_is_found(function: Function) -> None:
    for number in range(5):
        function.stack.has(f"Other{number}", f"{OTHER_STREAM_ARN}{number}")
    function.stack.has(OTHER, STREAM_ARN)
    function.stack.page_size = 2
    function.streams[STREAM_ARN] = function.feature.declared
    assert function.answer_to("create").status == "SUCCESS"
    assert function.stack.calls == {"ListStackResources": 3}
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] == function.feature.declared


@pytest.mark.parametrize(
    ("name", "stream"), [("update", {"StreamARN": OTHER_STREAM_ARN}), ("update-by-name", {"StreamName": "back-door"})]
)
def test_an_update_that_is_rolled_back_sets_the_stream_that_was_left(
    function: Function, name: str, stream: dict[str, str]
) -> None:
    function.streams = {STREAM_ARN: function.feature.altered, OTHER_STREAM_ARN: function.feature.declared}
    function.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    event = {**from_stream(function.event(name), stream), "PhysicalResourceId": OTHER_STREAM_ARN}
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert function.streams[STREAM_ARN] == function.feature.updated
    assert function.stack.calls == {"DescribeStacks": 1}


MADE_AGAIN = STREAM_ARN.replace("1690707290324", "1600000000000")


@pytest.mark.parametrize(
    ("name", "physical_id", "stream"),
    [
        # A device has created its stream again, and the device's owner has configured it: the name belongs to a stream
        # that the stack never had.
        ("update-by-name", MADE_AGAIN, {"StreamName": "front-door"}),
        # A parameter is looked up again, and has another value in both events.
        ("update-to-another-stream", STREAM_ARN, {"StreamARN": OTHER_STREAM_ARN}),
        ("update-to-another-stream", STREAM_ARN, {"StreamName": "back-door"}),
    ],
)
def test_a_rollback_takes_no_stream_that_a_refused_update_has_never_left(
    function: Function, name: str, physical_id: str, stream: dict[str, str]
) -> None:
    before = dict.fromkeys(function.streams, function.feature.altered)
    function.streams = dict(before)
    update = {**from_stream(function.event(name), stream), "PhysicalResourceId": physical_id}
    answer = function.answer_to(update)
    assert (answer.status, answer.physical_resource_id) == ("FAILED", physical_id)
    function.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    answer = function.answer_to(undoing(update))
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", physical_id)
    assert answer.data == {"Verified": "false"}
    assert function.streams == before


OLD: list[Any] = [
    {},
    None,
    "front-door",
    {"StreamARN": None},
    {"StreamName": ""},
    {"StreamName": []},
    {"StreamName": 10**5000},
]


@pytest.mark.parametrize("old", OLD, ids=range(len(OLD)))
def test_a_rollback_that_does_not_tell_its_stream_takes_none(function: Function, old: object) -> None:
    function.streams[OTHER_STREAM_ARN] = function.feature.altered
    function.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    event = {**function.event("update-to-another-stream"), "OldResourceProperties": old}
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert function.streams[OTHER_STREAM_ARN] == function.feature.altered


def test_a_create_never_takes_a_stream_in_a_rollback(function: Function) -> None:
    function.streams[STREAM_ARN] = function.feature.altered
    function.stack.status = "ROLLBACK_IN_PROGRESS"
    assert function.answer_to("create").status == "FAILED"
    assert function.streams[STREAM_ARN] == function.feature.altered


@pytest.mark.parametrize("event", ["create-adopting", "update-to-another-stream-adopting"])
def test_adopt_existing_takes_over_whatever_it_is(function: Function, event: str) -> None:
    function.streams.update(dict.fromkeys(function.streams, function.feature.altered))
    answer = function.answer_to(event)
    assert (answer.status, answer.data) == ("SUCCESS", {"Verified": "true"})
    assert function.streams[answer.physical_resource_id] == function.feature.declared
    assert not function.stack.calls


@pytest.mark.parametrize("flag", ["false", "", None, "no"])
def test_only_true_adopts(function: Function, flag: object) -> None:
    function.streams[STREAM_ARN] = function.feature.altered
    event = function.event("create")
    event["ResourceProperties"]["AdoptExisting"] = flag
    assert function.answer_to(event).status == "FAILED"


# Delete; faults.csv has the answers if CloudFormation is busy or can't be asked


@pytest.mark.parametrize("status", ["DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
def test_a_whole_stack_is_deleted_without_a_list(function: Function, status: str) -> None:
    function.streams[STREAM_ARN] = function.feature.declared
    function.stack.has("NewImageGeneration", STREAM_ARN)
    function.stack.status = status
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] is None
    assert function.stack.calls == {"DescribeStacks": 1}


def test_what_was_adopted_stays_until_the_flag_is_dropped(function: Function) -> None:
    function.streams[STREAM_ARN] = function.feature.declared
    assert function.answer_to("delete-adopted").status == "SUCCESS"
    assert function.streams[STREAM_ARN] == function.feature.declared
    assert not function.service.calls
    assert not function.stack.calls
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] is None


@pytest.mark.parametrize("settings", [None, "altered"])
def test_delete_asks_cloudformation_about_nothing_that_is_not_its_own(function: Function, settings: str | None) -> None:
    found = function.streams[STREAM_ARN] = function.feature.altered if settings else None
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] == found
    # The second one comes after some seconds: the first answer may be too old.
    assert function.service.calls == {function.feature.describe: 2}
    assert not function.stack.calls


@pytest.mark.parametrize(
    ("stack_status", "stream_arn", "status"),
    [
        # Another stack has made the same settings again.
        ("DELETE_COMPLETE", STREAM_ARN, "DELETE_COMPLETE"),
        ("DELETE_FAILED", STREAM_ARN, "DELETE_FAILED"),
        # The resource has gone back to the stream.
        ("UPDATE_COMPLETE", STREAM_ARN, "UPDATE_COMPLETE"),
        ("UPDATE_IN_PROGRESS", STREAM_ARN, "UPDATE_COMPLETE"),
        (CLEANUP, STREAM_ARN, "UPDATE_COMPLETE"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", STREAM_ARN, "UPDATE_FAILED"),
        # It is on its way back: the stream is set, and the event isn't answered yet.
        ("UPDATE_IN_PROGRESS", OTHER_STREAM_ARN, "UPDATE_IN_PROGRESS"),
        # It left the stream in an earlier update, and another stack has made the same settings there.
        ("UPDATE_IN_PROGRESS", OTHER_STREAM_ARN, "UPDATE_COMPLETE"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", OTHER_STREAM_ARN, "CREATE_COMPLETE"),
        # It was made again, in the place of one whose creation had failed.
        (CLEANUP, STREAM_ARN, "CREATE_COMPLETE"),
        ("UPDATE_IN_PROGRESS", STREAM_ARN, "CREATE_IN_PROGRESS"),
        # It, or another resource, is being created: the stream is set, and no row has its id yet.
        ("UPDATE_IN_PROGRESS", "", "CREATE_IN_PROGRESS"),
        ("UPDATE_IN_PROGRESS", "", ""),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "", ""),
        ("UPDATE_IN_PROGRESS", STREAM_ARN, "DELETE_COMPLETE"),
        ("UPDATE_IN_PROGRESS", OTHER_STREAM_ARN, "DELETE_IN_PROGRESS"),
        (CLEANUP, "", "CREATE_IN_PROGRESS"),
        (CLEANUP, OTHER_STREAM_ARN, "UPDATE_IN_PROGRESS"),
        (CLEANUP, STREAM_ARN, "DELETE_COMPLETE"),
        ("IMPORT_IN_PROGRESS", OTHER_STREAM_ARN, "UPDATE_COMPLETE"),
        ("REVIEW_IN_PROGRESS", "", ""),
        ("CREATE_COMPLETE", "", ""),
        ("IMPORT_COMPLETE", "", ""),
        ("UPDATE_ROLLBACK_FAILED", "", ""),
    ],
)
def test_a_deletion_that_is_over_touches_nothing(
    function: Function, stack_status: str, stream_arn: str, status: str
) -> None:
    function.streams[STREAM_ARN] = function.feature.declared
    function.stack.status = stack_status
    if status:
        function.stack.has(OWN, stream_arn, status)
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] == function.feature.declared
    assert function.stack.calls == {"DescribeStacks": 2, "ListStackResources": 2}
    assert function.clock.time == timing.SECOND_LOOK_SECONDS


@pytest.mark.parametrize(
    ("stack_status", "stream_arn", "status"),
    [
        (CLEANUP, OTHER_STREAM_ARN, "UPDATE_COMPLETE"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", OTHER_STREAM_ARN, "UPDATE_COMPLETE"),
        (CLEANUP, STREAM_ARN, "DELETE_IN_PROGRESS"),
        # It left the stream in an update that failed and was not rolled back, and now leaves the template.
        (CLEANUP, OTHER_STREAM_ARN, "DELETE_IN_PROGRESS"),
        # CloudFormation repeats a Delete that failed.
        (CLEANUP, STREAM_ARN, "DELETE_FAILED"),
        # A Create that failed with the ARN, and its rollback.
        ("UPDATE_ROLLBACK_IN_PROGRESS", STREAM_ARN, "CREATE_FAILED"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", STREAM_ARN, "DELETE_IN_PROGRESS"),
        # A nested stack, whose status may wait for its parent's.
        ("UPDATE_COMPLETE", STREAM_ARN, "DELETE_IN_PROGRESS"),
    ],
)
def test_a_deletion_that_goes_on_removes_it(
    function: Function, stack_status: str, stream_arn: str, status: str
) -> None:
    function.streams[STREAM_ARN] = function.feature.declared
    function.stack.status = stack_status
    function.stack.has(OWN, stream_arn, status)
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] is None


@pytest.mark.parametrize("lags", ["stack", "resource"])
def test_a_status_that_lags_does_not_end_a_deletion(function: Function, lags: str) -> None:
    function.streams[STREAM_ARN] = function.feature.declared
    function.stack.has(OWN, OTHER_STREAM_ARN, "UPDATE_COMPLETE")
    row = function.stack.resources[0]
    if lags == "stack":
        function.stack.status = "UPDATE_COMPLETE"
    else:
        row["PhysicalResourceId"] = STREAM_ARN

    def catch_up(operation: str) -> None:
        if function.stack.calls["ListStackResources"] == 1:
            function.stack.status = CLEANUP
        elif function.stack.calls["ListStackResources"] == 2:
            row["PhysicalResourceId"] = OTHER_STREAM_ARN

    function.stack.on_call = catch_up
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] is None


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "change",
    [
        {"{configuration}": {"SamplingInterval": "fast", "Status": []}},
        # Neither of the two can be written as text.
        pytest.param({"{configuration}": {"SamplingInterval": 10**5000, "Status": 10**5000}}, id="digits"),
        pytest.param({"{configuration}": {"SamplingInterval": nested(99_999), "Status": nested(99_999)}}, id="nested"),
        pytest.param({"{configuration}": nested(99_999), "AdoptExisting": 10**5000}, id="all of it"),
        pytest.param({"{configuration}": {"DestinationConfig": nested(99_999)}}, id="map"),
        {"{configuration}": "on"},
        {"{configuration}": None},
        {"StreamARN": None},
        {"StreamARN": ["x"]},
    ],
)
def test_a_delete_of_what_can_not_be_read_touches_nothing(function: Function, change: dict[str, Any]) -> None:
    function.streams[STREAM_ARN] = function.feature.declared
    event = function.event("delete")
    for name, value in change.items():
        event["ResourceProperties"][name.format(configuration=function.feature.configuration)] = value
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert function.streams[STREAM_ARN] == function.feature.declared
    assert not function.service.calls + function.stack.calls


@each_normalisation
def test_what_the_service_may_store_otherwise_is_still_ones_own(function: Function, row: Normalisation) -> None:
    if function.feature is not IMAGES:
        return
    declared, found = row.configurations(DECLARED)
    function.stack.has(OTHER, STREAM_ARN)

    def sent(name: str) -> dict[str, Any]:
        event = function.event(name)
        event["ResourceProperties"][IMAGES.configuration] = copy.deepcopy(declared)
        return event

    function.streams[STREAM_ARN] = found
    handed_over = function.answer_to(sent("create"))
    assert handed_over.status == ("FAILED" if row.fields else "SUCCESS")
    assert row.fields == [] or f"({', '.join(row.fields)})" in str(handed_over.reason)
    function.service.normalise = lambda _: found
    assert function.answer_to(sent("update")).data["Verified"] == ("false" if row.fields else "true")
    function.stack.resources.clear()
    function.service.normalise = dict
    function.answer_to(sent("delete"))
    assert function.streams[STREAM_ARN] == (found if row.fields else None)


@pytest.mark.parametrize("nothing", [{"DestinationConfig": {}}, {"Status": "", "DestinationConfig": {"Uri": "/"}}])
def test_what_has_no_value_is_no_configuration(function: Function, nothing: dict[str, Any]) -> None:
    function.streams[STREAM_ARN] = nothing
    assert function.answer_to("create").status == "SUCCESS"
    assert function.streams[STREAM_ARN] == function.feature.declared


# What was read too early


def test_a_stale_configuration_does_not_refuse_a_create(function: Function) -> None:
    # Another stack has just removed it.
    function.streams[STREAM_ARN] = function.feature.altered
    function.service.change_unseen(None)
    answer = function.answer_to("create")
    assert (answer.status, answer.data) == ("SUCCESS", {"Verified": "true"})


def test_a_stale_configuration_is_not_unverified(function: Function) -> None:
    function.service.stale_seconds = 8
    function.service.remember()
    assert function.answer_to("create").data == {"Verified": "true"}
    assert function.answer_to("update").data == {"Verified": "true"}


@pytest.mark.parametrize("settings", [None, "altered"])
def test_a_delete_comes_so_soon_that_something_else_seems_to_be_there(function: Function, settings: str | None) -> None:
    function.streams[STREAM_ARN] = function.feature.altered if settings else None
    function.service.change_unseen(function.feature.declared)
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] is None


@pytest.mark.parametrize("seen", [None, "altered"])
def test_a_delete_reads_again_if_only_its_last_look_is_stale(function: Function, seen: str | None) -> None:
    declared = function.streams[STREAM_ARN] = function.feature.declared
    function.service.stale_seconds = 1

    def from_another_replica(operation: str) -> None:
        stale = function.service.calls[operation] == 2
        function.service._past = [(-10, {STREAM_ARN: (seen and function.feature.altered) if stale else declared})]

    function.service.on_call = from_another_replica
    assert function.answer_to("delete").status == "SUCCESS"
    assert function.streams[STREAM_ARN] is None


@pytest.mark.parametrize("fault", ["NoDataRetentionException", "InvalidArgumentException"])
def test_what_may_be_set_on_another_stream_is_taken_back_though_it_is_seen_late(function: Function, fault: str) -> None:
    function.service.stale_seconds = 8
    function.service.remember()
    function.service.fail(function.feature.update, "done, connection reset", fault)
    assert function.answer_to("update-to-another-stream").status == "FAILED"
    assert function.streams[OTHER_STREAM_ARN] is None


def test_a_create_that_has_lost_its_reply_is_made_again(function: Function) -> None:
    # With `--no-rollback` a failed resource stays, with the id of its answer, and the next deployment creates it again.
    function.service.fail(function.feature.update, "done, timeout")
    failed = function.answer_to("create")
    assert (failed.status, failed.physical_resource_id) == ("FAILED", STREAM_ARN)
    function.service.fail(function.feature.update)
    function.stack.has(OWN, STREAM_ARN, "CREATE_FAILED")
    again = function.answer_to("create")
    assert (again.status, again.physical_resource_id) == ("SUCCESS", STREAM_ARN)


# A rollback that can't be done; faults.csv has those that have nothing to do


@pytest.mark.parametrize("late", ["configuration", "status", "name"])
def test_a_rollback_is_seen_to_be_done_also_late(function: Function, late: str) -> None:
    function.streams[STREAM_ARN] = function.feature.declared
    function.service.fail(function.feature.update, "NoDataRetentionException")
    event = function.event("update-rolled-back")
    function.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    if late == "configuration":
        function.streams[STREAM_ARN] = function.feature.altered
        function.service.change_unseen(function.feature.declared)
    elif late == "status":
        function.stack.status = "UPDATE_IN_PROGRESS"

        def catch_up(_: str) -> None:
            if function.stack.calls["DescribeStacks"] == 2:
                function.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"

        function.stack.on_call = catch_up
    else:
        del event["ResourceProperties"]["StreamARN"]
        event["ResourceProperties"]["StreamName"] = "front-door"
        function.service.fail("DescribeStream", "AccessDeniedException")
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)


@pytest.mark.parametrize("why", ["no rollback", "other settings", "can't be seen", "CloudFormation can't be asked"])
def test_an_update_that_fails_fails_but_for_a_rollback_that_is_seen_to_be_done(function: Function, why: str) -> None:
    function.streams[STREAM_ARN] = function.feature.altered if why == "other settings" else function.feature.declared
    function.stack.status = "UPDATE_IN_PROGRESS" if why == "no rollback" else "UPDATE_ROLLBACK_IN_PROGRESS"
    function.service.fail(function.feature.update, "NoDataRetentionException")
    if why == "can't be seen":
        function.service.fail(function.feature.describe, "AccessDeniedException")
    if why == "CloudFormation can't be asked":
        function.stack.fail("DescribeStacks", "AccessDenied")
    answer = function.answer_to("update-rolled-back")
    assert (answer.status, answer.physical_resource_id) == ("FAILED", STREAM_ARN)
    assert "NoDataRetentionException" in str(answer.reason)
