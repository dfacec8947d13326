from __future__ import annotations

import pytest

from .conftest import FEATURES, IMAGES, OTHER_STREAM_ARN, STREAM_ARN, Feature, Function, Service

CREATE_FAILED_ID = "cdk-kinesis-video::create-failed"


@pytest.fixture(params=FEATURES.values(), ids=list(FEATURES))
def feature(request: pytest.FixtureRequest) -> Feature:
    """The rules are the same for both."""
    found: Feature = request.param
    return found


@pytest.mark.parametrize(
    "event", ["create", "create-by-name", "create-with-an-unknown-property", "create-with-a-removal-policy"]
)
def test_create_sets_the_configuration_and_reads_it_back(
    function: Function, service: Service, feature: Feature, event: str
) -> None:
    answer = function.answer_to(event)
    # The physical id is the ARN, also of a stream that is given by name.
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert answer.data == {"Verified": "true"}
    assert service.configurations[STREAM_ARN] == feature.declared
    operations = [feature.describe, feature.update, feature.describe]
    assert [operation for operation, _ in service.requests] == (
        ["DescribeStream", *operations] if event == "create-by-name" else operations
    )


def test_update_replaces_the_configuration_in_place_and_its_rollback_restores_it(
    function: Function, service: Service, feature: Feature
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    for event, configuration in (("update", feature.updated), ("update-rolled-back", feature.declared)):
        answer = function.answer_to(event)
        assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
        assert service.configurations[STREAM_ARN] == configuration


def test_another_stream_is_another_resource_and_the_old_ones_delete_follows(
    function: Function, service: Service, feature: Feature
) -> None:
    function.answer_to("create")
    answer = function.answer_to("update-to-another-stream")
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", OTHER_STREAM_ARN)
    assert service.configurations == {STREAM_ARN: feature.declared, OTHER_STREAM_ARN: feature.declared}
    # CloudFormation's clean-up phase deletes by the old id, with the old properties.
    function.answer_to("delete")
    assert service.configurations == {STREAM_ARN: None, OTHER_STREAM_ARN: feature.declared}


def test_what_reads_back_otherwise_is_a_warning_and_no_failure(
    function: Function, service: Service, caplog: pytest.LogCaptureFixture, feature: Feature
) -> None:
    service.configurations[STREAM_ARN] = feature.altered
    service.keeps_what_it_has = True
    answer = function.answer_to("update-rolled-back")
    assert (answer.status, answer.data) == ("SUCCESS", {"Verified": "false"})
    (warning,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert warning.fields == feature.altered_fields  # type: ignore[attr-defined]


def test_an_unknown_field_of_the_configuration_is_refused_by_its_name(function: Function, service: Service) -> None:
    if service.feature is IMAGES:
        answer = function.answer_to("create-with-an-unknown-field")
        assert (answer.status, answer.physical_resource_id) == ("FAILED", CREATE_FAILED_ID)
        assert (answer.reason or "").startswith(
            "`ImageGenerationConfiguration.Sharpness` is unknown to this version of "
        )
    event = function.event("update")
    event["ResourceProperties"][service.feature.configuration]["Sharpness"] = "9"
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("FAILED", STREAM_ARN)
    assert not service.calls


@pytest.mark.parametrize("event", ["delete", "delete-by-name", "delete-with-an-unknown-field"])
def test_delete_removes_what_its_event_declares_at_the_arn_of_its_id(
    function: Function, service: Service, feature: Feature, event: str
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    answer = function.answer_to(event)
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", STREAM_ARN)
    assert service.configurations[STREAM_ARN] is None
    assert "DescribeStream" not in service.calls


def test_delete_leaves_a_configuration_alone_that_somebody_has_changed(
    function: Function, service: Service, caplog: pytest.LogCaptureFixture, feature: Feature
) -> None:
    service.configurations[STREAM_ARN] = feature.altered
    assert function.answer_to("delete").status == "SUCCESS"
    assert service.configurations[STREAM_ARN] == feature.altered
    (warning,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert warning.getMessage() == "left alone, somebody else has changed the configuration"
    assert warning.fields == feature.altered_fields  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "stream_arn",
    [
        "arn:aws-cn:kinesisvideo:cn-north-1:111122223333:stream/front-door/1690707290324",
        "arn:aws-us-gov:kinesisvideo:us-gov-west-1:111122223333:stream/front-door/1690707290324",
        "arn:aws:kinesisvideo:us-east-1:111122223333:stream/Front.Door_2-b/1690707290324",
    ],
)
def test_delete_acts_in_every_partition_and_on_every_name(
    function: Function, service: Service, feature: Feature, stream_arn: str
) -> None:
    service.configurations[stream_arn] = feature.declared
    event = function.event("delete")
    event["PhysicalResourceId"] = event["ResourceProperties"]["StreamARN"] = stream_arn
    assert function.answer_to(event).status == "SUCCESS"
    assert service.configurations[stream_arn] is None


@pytest.mark.parametrize(
    "physical_id",
    [
        f"{STREAM_ARN}/more",
        f"x{STREAM_ARN}",
        "arn:aws:kinesis:us-east-1:111122223333:stream/front-door/1690707290324",
        "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1690707290324",
        "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door",
    ],
)
def test_delete_acts_on_nothing_but_a_streams_arn(function: Function, service: Service, physical_id: str) -> None:
    answer = function.answer_to({**function.event("delete"), "PhysicalResourceId": physical_id})
    assert (answer.status, answer.physical_resource_id) == ("SUCCESS", physical_id)
    assert not service.calls


@pytest.mark.parametrize("event", ["delete-after-a-failed-create", "delete-after-a-cancelled-create"])
def test_delete_touches_nothing_if_the_create_never_succeeded(
    function: Function, service: Service, event: str, feature: Feature
) -> None:
    service.configurations[STREAM_ARN] = feature.declared
    answer = function.answer_to(event)
    assert answer.status == "SUCCESS"
    assert answer.physical_resource_id == function.event(event)["PhysicalResourceId"]
    assert service.configurations[STREAM_ARN] == feature.declared
    assert not service.calls
