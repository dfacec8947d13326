"""What counts as a response, with a client of boto3 as the commands make it. tests/handler shows all calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from kinesis_video_configuration import IMAGE_GENERATION, Deadline, timing
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import KinesisVideo, Service, create_client

from ..handler.conftest import STREAM_ARN, _response

NOT_THE_SERVICES = "ResponseParserError: the body of the response is not the service's, its HTTP status is"
ClientOf = Callable[[Service], Any]


@pytest.fixture
def replies() -> list[tuple[int, bytes]]:
    """The status and the body of each response. A further request fails."""
    return []


@pytest.fixture
def client_of(replies: list[tuple[int, bytes]], monkeypatch: pytest.MonkeyPatch) -> ClientOf:
    monkeypatch.setattr(timing, "sleep", lambda seconds: None)

    def make(service: Service) -> Any:
        client = create_client(boto3.Session("AKIDEXAMPLE", "wJalrXUtnFEMIexample", region_name="us-east-1"), service)
        client.meta.events.register("before-send", lambda request, **_: _response(request, *replies.pop(0)))
        return client

    return make


@pytest.mark.parametrize("body", [b"<html>", b"{", b"not found", b"null", b"[]", b'"{}"', b"0"])
def test_a_broken_body_is_not_taken_for_no_configuration(
    client_of: ClientOf, replies: list[tuple[int, bytes]], body: bytes
) -> None:
    client, retries = client_of("kinesisvideo"), Retries(Deadline(60))
    replies += [(200, body), (200, b"{}")]
    assert KinesisVideo(client, retries).configuration(IMAGE_GENERATION, STREAM_ARN) is None
    assert not replies
    replies.append((200, body))
    with pytest.raises(CallError) as raised:
        retries.once(client, IMAGE_GENERATION.describe, StreamARN=STREAM_ARN)
    assert str(raised.value) == f"DescribeImageGenerationConfiguration: {NOT_THE_SERVICES} 200"
    assert raised.value.outcome_unknown


def test_an_empty_body_says_that_nothing_is_configured(client_of: ClientOf, replies: list[tuple[int, bytes]]) -> None:
    replies.append((200, b""))
    streams = KinesisVideo(client_of("kinesisvideo"), Retries(Deadline(60)))
    assert streams.configuration(IMAGE_GENERATION, STREAM_ARN) is None


@pytest.mark.parametrize("status", [200, 403, 404, 502])
def test_a_proxys_page_is_no_reply_of_cloudformation(
    client_of: ClientOf, replies: list[tuple[int, bytes]], status: int
) -> None:
    replies.append((status, b"<html><body>Sign in</body></html>"))
    with pytest.raises(CallError) as raised:
        Retries(Deadline(60)).once(client_of("cloudformation"), "describe_stacks", StackName="Camera")
    assert str(raised.value) == f"DescribeStacks: {NOT_THE_SERVICES} {status}"
    assert raised.value.outcome_unknown


def test_an_error_without_a_message_is_told_by_its_code(client_of: ClientOf, replies: list[tuple[int, bytes]]) -> None:
    replies.append((400, b"<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>"))
    with pytest.raises(CallError) as raised:
        Retries(Deadline(60)).once(client_of("cloudformation"), "describe_stacks", StackName="Camera")
    assert str(raised.value) == "DescribeStacks: ValidationError: "


def test_with_no_time_left_nothing_is_called(client_of: ClientOf) -> None:
    late = KinesisVideo(client_of("kinesisvideo"), Retries(Deadline(timing.CALL_SECONDS)))
    with pytest.raises(CallError) as raised:
        late.configuration(IMAGE_GENERATION, STREAM_ARN)
    assert str(raised.value) == "DescribeImageGenerationConfiguration: OutOfTime: no time was left to call it"
    assert not raised.value.outcome_unknown
