from __future__ import annotations

import pytest

from .conftest import OTHER_STREAM_ARN, STREAM_ARN, Function, both_kinds

CREATE_FAILED_ID = "cdk-kinesis-video::create-failed"


pytestmark = both_kinds


@pytest.mark.parametrize(
    "event", ["create", "create-by-name", "create-with-an-unknown-property", "create-with-a-removal-policy"]
)
def test_create_sets_the_configuration_and_reads_it_back(function: Function, event: str) -> None:
    answer = function.answer_to(event)
    # The physical id is the ARN, also of a stream that is given by name.
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert answer.data == {"Verified": "true"}
    assert function.streams[STREAM_ARN] == function.feature.declared
    operations = [function.feature.describe, function.feature.update, function.feature.describe]
    assert [operation for operation, _ in function.service.requests] == (
        ["DescribeStream", *operations] if event == "create-by-name" else operations
    )


def test_update_replaces_the_configuration_in_place_and_its_rollback_restores_it(function: Function) -> None:
    declared, updated = function.feature.declared, function.feature.updated
    function.streams[STREAM_ARN] = declared
    for event, configuration in (("update", updated), ("update-rolled-back", declared)):
        answer = function.answer_to(event)
        assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
        assert function.streams[STREAM_ARN] == configuration


def test_another_stream_is_another_resource_and_the_old_ones_delete_follows(function: Function) -> None:
    function.answer_to("create")
    answer = function.answer_to("update-to-another-stream")
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", OTHER_STREAM_ARN)
    assert function.streams == {STREAM_ARN: function.feature.declared, OTHER_STREAM_ARN: function.feature.declared}
    # CloudFormation's clean-up phase deletes by the old id, with the old properties.
    function.answer_to("delete")
    assert function.streams == {STREAM_ARN: None, OTHER_STREAM_ARN: function.feature.declared}


def test_an_unknown_field_of_the_configuration_is_refused_by_its_name(function: Function) -> None:
    event = function.event("update")
    event["ResourceProperties"][function.feature.configuration]["Sharpness"] = "9"
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("FAILED", STREAM_ARN)
    assert f"`{function.feature.configuration}.Sharpness` is unknown" in str(answer.reason)
    assert not function.service.calls


@pytest.mark.parametrize("event", ["delete", "delete-by-name", "delete-with-an-unknown-field"])
def test_delete_removes_what_its_event_declares_at_the_arn_of_its_id(function: Function, event: str) -> None:
    function.streams[STREAM_ARN] = function.feature.declared
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert function.streams[STREAM_ARN] is None
    assert "DescribeStream" not in function.service.calls


@pytest.mark.parametrize(
    "stream_arn",
    [
        "arn:aws-cn:kinesisvideo:cn-north-1:111122223333:stream/front-door/1690707290324",
        "arn:aws-us-gov:kinesisvideo:us-gov-west-1:111122223333:stream/front-door/1690707290324",
        "arn:aws:kinesisvideo:us-east-1:111122223333:stream/Front.Door_2-b/1690707290324",
    ],
)
def test_delete_acts_in_every_partition_and_on_every_name(function: Function, stream_arn: str) -> None:
    function.streams[stream_arn] = function.feature.declared
    event = function.event("delete")
    event["PhysicalResourceId"] = event["ResourceProperties"]["StreamARN"] = stream_arn
    assert function.answer_to(event).status == "SUCCESS"
    assert function.streams[stream_arn] is None


@pytest.mark.parametrize(
    "physical_id",
    [
        f"{STREAM_ARN}/more",
        f"x{STREAM_ARN}",
        "arn:aws:kinesis:us-east-1:111122223333:stream/front-door/1690707290324",
        "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1690707290324",
        "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door",
        # The Create failed, or was cancelled.
        CREATE_FAILED_ID,
        "Camera-StreamImageGeneration-1A2B3C4D5E6F",
    ],
)
def test_delete_acts_on_nothing_but_a_streams_arn(function: Function, physical_id: str) -> None:
    answer = function.answer_to({**function.event("delete"), "PhysicalResourceId": physical_id})
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", physical_id)
    assert not function.service.calls
