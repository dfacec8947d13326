"""The stream operations, as boto3 sees them."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from kinesis_video_local import LocalAws
from kinesis_video_local.kinesisvideo.control_plane import CONTROL_PLANE, ControlPlane
from kinesis_video_local.kinesisvideo.streams import Streams
from waiting import eventually

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

NewStream = Callable[..., str]


def described(kinesis_video: KinesisVideoClient, stream: str) -> Any:
    return kinesis_video.describe_stream(StreamName=stream)["StreamInfo"]


def tier(kinesis_video: KinesisVideoClient, stream: str) -> str:
    answer = kinesis_video.describe_stream_storage_configuration(StreamName=stream)
    return answer["StreamStorageConfiguration"]["DefaultStorageTier"]


def test_a_created_stream_is_described_as_it_was_declared(kinesis_video: KinesisVideoClient, stream_name: str) -> None:
    arn = kinesis_video.create_stream(
        StreamName=stream_name,
        DeviceName="device",
        MediaType="video/h264,audio/aac",
        KmsKeyId="alias/cameras",
        DataRetentionInHours=48,
        StreamStorageConfiguration={"DefaultStorageTier": "WARM"},
    )["StreamARN"]

    info = kinesis_video.describe_stream(StreamARN=arn)["StreamInfo"]

    creation_number = int(info["CreationTime"].timestamp() * 1000)
    assert arn == f"arn:aws:kinesisvideo:us-east-1:000000000000:stream/{stream_name}/{creation_number}"
    assert info.pop("CreationTime")
    assert info.pop("Version")
    assert info == {
        "StreamName": stream_name,
        "StreamARN": arn,
        "DeviceName": "device",
        "MediaType": "video/h264,audio/aac",
        "KmsKeyId": "alias/cameras",
        "Status": "ACTIVE",
        "DataRetentionInHours": 48,
    }
    assert tier(kinesis_video, stream_name) == "WARM"


def test_a_stream_declared_with_its_name_only_retains_nothing(
    kinesis_video: KinesisVideoClient, stream_name: str
) -> None:
    kinesis_video.create_stream(StreamName=stream_name)

    info = described(kinesis_video, stream_name)

    assert info["DataRetentionInHours"] == 0
    assert info["KmsKeyId"] == "arn:aws:kms:us-east-1:000000000000:alias/aws/kinesisvideo"
    assert "MediaType" not in info
    assert tier(kinesis_video, stream_name) == "HOT"


def test_a_new_stream_refuses_changes_until_it_is_active(configuration: Any) -> None:
    with LocalAws(creating_seconds=3600) as slow:
        kinesis_video = slow.client("kinesisvideo")
        arn = kinesis_video.create_stream(StreamName="camera", DataRetentionInHours=24)["StreamARN"]
        info = described(kinesis_video, "camera")

        assert info["Status"] == "CREATING"
        for change, request in (
            (kinesis_video.update_image_generation_configuration, {"ImageGenerationConfiguration": configuration}),
            (kinesis_video.update_stream, {"CurrentVersion": info["Version"], "MediaType": "video/h264"}),
            (kinesis_video.delete_stream, {}),
        ):
            with pytest.raises(kinesis_video.exceptions.ResourceInUseException):
                change(StreamARN=arn, **request)


def test_a_new_stream_becomes_active_by_itself() -> None:
    stream = Streams("000000000000", "us-east-1").create({"StreamName": "camera"}, creating_seconds=0.1)
    eventually(lambda: stream.status == "ACTIVE")


def test_a_name_can_be_used_once(kinesis_video: KinesisVideoClient, new_stream: NewStream, stream: str) -> None:
    with pytest.raises(kinesis_video.exceptions.ResourceInUseException):
        new_stream(stream)


def test_an_update_changes_the_version_and_checks_the_current_one(
    kinesis_video: KinesisVideoClient, stream: str
) -> None:
    first = described(kinesis_video, stream)["Version"]

    kinesis_video.update_stream(StreamName=stream, CurrentVersion=first, MediaType="video/h265")

    info = described(kinesis_video, stream)
    assert info["MediaType"] == "video/h265"
    assert info["Version"] != first
    with pytest.raises(kinesis_video.exceptions.VersionMismatchException):
        kinesis_video.update_stream(StreamName=stream, CurrentVersion=first, MediaType="video/h264")
    kinesis_video.update_stream_storage_configuration(
        StreamName=stream,
        CurrentVersion=info["Version"],
        StreamStorageConfiguration={"DefaultStorageTier": "WARM"},
    )
    assert tier(kinesis_video, stream) == "WARM"


def test_the_data_retention_grows_and_shrinks_down_to_nothing(kinesis_video: KinesisVideoClient, stream: str) -> None:
    def change(operation: Any, hours: int) -> Any:
        kinesis_video.update_data_retention(
            StreamName=stream,
            CurrentVersion=described(kinesis_video, stream)["Version"],
            Operation=operation,
            DataRetentionChangeInHours=hours,
        )
        return described(kinesis_video, stream)["DataRetentionInHours"]

    assert change("INCREASE_DATA_RETENTION", 6) == 30
    assert change("DECREASE_DATA_RETENTION", 20) == 10
    with pytest.raises(kinesis_video.exceptions.InvalidArgumentException):
        change("DECREASE_DATA_RETENTION", 11)


def test_a_deleted_stream_is_gone_and_its_namesake_is_another_stream(
    kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str
) -> None:
    first = new_stream(stream_name)
    with pytest.raises(kinesis_video.exceptions.VersionMismatchException):
        kinesis_video.delete_stream(StreamARN=first, CurrentVersion="other")

    kinesis_video.delete_stream(StreamARN=first, CurrentVersion=described(kinesis_video, stream_name)["Version"])
    with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException):
        kinesis_video.describe_stream(StreamName=stream_name)
    new_stream(stream_name)

    with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException) as refused:
        kinesis_video.describe_stream(StreamARN=first)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_tags_are_added_listed_and_removed(
    kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str
) -> None:
    arn = new_stream(stream_name, Tags={"site": "Zürich 1", "owner": "a"})

    kinesis_video.tag_stream(StreamARN=arn, Tags={"owner": "b", "team/name": "c"})
    kinesis_video.untag_stream(StreamName=stream_name, TagKeyList=["team/name", "never there"])

    assert kinesis_video.list_tags_for_stream(StreamName=stream_name)["Tags"] == {"site": "Zürich 1", "owner": "b"}


def test_a_stream_has_at_most_50_tags(
    kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str
) -> None:
    new_stream(stream_name, Tags={f"key-{number}": "" for number in range(50)})

    with pytest.raises(kinesis_video.exceptions.TagsPerResourceExceededLimitException):
        kinesis_video.tag_stream(StreamName=stream_name, Tags={"one": "more"})


def test_the_data_endpoint_is_the_local_aws(aws: LocalAws, kinesis_video: KinesisVideoClient, stream: str) -> None:
    endpoint = kinesis_video.get_data_endpoint(StreamName=stream, APIName="PUT_MEDIA")["DataEndpoint"]

    assert endpoint == aws.endpoint_url
    with pytest.raises(kinesis_video.exceptions.ResourceNotFoundException):
        kinesis_video.get_data_endpoint(StreamName="nobody", APIName="PUT_MEDIA")


def test_streams_are_listed_by_prefix_ten_to_a_page(aws: LocalAws) -> None:
    # An account of its own, in which nobody else has streams.
    with contextlib.closing(of_account(aws, "222222222222")) as kinesis_video:
        for number in range(25):
            kinesis_video.create_stream(StreamName=f"site-a-{number:02}")
        kinesis_video.create_stream(StreamName="site-b-00")

        pages = list(
            kinesis_video.get_paginator("list_streams").paginate(
                StreamNameCondition={"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "site-a-"}
            )
        )

        assert [len(page["StreamInfoList"]) for page in pages] == [10, 10, 5]
        names = [info["StreamName"] for page in pages for info in page["StreamInfoList"]]
        assert names == [f"site-a-{number:02}" for number in range(25)]
        assert len(kinesis_video.list_streams(MaxResults=10_000)["StreamInfoList"]) == 26
        with pytest.raises(kinesis_video.exceptions.InvalidArgumentException):
            kinesis_video.list_streams(NextToken="abc")


def test_a_page_holds_at_most_1000_streams() -> None:
    streams = Streams("000000000000", "us-east-1")
    for number in range(1001):
        streams.create({"StreamName": f"camera-{number}"}, creating_seconds=0)
    control_plane = ControlPlane(streams, endpoint_url="", creating_seconds=0, stale_seconds=0)

    page = control_plane.list_streams({"MaxResults": 10_000})

    assert len(page["StreamInfoList"]) == 1000
    assert len(control_plane.list_streams({"NextToken": page["NextToken"]})["StreamInfoList"]) == 1


def of_account(aws: LocalAws, account: str) -> KinesisVideoClient:
    return boto3.client(
        "kinesisvideo",
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )


def test_each_account_and_region_has_its_own_streams(
    aws: LocalAws, kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str
) -> None:
    arn = new_stream(stream_name)
    elsewhere = aws.client("kinesisvideo", "eu-west-1")
    with contextlib.closing(of_account(aws, "111111111111")) as someone_else:
        for client in elsewhere, someone_else:
            for address in {"StreamName": stream_name}, {"StreamARN": arn}:
                with pytest.raises(client.exceptions.ResourceNotFoundException):
                    client.describe_stream(**address)
        assert ":eu-west-1:000000000000:" in elsewhere.create_stream(StreamName=stream_name)["StreamARN"]
        assert ":us-east-1:111111111111:" in someone_else.create_stream(StreamName=stream_name)["StreamARN"]


@pytest.mark.parametrize(
    ("operation", "request_body", "complaint"),
    [
        ("createStream", {}, "must have StreamName"),
        ("createStream", {"StreamName": "front door"}, "StreamName must match"),
        ("createStream", {"StreamName": "a" * 257}, "at most 256 characters"),
        ("createStream", {"StreamName": 7}, "must be a string"),
        ("createStream", {"StreamName": "a", "MediaType": "vidéo/h264"}, "MediaType must match"),
        ("createStream", {"StreamName": "a", "DataRetentionInHours": -1}, "at least 0"),
        ("createStream", {"StreamName": "a", "DataRetentionInHours": "24"}, "must be an integer"),
        ("createStream", {"StreamName": "a", "DataRetentionInHours": True}, "must be an integer"),
        ("createStream", {"StreamName": "a", "Tags": {"k#": "v"}}, "Tags key must match"),
        ("createStream", {"StreamName": "a", "Tags": {}}, "at least 1 entries"),
        (
            "createStream",
            {"StreamName": "a", "StreamStorageConfiguration": {"DefaultStorageTier": "COLD"}},
            "HOT, WARM",
        ),
        ("untagStream", {"StreamName": "a", "TagKeyList": "k"}, "must be a list"),
        ("describeStream", {}, "StreamName or StreamARN"),
        ("describeStream", {"StreamARN": "arn:aws:kinesisvideo:us-east-1:000000000000:stream/a"}, "must match"),
        ("listStreams", {"MaxResults": 10_001}, "at most 10000"),
        ("describeStream", [], "must be a structure"),
        ("createStream", b"{", "The request is not JSON"),
    ],
)
def test_a_request_that_breaks_the_service_model_is_refused(
    aws: LocalAws, operation: str, request_body: Any, complaint: str
) -> None:
    # boto3 would refuse most of these by itself.
    request = urllib.request.Request(
        f"{aws.endpoint_url}/{operation}",
        data=request_body if isinstance(request_body, bytes) else json.dumps(request_body).encode(),
        headers={"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kinesisvideo/aws4_request"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as answer:
        assert (answer.code, answer.headers["x-amzn-errortype"]) == (400, "InvalidArgumentException")
        assert complaint in json.load(answer)["Message"]


def test_every_method_of_the_control_plane_is_an_operation_of_the_model() -> None:
    operations = {xform_name(name) for name in CONTROL_PLANE.operations}
    assert {name for name in vars(ControlPlane) if not name.startswith("_")} <= operations


def test_an_operation_that_is_not_emulated_is_unknown(kinesis_video: KinesisVideoClient) -> None:
    with pytest.raises(ClientError, match="CreateSignalingChannel") as refused:
        kinesis_video.create_signaling_channel(ChannelName="doorbell")

    assert refused.value.response["Error"]["Code"] == "UnknownOperationException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
