"""Throttling and faults that a test can provoke, and calls that it can count."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from kinesis_video_local import LocalAws
from waiting import eventually

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

NewStream = Callable[..., str]


@pytest.fixture(autouse=True)
def clean(aws: LocalAws) -> Iterator[None]:
    yield
    aws.clear_faults()
    aws.clear_calls()


def call_until_throttled(call: Callable[[], Any]) -> int:
    """Call faster than any quota allows, and return how many calls were admitted first."""
    for admitted in range(5_000):
        try:
            call()
        except ClientError as error:
            if error.response["Error"]["Code"] != "ClientLimitExceededException":
                raise
            return admitted
    pytest.fail("No call was throttled")


def test_a_stream_takes_5_calls_a_second_of_one_operation_and_more_later(
    aws: LocalAws, kinesis_video: KinesisVideoClient, new_stream: NewStream, stream_name: str
) -> None:
    arn = new_stream(stream_name)
    new_stream("another")

    assert call_until_throttled(lambda: kinesis_video.describe_stream(StreamName=stream_name)) >= 5

    # The quota is the stream's, however it is addressed, and the operation's.
    kinesis_video.describe_stream(StreamName="another")
    kinesis_video.describe_image_generation_configuration(StreamName=stream_name)
    refused = [call for call in aws.calls("DescribeStream") if call.error]
    assert [(call.stream, call.error) for call in refused] == [(stream_name, "ClientLimitExceededException")]
    assert call_until_throttled(lambda: kinesis_video.describe_stream(StreamARN=arn)) >= 0

    def is_served() -> bool:
        with contextlib.suppress(kinesis_video.exceptions.ClientLimitExceededException):
            return bool(kinesis_video.describe_stream(StreamName=stream_name))
        return False

    eventually(is_served)


def test_an_account_takes_50_calls_a_second_of_one_operation_in_a_region(
    aws: LocalAws, kinesis_video: KinesisVideoClient
) -> None:
    assert call_until_throttled(aws.client("kinesisvideo", "eu-west-1").list_streams) >= 50

    kinesis_video.list_streams()


def test_quotas_can_be_switched_off() -> None:
    with LocalAws(quotas=False) as aws:
        kinesis_video = aws.client("kinesisvideo")
        kinesis_video.create_stream(StreamName="camera")
        for _ in range(100):
            kinesis_video.describe_stream(StreamName="camera")

        assert {call.status for call in aws.calls("DescribeStream")} == {200}


def test_calls_are_listed_in_order_with_what_came_of_them(
    aws: LocalAws, kinesis_video: KinesisVideoClient, stream_name: str
) -> None:
    arn = kinesis_video.create_stream(StreamName=stream_name)["StreamARN"]
    kinesis_video.describe_stream(StreamARN=arn)
    with pytest.raises(kinesis_video.exceptions.NoDataRetentionException):
        kinesis_video.update_image_generation_configuration(StreamName=stream_name)
    kinesis_video.list_streams()

    assert [(call.operation, call.stream, call.status, call.error) for call in aws.calls()] == [
        ("CreateStream", stream_name, 200, None),
        ("DescribeStream", stream_name, 200, None),
        ("UpdateImageGenerationConfiguration", stream_name, 400, "NoDataRetentionException"),
        ("ListStreams", None, 200, None),
    ]
    aws.clear_calls()
    assert aws.calls() == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("ClientLimitExceededException", 400),
        ("ResourceInUseException", 400),
        ("AccessDeniedException", 401),
        ("ResourceNotFoundException", 404),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
    ],
)
def test_a_fault_fails_as_many_calls_as_asked(
    aws: LocalAws,
    kinesis_video: KinesisVideoClient,
    new_stream: NewStream,
    stream_name: str,
    configuration: Any,
    error: str,
    status: int,
) -> None:
    new_stream(stream_name)
    aws.inject_fault("UpdateImageGenerationConfiguration", error=error, times=2)

    for _ in range(2):
        kinesis_video.describe_image_generation_configuration(StreamName=stream_name)
        with pytest.raises(ClientError) as failed:
            kinesis_video.update_image_generation_configuration(
                StreamName=stream_name, ImageGenerationConfiguration=configuration
            )
        assert failed.value.response["Error"]["Code"] == error
        assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == status

    described = kinesis_video.describe_image_generation_configuration(StreamName=stream_name)
    assert "ImageGenerationConfiguration" not in described
    kinesis_video.update_image_generation_configuration(
        StreamName=stream_name, ImageGenerationConfiguration=configuration
    )


def test_faults_of_one_operation_happen_one_after_the_other_until_they_are_cleared(
    aws: LocalAws, kinesis_video: KinesisVideoClient
) -> None:
    for error, times in ("InternalFailure", 1), ("ServiceUnavailable", 2):
        aws.inject_fault("ListStreams", error=error, times=times)

    for error in "InternalFailure", "ServiceUnavailable":
        with pytest.raises(ClientError, match=error):
            kinesis_video.list_streams()
    aws.clear_faults()
    kinesis_video.list_streams()


def test_a_slow_call_outlasts_an_impatient_client(aws: LocalAws, kinesis_video: KinesisVideoClient) -> None:
    aws.inject_fault("ListStreams", delay_seconds=60)

    config = Config(read_timeout=0.2, retries={"total_max_attempts": 1})
    impatient = aws.session().client("kinesisvideo", endpoint_url=aws.endpoint_url, config=config)
    with contextlib.closing(impatient), pytest.raises(ReadTimeoutError):
        impatient.list_streams()

    kinesis_video.list_streams()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"operation": "MakeCoffee", "error": "InternalFailure"}, "'MakeCoffee' is no Kinesis Video Streams operation"),
        ({"operation": "ListStreams", "error": "TeapotException"}, "'TeapotException' is no error code"),
        ({"operation": "ListStreams"}, "needs an error or a delay"),
        ({"operation": "ListStreams", "error": "InternalFailure", "times": 0}, "at least once"),
    ],
)
def test_a_fault_that_could_never_happen_is_refused(aws: LocalAws, arguments: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        aws.inject_fault(**arguments)
