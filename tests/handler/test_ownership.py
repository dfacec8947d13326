"""The ownership rule: whose configuration an event may set, and whose it may remove."""

from __future__ import annotations

import copy
from typing import Any
from uuid import uuid4

import pytest

from kinesis_video_configuration import timing

from ..normalisations import Normalisation, each_normalisation
from .conftest import (
    DECLARED,
    FEATURES,
    IMAGES,
    OTHER_STREAM_ARN,
    STREAM_ARN,
    FakeClock,
    Feature,
    Function,
    Service,
    Stack,
)

MARKER = "cdk-kinesis-video::create-failed"
ADOPT = "set `adopt_existing=True` to take it over"


@pytest.fixture(params=FEATURES.values(), ids=list(FEATURES))
def feature(request: pytest.FixtureRequest) -> Feature:
    found: Feature = request.param
    return found


def updates(service: Service) -> list[dict[str, Any]]:
    return [parameters for operation, parameters in service.requests if operation == service.feature.update]


def undoing(update: dict[str, Any]) -> dict[str, Any]:
    """Make the event of the rollback: an Update with old and new properties exchanged."""
    old, new = update["OldResourceProperties"], update["ResourceProperties"]
    return {**update, "RequestId": str(uuid4()), "ResourceProperties": old, "OldResourceProperties": new}


# Create, and Update to another stream


@pytest.mark.parametrize("event", ["create", "create-by-name", "update", "update-to-another-stream"])
def test_cloudformation_is_not_asked_about_a_stream_that_is_unconfigured_or_ones_own(
    function: Function, service: Service, stack: Stack, event: str, feature: Feature
) -> None:
    if event == "update":
        service.configurations[STREAM_ARN] = feature.altered
    assert function.answer_to(event).status == "SUCCESS"
    assert not stack.calls


@pytest.mark.parametrize(
    ("event", "stream_arn", "physical_id"),
    [("create", STREAM_ARN, MARKER), ("update-to-another-stream", OTHER_STREAM_ARN, STREAM_ARN)],
)
@pytest.mark.parametrize("settings", ["declared", "altered"])
def test_a_configuration_that_nobody_in_the_stack_has_is_refused(
    function: Function,
    service: Service,
    feature: Feature,
    event: str,
    stream_arn: str,
    physical_id: str,
    settings: str,
) -> None:
    found = service.configurations[stream_arn] = getattr(feature, settings)
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("FAILED", physical_id)
    noun = "image generation configuration" if feature is IMAGES else "notification configuration"
    assert answer.reason == (
        f"{stream_arn} has its {noun} already, which no other resource of this stack declares; {ADOPT}, and if another "
        "stack or tool declares it, set RemovalPolicy.RETAIN there first"
    )
    assert service.configurations[stream_arn] == found
    assert service.calls == {feature.describe: 2}


@pytest.mark.parametrize(
    ("event", "stream_arn"), [("create", STREAM_ARN), ("update-to-another-stream", OTHER_STREAM_ARN)]
)
def test_another_resource_of_the_stack_hands_over_equal_settings_without_a_change(
    function: Function, service: Service, stack: Stack, feature: Feature, event: str, stream_arn: str
) -> None:
    service.configurations[stream_arn] = feature.declared
    stack.has("StreamImageGeneration", "", feature.resource_type, "CREATE_IN_PROGRESS")
    stack.has("OldImageGeneration", stream_arn, feature.resource_type)
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", stream_arn)
    assert answer.data == {"Verified": "true"}
    assert not updates(service)


def test_other_settings_are_for_the_next_deployment(
    function: Function, service: Service, stack: Stack, feature: Feature
) -> None:
    service.configurations[STREAM_ARN] = feature.altered
    stack.has("OldImageGeneration", STREAM_ARN, feature.resource_type)
    answer = function.answer_to("create")
    assert (answer.status, answer.physical_resource_id) == ("FAILED", MARKER)
    assert answer.reason is not None
    assert answer.reason.endswith(
        "already, which OldImageGeneration of this stack declares, with other settings "
        f"({', '.join(feature.altered_fields)}); deploy with its settings first and change them in the next "
        f"deployment, or {ADOPT}"
    )
    assert not updates(service)


@pytest.mark.parametrize(
    ("logical_id", "stream_arn", "resource_type", "status"),
    [
        ("OldImageGeneration", OTHER_STREAM_ARN, None, "CREATE_COMPLETE"),
        ("OldImageGeneration", "", None, "CREATE_IN_PROGRESS"),
        ("OldImageGeneration", STREAM_ARN, "Custom::SomethingElse", "CREATE_COMPLETE"),
        ("OldImageGeneration", STREAM_ARN, None, "DELETE_IN_PROGRESS"),
        ("OldImageGeneration", STREAM_ARN, None, "DELETE_COMPLETE"),
        ("OldImageGeneration", STREAM_ARN, None, "DELETE_SKIPPED"),
        ("OldImageGeneration", STREAM_ARN, None, "DELETE_FAILED"),
    ],
    ids=["another stream", "no stream yet", "another type", "goes", "deleted", "retained", "given up"],
)
def test_who_does_not_have_the_stream(
    function: Function,
    service: Service,
    stack: Stack,
    feature: Feature,
    logical_id: str,
    stream_arn: str,
    resource_type: str | None,
    status: str,
) -> None:
    stack.has(logical_id, stream_arn, resource_type or feature.resource_type, status)
    service.configurations[STREAM_ARN] = feature.declared
    assert function.answer_to("create").status == "FAILED"
    # A Delete isn't kept from removing it, either.
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None


def test_a_resource_on_a_later_page_is_found(
    function: Function, service: Service, stack: Stack, feature: Feature
) -> None:
    for number in range(5):
        stack.has(f"Other{number}", f"{OTHER_STREAM_ARN}{number}", feature.resource_type)
    stack.has("OldImageGeneration", STREAM_ARN, feature.resource_type)
    stack.page_size = 2
    service.configurations[STREAM_ARN] = feature.declared
    assert function.answer_to("create").status == "SUCCESS"
    assert stack.calls == {"ListStackResources": 3}
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] == feature.declared


def test_an_update_that_is_rolled_back_sets_what_was_its_own(
    function: Function, service: Service, stack: Stack, feature: Feature
) -> None:
    service.configurations[OTHER_STREAM_ARN] = feature.altered
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    answer = function.answer_to("update-to-another-stream")
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", OTHER_STREAM_ARN)
    assert service.configurations[OTHER_STREAM_ARN] == feature.declared
    assert stack.calls == {"DescribeStacks": 1}


def test_a_rollback_takes_no_stream_that_was_made_again(
    function: Function, service: Service, stack: Stack, feature: Feature, caplog: pytest.LogCaptureFixture
) -> None:
    # A device has created its stream again, and the device's owner has configured it: the name belongs to a stream that
    # the stack never had. The update was refused, and its rollback changes nothing.
    gone = STREAM_ARN.replace("1690707290324", "1600000000000")
    service.configurations[STREAM_ARN] = feature.altered
    update = {**function.event("update-by-name"), "PhysicalResourceId": gone}
    answer = function.answer_to(update)
    assert (answer.status, answer.physical_resource_id) == ("FAILED", gone)
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    answer = function.answer_to(undoing(update))
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", gone)
    assert answer.data == {"Verified": "false"}
    assert service.configurations[STREAM_ARN] == feature.altered
    assert "left alone, the rollback leads to another stream" in caplog.messages


@pytest.mark.parametrize("key", ["StreamARN", "StreamName"])
def test_a_rollback_takes_no_stream_that_a_refused_update_has_never_left(
    function: Function, service: Service, stack: Stack, feature: Feature, key: str
) -> None:
    # A parameter is looked up again, and has another value in both events.
    service.configurations = {STREAM_ARN: feature.declared, OTHER_STREAM_ARN: feature.altered}
    update = function.event("update-to-another-stream")
    if key == "StreamName":
        del update["OldResourceProperties"]["StreamARN"]
        update["OldResourceProperties"]["StreamName"] = "back-door"
    else:
        update["OldResourceProperties"]["StreamARN"] = OTHER_STREAM_ARN
    assert function.answer_to(update).status == "FAILED"
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    answer = function.answer_to(undoing(update))
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert service.configurations == {STREAM_ARN: feature.declared, OTHER_STREAM_ARN: feature.altered}


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
def test_a_rollback_that_does_not_tell_its_stream_takes_none(
    function: Function, service: Service, stack: Stack, feature: Feature, old: object
) -> None:
    service.configurations[OTHER_STREAM_ARN] = feature.altered
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    event = {**function.event("update-to-another-stream"), "OldResourceProperties": old}
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert service.configurations[OTHER_STREAM_ARN] == feature.altered


def test_a_rollback_by_name_returns_to_the_stream_that_was_left(
    function: Function, service: Service, stack: Stack, feature: Feature
) -> None:
    service.configurations = {STREAM_ARN: feature.altered, OTHER_STREAM_ARN: feature.declared}
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    event = {**function.event("update-by-name"), "PhysicalResourceId": OTHER_STREAM_ARN}
    event["OldResourceProperties"]["StreamName"] = "back-door"
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert service.configurations[STREAM_ARN] == feature.updated


def test_a_create_never_takes_a_stream_in_a_rollback(
    function: Function, service: Service, stack: Stack, feature: Feature
) -> None:
    service.configurations[STREAM_ARN] = feature.altered
    stack.status = "ROLLBACK_IN_PROGRESS"
    assert function.answer_to("create").status == "FAILED"
    assert service.configurations[STREAM_ARN] == feature.altered


@pytest.mark.parametrize("event", ["create-adopting", "update-to-another-stream-adopting"])
def test_adopt_existing_takes_over_whatever_it_is(
    function: Function, service: Service, stack: Stack, feature: Feature, event: str
) -> None:
    service.configurations.update(dict.fromkeys(service.configurations, feature.altered))
    answer = function.answer_to(event)
    assert (answer.status, answer.data) == ("SUCCESS", {"Verified": "true"})
    assert service.configurations[answer.physical_resource_id] == feature.declared
    assert not stack.calls


@pytest.mark.parametrize("flag", ["false", "", None, "no"])
def test_only_true_adopts(function: Function, service: Service, feature: Feature, flag: object) -> None:
    service.configurations[STREAM_ARN] = feature.altered
    event = function.event("create")
    event["ResourceProperties"]["AdoptExisting"] = flag
    assert function.answer_to(event).status == "FAILED"


# Delete; faults.csv has the answers if CloudFormation is busy or can't be asked


def test_delete_leaves_alone_what_another_resource_has(
    function: Function, service: Service, stack: Stack, feature: Feature, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    service.configurations[STREAM_ARN] = feature.declared
    stack.has("NewImageGeneration", STREAM_ARN, feature.resource_type)
    answer = function.answer_to("delete")
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert service.configurations[STREAM_ARN] == feature.declared
    assert not updates(service)
    (record,) = (r for r in caplog.records if r.getMessage() == "left alone, another resource has the stream")
    assert (record.stream, record.holder) == (STREAM_ARN, "NewImageGeneration")  # type: ignore[attr-defined]


def test_a_whole_stack_is_deleted_without_a_list(
    function: Function, service: Service, stack: Stack, feature: Feature
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    stack.has("NewImageGeneration", STREAM_ARN, feature.resource_type)
    stack.status = "DELETE_IN_PROGRESS"
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None
    assert stack.calls == {"DescribeStacks": 1}


def test_what_was_adopted_stays_until_the_flag_is_dropped(
    function: Function, service: Service, stack: Stack, feature: Feature, caplog: pytest.LogCaptureFixture
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    assert function.answer_to("delete-adopted").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] == feature.declared
    assert not service.calls
    assert not stack.calls
    assert "left alone, it was taken over: deploy without `adopt_existing` first" in caplog.messages
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None


def test_a_delete_that_failed_since_cloudformation_was_busy_comes_again(
    function: Function, service: Service, stack: Stack, feature: Feature
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    stack.fail("ListStackResources", "Throttling")
    assert function.answer_to("delete").status == "FAILED"
    stack.fail("ListStackResources")
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None


@pytest.mark.parametrize("settings", [None, "altered"])
def test_delete_asks_cloudformation_about_nothing_that_is_not_its_own(
    function: Function, service: Service, stack: Stack, feature: Feature, settings: str | None
) -> None:
    found = service.configurations[STREAM_ARN] = feature.altered if settings else None
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] == found
    # The second one comes after some seconds: the first answer may be too old.
    assert service.calls == {feature.describe: 2}
    assert not stack.calls


def over(stack_status: str, *rows: tuple[str, str]) -> Any:
    """Make a case of a stack in which the event's resource has these rows, each a stream and a status."""
    return pytest.param(stack_status, rows, id=" ".join((stack_status, *(f"{status}" for _, status in rows))))


@pytest.mark.parametrize(
    ("stack_status", "rows"),
    [
        # Another stack has made the same settings again.
        over("DELETE_COMPLETE", (STREAM_ARN, "DELETE_COMPLETE")),
        over("DELETE_FAILED", (STREAM_ARN, "DELETE_FAILED")),
        # The resource has gone back to the stream.
        over("UPDATE_COMPLETE", (STREAM_ARN, "UPDATE_COMPLETE")),
        over("UPDATE_IN_PROGRESS", (STREAM_ARN, "UPDATE_COMPLETE")),
        over("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", (STREAM_ARN, "UPDATE_COMPLETE")),
        over("UPDATE_ROLLBACK_IN_PROGRESS", (STREAM_ARN, "UPDATE_FAILED")),
        # It is on its way back: the stream is set, and the event isn't answered yet.
        over("UPDATE_IN_PROGRESS", (OTHER_STREAM_ARN, "UPDATE_IN_PROGRESS")),
        # It left the stream in an earlier update, and another stack has made the same settings there.
        over("UPDATE_IN_PROGRESS", (OTHER_STREAM_ARN, "UPDATE_COMPLETE")),
        over("UPDATE_ROLLBACK_IN_PROGRESS", (OTHER_STREAM_ARN, "CREATE_COMPLETE")),
        # It was made again, in the place of one whose creation had failed.
        over("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", (STREAM_ARN, "CREATE_COMPLETE")),
        over("UPDATE_IN_PROGRESS", (STREAM_ARN, "CREATE_IN_PROGRESS")),
        # It, or another resource, is being created: the stream is set, and no row has its id yet.
        over("UPDATE_IN_PROGRESS", ("", "CREATE_IN_PROGRESS")),
        over("UPDATE_IN_PROGRESS"),
        over("UPDATE_ROLLBACK_IN_PROGRESS"),
        over("UPDATE_IN_PROGRESS", (STREAM_ARN, "DELETE_COMPLETE")),
        over("UPDATE_IN_PROGRESS", (OTHER_STREAM_ARN, "DELETE_IN_PROGRESS")),
        over("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ("", "CREATE_IN_PROGRESS")),
        over("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", (OTHER_STREAM_ARN, "UPDATE_IN_PROGRESS")),
        over("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", (STREAM_ARN, "DELETE_COMPLETE")),
        over("IMPORT_IN_PROGRESS", (OTHER_STREAM_ARN, "UPDATE_COMPLETE")),
        over("REVIEW_IN_PROGRESS"),
        over("CREATE_COMPLETE"),
        over("IMPORT_COMPLETE"),
        over("UPDATE_ROLLBACK_FAILED"),
    ],
)
def test_a_deletion_that_is_over_touches_nothing(
    function: Function,
    service: Service,
    stack: Stack,
    feature: Feature,
    stack_status: str,
    rows: tuple[tuple[str, str], ...],
    clock: FakeClock,
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    stack.status = stack_status
    for stream_arn, status in rows:
        stack.has("StreamImageGeneration", stream_arn, feature.resource_type, status)
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] == feature.declared
    assert stack.calls == {"DescribeStacks": 2, "ListStackResources": 2}
    assert clock.time == timing.SECOND_LOOK_SECONDS


@pytest.mark.parametrize(
    ("stack_status", "row"),
    [
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", (OTHER_STREAM_ARN, "UPDATE_COMPLETE")),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", (OTHER_STREAM_ARN, "UPDATE_COMPLETE")),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", (STREAM_ARN, "DELETE_IN_PROGRESS")),
        # It left the stream in an update that failed and was not rolled back, and now leaves the template.
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", (OTHER_STREAM_ARN, "DELETE_IN_PROGRESS")),
        # CloudFormation repeats a Delete that failed.
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", (STREAM_ARN, "DELETE_FAILED")),
        # A Create that failed with the ARN, and its rollback.
        ("UPDATE_ROLLBACK_IN_PROGRESS", (STREAM_ARN, "CREATE_FAILED")),
        ("UPDATE_ROLLBACK_IN_PROGRESS", (STREAM_ARN, "DELETE_IN_PROGRESS")),
        # A nested stack, whose status may wait for its parent's.
        ("UPDATE_COMPLETE", (STREAM_ARN, "DELETE_IN_PROGRESS")),
    ],
)
def test_a_deletion_that_goes_on_removes_it(
    function: Function, service: Service, stack: Stack, feature: Feature, stack_status: str, row: tuple[str, str]
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    stack.status = stack_status
    stack.has("StreamImageGeneration", row[0], feature.resource_type, row[1])
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None


@pytest.mark.parametrize("lags", ["stack", "resource"])
def test_a_status_that_lags_does_not_end_a_deletion(
    function: Function, service: Service, stack: Stack, feature: Feature, lags: str
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    stack.has("StreamImageGeneration", OTHER_STREAM_ARN, feature.resource_type, "UPDATE_COMPLETE")
    row = stack.resources[0]
    if lags == "stack":
        stack.status = "UPDATE_COMPLETE"
    else:
        row["PhysicalResourceId"] = STREAM_ARN

    def catch_up(operation: str) -> None:
        if stack.calls["ListStackResources"] == 1:
            stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        elif stack.calls["ListStackResources"] == 2:
            row["PhysicalResourceId"] = OTHER_STREAM_ARN

    stack.on_call = catch_up
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None


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
def test_a_delete_of_what_can_not_be_read_touches_nothing(
    function: Function, service: Service, stack: Stack, feature: Feature, change: dict[str, Any]
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    event = function.event("delete")
    for name, value in change.items():
        event["ResourceProperties"][name.format(configuration=feature.configuration)] = value
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert service.configurations[STREAM_ARN] == feature.declared
    assert not service.calls + stack.calls


@each_normalisation
def test_what_the_service_may_store_otherwise_is_still_ones_own(
    function: Function, service: Service, stack: Stack, row: Normalisation
) -> None:
    if service.feature is not IMAGES:
        return
    declared, found = row.configurations(DECLARED)
    stack.has("OldImageGeneration", STREAM_ARN)

    def sent(name: str) -> dict[str, Any]:
        event = function.event(name)
        event["ResourceProperties"][IMAGES.configuration] = copy.deepcopy(declared)
        return event

    service.configurations[STREAM_ARN] = found
    handed_over = function.answer_to(sent("create"))
    assert handed_over.status == ("FAILED" if row.fields else "SUCCESS")
    assert row.fields == [] or f"({', '.join(row.fields)})" in str(handed_over.reason)
    service.normalise = lambda _: found
    assert function.answer_to(sent("update")).data["Verified"] == ("false" if row.fields else "true")
    stack.resources.clear()
    service.normalise = dict
    function.answer_to(sent("delete"))
    assert service.configurations[STREAM_ARN] == (found if row.fields else None)


@pytest.mark.parametrize("nothing", [{"DestinationConfig": {}}, {"Status": "", "DestinationConfig": {"Uri": "/"}}])
def test_what_has_no_value_is_no_configuration(
    function: Function, service: Service, feature: Feature, nothing: dict[str, Any]
) -> None:
    service.configurations[STREAM_ARN] = nothing
    assert function.answer_to("create").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] == feature.declared


# What was read too early


def test_a_stale_configuration_does_not_refuse_a_create(
    function: Function, service: Service, clock: FakeClock, feature: Feature
) -> None:
    # Another stack has just removed it.
    service.configurations[STREAM_ARN] = feature.altered
    service.stale_seconds = 8
    service.remember()
    service.configurations[STREAM_ARN] = None
    service.remember()
    answer = function.answer_to("create")
    assert (answer.status, answer.data) == ("SUCCESS", {"Verified": "true"})


def test_a_stale_configuration_is_neither_unverified_nor_left_behind(
    function: Function, service: Service, stack: Stack, clock: FakeClock, feature: Feature
) -> None:
    service.stale_seconds = 8
    service.remember()
    assert function.answer_to("create").data == {"Verified": "true"}
    assert function.answer_to("update").data == {"Verified": "true"}
    event = function.event("update")
    service.configurations[STREAM_ARN] = feature.updated
    service.remember()
    assert function.answer_to({**event, "RequestType": "Delete"}).status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None


def test_a_delete_comes_so_soon_that_nothing_seems_to_be_there(
    function: Function, service: Service, stack: Stack, feature: Feature
) -> None:
    service.stale_seconds = 8
    service.remember()
    service.configurations[STREAM_ARN] = feature.declared
    service.remember()
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None


@pytest.mark.parametrize("seen", [None, "altered"])
def test_a_delete_reads_again_if_only_its_last_look_is_stale(
    function: Function, service: Service, stack: Stack, feature: Feature, seen: str | None
) -> None:
    declared = service.configurations[STREAM_ARN] = feature.declared
    service.stale_seconds = 1

    def from_another_replica(operation: str) -> None:
        stale = service.calls[operation] == 2
        service._past = [(-10, {STREAM_ARN: (seen and feature.altered) if stale else declared})]

    service.on_call = from_another_replica
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None


@pytest.mark.parametrize("fault", ["NoDataRetentionException", "InvalidArgumentException"])
def test_what_may_be_set_on_another_stream_is_taken_back_though_it_is_seen_late(
    function: Function, service: Service, feature: Feature, fault: str
) -> None:
    service.stale_seconds = 8
    service.remember()
    service.fail(feature.update, "done, connection reset", fault)
    assert function.answer_to("update-to-another-stream").status == "FAILED"
    assert service.configurations[OTHER_STREAM_ARN] is None


def test_a_create_that_has_lost_its_reply_is_made_again(
    function: Function, service: Service, stack: Stack, feature: Feature
) -> None:
    # With `--no-rollback` a failed resource stays, with the id of its answer, and the next deployment creates it again.
    service.fail(feature.update, "done, timeout")
    failed = function.answer_to("create")
    assert (failed.status, failed.physical_resource_id) == ("FAILED", STREAM_ARN)
    service.fail(feature.update)
    stack.has("StreamImageGeneration", STREAM_ARN, feature.resource_type, "CREATE_FAILED")
    assert function.answer_to("create").physical_resource_id == STREAM_ARN
    stack.resources[0]["ResourceStatus"] = "CREATE_COMPLETE"
    stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] == feature.declared
    # Then the resource leaves the template.
    stack.resources[0]["ResourceStatus"] = "DELETE_IN_PROGRESS"
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] is None


def test_what_failed_to_be_created_takes_no_other_settings(
    function: Function, service: Service, stack: Stack, feature: Feature
) -> None:
    service.configurations[STREAM_ARN] = feature.altered
    stack.has("StreamImageGeneration", STREAM_ARN, feature.resource_type, "CREATE_FAILED")
    assert function.answer_to("create").status == "FAILED"
    assert service.configurations[STREAM_ARN] == feature.altered


# A rollback that can't be done


@pytest.mark.parametrize(
    "fault", ["NoDataRetentionException", "AccessDeniedException", "ClientLimitExceededException", "NotAuthorized"]
)
@pytest.mark.parametrize("event", ["update-rolled-back", "update-to-another-stream"])
def test_a_rollback_that_has_nothing_to_do_succeeds_whatever_fails(
    function: Function, service: Service, stack: Stack, feature: Feature, event: str, fault: str
) -> None:
    sent = function.event(event)
    stream_arn = sent["ResourceProperties"]["StreamARN"]
    service.configurations[stream_arn] = feature.declared
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    service.fail(feature.update, fault)
    answer = function.answer_to(sent)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", stream_arn)
    assert answer.data == {"Verified": "false"}


@pytest.mark.parametrize("late", ["configuration", "status", "name"])
def test_a_rollback_is_seen_to_be_done_also_late(
    function: Function, service: Service, stack: Stack, feature: Feature, late: str
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    service.fail(feature.update, "NoDataRetentionException")
    event = function.event("update-rolled-back")
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    if late == "configuration":
        service.configurations[STREAM_ARN] = feature.altered
        service.remember()
        service.configurations[STREAM_ARN] = feature.declared
        service.remember()
        service.stale_seconds = 8
    elif late == "status":
        stack.status = "UPDATE_IN_PROGRESS"

        def catch_up(_: str) -> None:
            if stack.calls["DescribeStacks"] == 2:
                stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"

        stack.on_call = catch_up
    else:
        del event["ResourceProperties"]["StreamARN"]
        event["ResourceProperties"]["StreamName"] = "front-door"
        service.fail("DescribeStream", "AccessDeniedException")
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)


@pytest.mark.parametrize("why", ["no rollback", "other settings", "can't be seen", "CloudFormation can't be asked"])
def test_an_update_that_fails_fails_but_for_a_rollback_that_is_seen_to_be_done(
    function: Function, service: Service, stack: Stack, feature: Feature, why: str
) -> None:
    service.configurations[STREAM_ARN] = feature.altered if why == "other settings" else feature.declared
    stack.status = "UPDATE_IN_PROGRESS" if why == "no rollback" else "UPDATE_ROLLBACK_IN_PROGRESS"
    service.fail(feature.update, "NoDataRetentionException")
    if why == "can't be seen":
        service.fail(feature.describe, "AccessDeniedException")
    if why == "CloudFormation can't be asked":
        stack.fail("DescribeStacks", "AccessDenied")
    answer = function.answer_to("update-rolled-back")
    assert (answer.status, answer.physical_resource_id) == ("FAILED", STREAM_ARN)
    assert "NoDataRetentionException" in str(answer.reason)


# The changes that make another resource for the same stream are deployed in tests/integ/test_hand_over.py


def test_a_stream_that_was_deleted_and_made_again_is_another_one(
    function: Function, service: Service, feature: Feature
) -> None:
    event = function.event("update")
    event["PhysicalResourceId"] = STREAM_ARN.replace("1690707290324", "1600000000000")
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert service.configurations[STREAM_ARN] == feature.updated
    old = {**function.event("delete"), "PhysicalResourceId": event["PhysicalResourceId"]}
    assert function.answer_to(old).status == "SUCCESS"
    assert service.configurations[STREAM_ARN] == feature.updated
