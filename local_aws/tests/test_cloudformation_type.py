"""The life of an AWS::KinesisVideo::Stream in a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from kinesis_video_local import LocalAws
from stacks import Stack, Template
from wire import Client

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

TAGS = [{"Key": "site", "Value": "north"}]
# Fails in every stack, because the function of its ServiceToken does not exist.
BROKEN = {
    "Type": "Custom::Broken",
    "DependsOn": "Stream",
    "Properties": {"ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:nobody"},
}


def template(**properties: Any) -> Template:
    """Declare a stream, with its Ref and Arn as outputs."""
    return {
        "Resources": {"Stream": {"Type": "AWS::KinesisVideo::Stream", "Properties": properties}},
        "Outputs": {"Ref": {"Value": {"Ref": "Stream"}}, "Arn": {"Value": {"Fn::GetAtt": ["Stream", "Arn"]}}},
    }


def broken(**properties: Any) -> Template:
    """Declare a stream in a stack that fails after it."""
    declared = template(**properties)
    return {**declared, "Resources": {**declared["Resources"], "Broken": BROKEN}}


@pytest.fixture
def stack(client: Client, stream_name: str) -> Stack:
    return Stack(client, stream_name)


def deployed(stack: Stack, **properties: Any) -> dict[str, str]:
    """Deploy a stream, and return the outputs."""
    assert stack.deploy(template(**properties), Tags=TAGS) in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return stack.outputs()


def described(kinesis_video: KinesisVideoClient, name: str) -> Any:
    return kinesis_video.describe_stream(StreamName=name)["StreamInfo"]


def test_a_stack_creates_an_active_stream_with_what_it_declares(
    kinesis_video: KinesisVideoClient, stack: Stack
) -> None:
    outputs = deployed(
        stack,
        Name=f"{stack.name}-declared",
        DataRetentionInHours=24,
        DeviceName="device",
        MediaType="video/h264",
        KmsKeyId="alias/cameras",
        StreamStorageConfiguration={"DefaultStorageTier": "WARM"},
        Tags=[{"Key": "owner", "Value": "a"}],
    )

    info = described(kinesis_video, f"{stack.name}-declared")
    assert outputs == {"Ref": info["StreamName"], "Arn": info["StreamARN"]}
    assert (info["Status"], info["DataRetentionInHours"], info["DeviceName"]) == ("ACTIVE", 24, "device")
    assert (info["MediaType"], info["KmsKeyId"]) == ("video/h264", "alias/cameras")
    storage = kinesis_video.describe_stream_storage_configuration(StreamName=info["StreamName"])
    assert storage["StreamStorageConfiguration"] == {"DefaultStorageTier": "WARM"}
    tags = kinesis_video.list_tags_for_stream(StreamName=info["StreamName"])["Tags"]
    assert tags["owner"] == "a"
    assert tags["site"] == "north"
    assert tags["aws:cloudformation:logical-id"] == "Stream"


def test_a_stream_created_by_a_stack_is_usable_at_once(stream_name: str, configuration: Any) -> None:
    with LocalAws(creating_seconds=3600) as aws:
        deployed(Stack(aws.client, stream_name), Name="camera", DataRetentionInHours=24)

        aws.client("kinesisvideo").update_image_generation_configuration(
            StreamName="camera", ImageGenerationConfiguration=configuration
        )


def test_a_stream_without_a_name_is_named_after_its_stack(stack: Stack) -> None:
    assert deployed(stack)["Ref"].startswith(f"{stack.name}-Stream-")


def test_an_update_changes_the_same_stream(kinesis_video: KinesisVideoClient, stack: Stack, configuration: Any) -> None:
    before = deployed(stack, DataRetentionInHours=24, MediaType="video/h264", Tags=[{"Key": "owner", "Value": "a"}])
    version = described(kinesis_video, before["Ref"])["Version"]
    kinesis_video.update_image_generation_configuration(
        StreamARN=before["Arn"], ImageGenerationConfiguration=configuration
    )

    after = deployed(
        stack,
        DataRetentionInHours="48",
        DeviceName="device",
        KmsKeyId="alias/cameras",
        StreamStorageConfiguration={"DefaultStorageTier": "WARM"},
        Tags=[{"Key": "owner", "Value": "b"}],
    )

    assert after == before
    info = described(kinesis_video, after["Ref"])
    assert (info["DataRetentionInHours"], info["DeviceName"], info["KmsKeyId"]) == (48, "device", "alias/cameras")
    assert "MediaType" not in info
    assert info["Version"] != version
    storage = kinesis_video.describe_stream_storage_configuration(StreamName=after["Ref"])
    assert storage["StreamStorageConfiguration"] == {"DefaultStorageTier": "WARM"}
    assert kinesis_video.list_tags_for_stream(StreamName=after["Ref"])["Tags"]["owner"] == "b"
    images = kinesis_video.describe_image_generation_configuration(StreamName=after["Ref"])
    assert images["ImageGenerationConfiguration"] == configuration


def test_a_new_name_replaces_the_stream(kinesis_video: KinesisVideoClient, stack: Stack) -> None:
    before = deployed(stack, Name=f"{stack.name}-old", DataRetentionInHours=24)

    after = deployed(stack, Name=f"{stack.name}-new", DataRetentionInHours=24)

    assert after["Ref"] == f"{stack.name}-new"
    assert described(kinesis_video, after["Ref"])["StreamARN"] == after["Arn"]
    with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException):
        described(kinesis_video, before["Ref"])


def test_the_old_stream_survives_a_replacement_that_rolls_back(kinesis_video: KinesisVideoClient, stack: Stack) -> None:
    before = deployed(stack, Name=f"{stack.name}-old", DataRetentionInHours=24)

    assert stack.deploy(broken(Name=f"{stack.name}-new", DataRetentionInHours=24)) == "UPDATE_ROLLBACK_COMPLETE"

    assert described(kinesis_video, before["Ref"])["StreamARN"] == before["Arn"]
    with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException):
        described(kinesis_video, f"{stack.name}-new")


def test_an_update_that_rolls_back_restores_the_properties(kinesis_video: KinesisVideoClient, stack: Stack) -> None:
    before = deployed(stack, DataRetentionInHours=24)

    assert stack.deploy(broken(DataRetentionInHours=48)) == "UPDATE_ROLLBACK_COMPLETE"

    assert described(kinesis_video, before["Ref"])["DataRetentionInHours"] == 24


def test_a_property_that_breaks_the_service_model_fails_the_stack(
    kinesis_video: KinesisVideoClient, stack: Stack
) -> None:
    assert stack.deploy(template(Name=f"{stack.name}-bad", MediaType="no type")) == "ROLLBACK_COMPLETE"

    assert "Stream CREATE_FAILED" in stack.events()
    with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException):
        described(kinesis_video, f"{stack.name}-bad")


def test_a_name_in_use_fails_the_stack_and_leaves_the_other_stream(
    kinesis_video: KinesisVideoClient, stack: Stack
) -> None:
    arn = kinesis_video.create_stream(StreamName=f"{stack.name}-taken")["StreamARN"]

    assert stack.deploy(template(Name=f"{stack.name}-taken")) == "ROLLBACK_COMPLETE"

    assert described(kinesis_video, f"{stack.name}-taken")["StreamARN"] == arn


def test_deleting_the_stack_deletes_the_stream(kinesis_video: KinesisVideoClient, stack: Stack) -> None:
    outputs = deployed(stack, DataRetentionInHours=24)

    stack.delete()

    with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException):
        described(kinesis_video, outputs["Ref"])


def test_a_stream_that_is_already_gone_does_not_stop_the_deletion(
    aws: LocalAws, kinesis_video: KinesisVideoClient, stack: Stack
) -> None:
    outputs = deployed(stack, DataRetentionInHours=24)
    kinesis_video.delete_stream(StreamARN=outputs["Arn"])

    stack.delete()

    with pytest.raises(ClientError, match="does not exist"):
        aws.client("cloudformation").describe_stacks(StackName=stack.name)


def test_calls_of_cloudformation_itself_are_neither_counted_nor_failed(aws: LocalAws, stack: Stack) -> None:
    aws.inject_fault("CreateStream", error="InternalFailure")
    aws.clear_calls()

    deployed(stack, DataRetentionInHours=24)
    stack.delete()

    assert aws.calls() == []
    aws.clear_faults()
