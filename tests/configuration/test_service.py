"""The calls of one configuration, with a client of boto3 as the commands make it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ParamValidationError

from kinesis_video_configuration import FRAGMENT_NOTIFICATION, IMAGE_GENERATION, Deadline, timing
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import KinesisVideo, Service, create_client

STREAM_ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1690707290324"
TOPIC = {"Status": "ENABLED", "DestinationConfig": {"Uri": "arn:aws:sns:us-east-1:111122223333:fragments"}}


class Wire:
    """Answers each request with its next reply."""

    def __init__(self) -> None:
        self.replies: list[tuple[int, bytes]] = []
        self.requests: list[tuple[str, Any]] = []

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body: Any = request.body
        read: Any = json.loads if request.url.startswith("https://kinesisvideo") else parse_qs
        self.requests.append((request.url.rpartition("/")[2], read(body)))
        status, reply = self.replies.pop(0)

        class Raw(BytesIO):
            def stream(self, **_: object) -> Iterator[bytes]:
                yield self.read()

        return AWSResponse(request.url, status, HTTPHeaders(), Raw(reply))


@pytest.fixture
def wire() -> Wire:
    return Wire()


def client_of(service: Service, wire: Wire) -> Any:
    made = create_client(boto3.Session("AKIDEXAMPLE", "wJalrXUtnFEMIexample", region_name="us-east-1"), service)
    made.meta.events.register("before-send", wire)
    return made


@pytest.fixture
def client(wire: Wire) -> Any:
    return client_of("kinesisvideo", wire)


@pytest.fixture
def stacks(wire: Wire) -> Any:
    return client_of("cloudformation", wire)


@pytest.fixture
def streams(client: Any, monkeypatch: pytest.MonkeyPatch) -> KinesisVideo:
    monkeypatch.setattr(timing, "sleep", lambda seconds: None)
    return KinesisVideo(client, Retries(Deadline(60)))


def test_a_configuration_is_read_set_and_removed(streams: KinesisVideo, wire: Wire) -> None:
    found = json.dumps({"NotificationConfiguration": TOPIC}).encode()
    wire.replies = [(200, b"{}"), (200, b"{}"), (200, found), (200, found), (200, b"{}")]
    assert streams.configuration(FRAGMENT_NOTIFICATION, STREAM_ARN) is None
    streams.configure(FRAGMENT_NOTIFICATION, STREAM_ARN, TOPIC)
    assert streams.configuration(FRAGMENT_NOTIFICATION, STREAM_ARN) == TOPIC
    assert streams.remove(FRAGMENT_NOTIFICATION, STREAM_ARN, TOPIC) == []
    assert wire.requests == [
        ("describeNotificationConfiguration", {"StreamARN": STREAM_ARN}),
        ("updateNotificationConfiguration", {"StreamARN": STREAM_ARN, "NotificationConfiguration": TOPIC}),
        ("describeNotificationConfiguration", {"StreamARN": STREAM_ARN}),
        ("describeNotificationConfiguration", {"StreamARN": STREAM_ARN}),
        ("updateNotificationConfiguration", {"StreamARN": STREAM_ARN}),
    ]


def test_nothing_but_the_given_configuration_is_removed(streams: KinesisVideo, wire: Wire) -> None:
    wire.replies = [(200, json.dumps({"NotificationConfiguration": {**TOPIC, "Status": "DISABLED"}}).encode())]
    assert streams.remove(FRAGMENT_NOTIFICATION, STREAM_ARN, TOPIC) == ["Status"]
    wire.replies = [(200, b"{}")]
    assert streams.remove(FRAGMENT_NOTIFICATION, STREAM_ARN, TOPIC) is None


def test_a_name_is_looked_up_and_an_arn_is_not(streams: KinesisVideo, wire: Wire) -> None:
    assert streams.stream_arn({"StreamARN": STREAM_ARN}) == STREAM_ARN
    assert not wire.requests
    wire.replies = [(200, json.dumps({"StreamInfo": {"StreamARN": STREAM_ARN}}).encode())]
    assert streams.stream_arn({"StreamName": "front-door"}) == STREAM_ARN
    assert wire.requests == [("describeStream", {"StreamName": "front-door"})]


@pytest.mark.parametrize("body", [b"<html>", b"{", b"not found", b"null", b"[]", b'"{}"', b"0"])
def test_a_broken_body_is_not_taken_for_no_configuration(streams: KinesisVideo, wire: Wire, body: bytes) -> None:
    wire.replies = [(200, body), (200, b"{}")]
    assert streams.configuration(IMAGE_GENERATION, STREAM_ARN) is None
    assert len(wire.requests) == 2
    wire.replies = [(200, body)]
    with pytest.raises(CallError) as raised:
        Retries(Deadline(60)).once(streams._client, IMAGE_GENERATION.describe, StreamARN=STREAM_ARN)
    assert str(raised.value) == (
        "DescribeImageGenerationConfiguration: ResponseParserError: the body of the response is not the service's, its "
        "HTTP status is 200"
    )
    assert raised.value.outcome_unknown


@pytest.mark.parametrize("status", [200, 403, 404, 502])
def test_a_proxys_page_is_no_reply_of_cloudformation(stacks: Any, wire: Wire, status: int) -> None:
    wire.replies = [(status, b"<html><body>Sign in</body></html>")]
    with pytest.raises(CallError) as raised:
        Retries(Deadline(60)).once(stacks, "describe_stacks", StackName="Camera")
    assert str(raised.value) == (
        "DescribeStacks: ResponseParserError: the body of the response is not the service's, its HTTP status is "
        f"{status}"
    )
    assert raised.value.outcome_unknown


def test_an_error_without_a_message_is_told_by_its_code(stacks: Any, wire: Wire) -> None:
    wire.replies = [(400, b"<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>")]
    with pytest.raises(CallError) as raised:
        Retries(Deadline(60)).once(stacks, "describe_stacks", StackName="Camera")
    assert str(raised.value) == "DescribeStacks: ValidationError: "


def test_an_empty_body_says_that_nothing_is_configured(streams: KinesisVideo, wire: Wire) -> None:
    wire.replies = [(200, b"")]
    assert streams.configuration(IMAGE_GENERATION, STREAM_ARN) is None
    assert len(wire.requests) == 1


def test_what_the_service_would_not_take_is_named_without_a_call(streams: KinesisVideo, wire: Wire) -> None:
    streams.validate(FRAGMENT_NOTIFICATION, TOPIC)
    with pytest.raises(ParamValidationError, match='parameter in NotificationConfiguration: "DestinationConfig"'):
        streams.validate(FRAGMENT_NOTIFICATION, {"Status": "ENABLED"})
    assert not wire.requests


def test_with_no_time_left_nothing_is_called(wire: Wire, client: Any) -> None:
    late = KinesisVideo(client, Retries(Deadline(timing.CALL_SECONDS)))
    with pytest.raises(CallError) as raised:
        late.configuration(IMAGE_GENERATION, STREAM_ARN)
    assert str(raised.value) == "DescribeImageGenerationConfiguration: OutOfTime: no time was left to call it"
    assert not raised.value.outcome_unknown
    assert not wire.requests
