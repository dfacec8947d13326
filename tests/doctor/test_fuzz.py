"""Whatever a service answers: no traceback, no pass where no image arrives, and an end in time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import ClientError
from botocore.model import Shape, StructureShape

from kinesis_video_doctor import CHECK_NAMES, Diagnosis, calls, entry
from kinesis_video_doctor.entry import handler

from .breakages import http_answer, images_lost
from .site import Site

# All that a run on a stream without images calls.
OPERATIONS = {
    "sts": ["GetCallerIdentity"],
    "kinesis-video": ["DescribeStream", "DescribeImageGenerationConfiguration", "GetDataEndpoint"],
    "kinesis-video-archived-media": ["ListFragments", "GetMediaForFragmentList"],
    "s3": ["HeadBucket", "GetBucketPolicy", "GetBucketEncryption", "ListObjectsV2", "ListObjectVersions"],
    "kms": ["DescribeKey", "GetKeyPolicy"],
    "iam": ["GetRole", "SimulatePrincipalPolicy"],
    "cloudtrail": ["LookupEvents"],
    "cloudwatch": ["GetMetricData"],
}
EACH = [(service, operation) for service, operations in OPERATIONS.items() for operation in operations]
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>This is a captive portal.</p></body></html>"
BODIES = (b"", HTML, b"{}")


@pytest.fixture(scope="module")
def lost(site: Site) -> Iterator[str]:
    """A stream without images, though its video asks for them."""
    with images_lost(site, "fuzzed"):
        yield "fuzzed"


def examine(site: Site, stream: str) -> Diagnosis:
    # So that its producer is among the newest 500 that asked.
    site.ask_for_endpoint(stream)
    return site.examine(stream)


def check(diagnosis: Diagnosis) -> None:
    assert [finding.check for finding in diagnosis.findings] == list(CHECK_NAMES)
    assert not diagnosis.images_arrive
    assert diagnosis.exit_code() in (1, 2)
    assert diagnosis["images"].status != "passed"
    assert "the check itself failed" not in json.dumps(diagnosis.as_json())


@pytest.mark.parametrize(("service", "operation"), EACH)
def test_any_body_with_status_200(site: Site, lost: str, service: str, operation: str) -> None:
    for body in BODIES:

        def answer(body: bytes = body, **_: object) -> AWSResponse:
            return http_answer(200, body, {"content-type": "text/html"})

        with site.doctor.handled(f"before-send.{service}.{operation}", answer):
            check(examine(site, lost))


def bare(shape: Shape | None, value: Any) -> Any:
    """Leave out what the service's model calls optional, below the first level."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {name: bare(shape.members[name], value[name]) for name in shape.required_members if name in value}
    if isinstance(value, list) and shape is not None:
        return [bare(shape.member, item) for item in value]  # type: ignore[attr-defined]  # of a list
    return value


@pytest.mark.parametrize(("service", "operation"), EACH)
def test_an_answer_without_its_optional_fields(site: Site, lost: str, service: str, operation: str) -> None:
    def changed(parsed: dict[str, Any], model: Any, http_response: AWSResponse, **_: object) -> None:
        if http_response.status_code == 200 and model.output_shape:
            members = model.output_shape.members
            parsed.update({name: bare(members[name], parsed[name]) for name in members.keys() & parsed.keys()})

    with site.doctor.handled(f"after-call.{service}.{operation}", changed):
        check(examine(site, lost))


STREAM_FIELDS = ["StreamName", "StreamARN", "KmsKeyId", "Version", "Status", "CreationTime", "DataRetentionInHours"]


@pytest.mark.parametrize("field", STREAM_FIELDS)
def test_a_stream_without_one_field(site: Site, lost: str, field: str) -> None:
    def changed(parsed: dict[str, Any], **_: object) -> None:
        parsed.get("StreamInfo", {}).pop(field, None)

    with site.doctor.handled("after-call.kinesis-video.DescribeStream", changed):
        check(examine(site, lost))
        arrive = site.examine()
    # Where images arrive, no other thing's field hides it.
    assert arrive.images_arrive


@pytest.mark.parametrize(
    "operation", ["kinesis-video.DescribeStream", "kinesis-video-archived-media.ListFragments", "s3.ListObjectsV2"]
)
def test_a_call_that_is_throttled_is_made_again(site: Site, operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "REPEAT_SECONDS", 5)
    throttled = [http_answer(400, b"{}", {"x-amzn-errortype": "ClientLimitExceededException"})]
    if operation.startswith("s3."):
        throttled = [http_answer(503, b"<Error><Code>SlowDown</Code><Message>later</Message></Error>", {})]
    with site.doctor.handled(f"before-send.{operation}", lambda **_: throttled.pop() if throttled else None):
        assert site.examine().images_arrive
    assert not throttled


@pytest.mark.parametrize("service", OPERATIONS)
def test_a_service_that_hangs_is_asked_once_and_the_run_ends(
    site: Site, lost: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CALL_SECONDS", 0.3)
    released = threading.Event()
    hung: list[str] = []

    def hang(request: AWSRequest, event_name: str, **_: object) -> None:
        hung.append(event_name)
        released.wait(60)

    with site.doctor.handled(f"before-send.{service}", hang):
        diagnosis = examine(site, lost)
    released.set()
    check(diagnosis)
    assert len(hung) == 1


def test_a_run_ends_though_all_services_hang(site: Site, lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "RUN_SECONDS", 1)
    released = threading.Event()

    def hang(request: AWSRequest, **_: object) -> None:
        released.wait(60)

    with site.doctor.handled("before-send", hang):
        diagnosis = examine(site, lost)
    released.set()
    check(diagnosis)
    assert {finding.status for finding in diagnosis.findings} == {"unknown"}
    assert "not known whether images arrive" in diagnosis.sentence


@pytest.mark.parametrize("error", [RuntimeError("of a check\n\x1b[2J"), KeyError("Status"), MemoryError()])
def test_a_mail_comes_whatever_goes_wrong(site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    published: list[dict[str, Any]] = []
    response: Any = {"Error": {"Code": "ThrottledException"}, "ResponseMetadata": {"HTTPStatusCode": 429}}
    throttled = [ClientError(response, "Publish")]

    class Sns:
        meta = boto3.client("sns", region_name="us-east-1").meta

        def publish(self, **message: Any) -> dict[str, Any]:
            if throttled:
                raise throttled.pop()
            published.append(message)
            return {}

    monkeypatch.setattr(entry, "examine", fail)
    monkeypatch.setattr(entry, "create_client", lambda *_: Sns())
    stream = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/front-door/1"
    handler({"Alarm": "missing\x1b[2J", "StreamARN": stream, "TopicArn": "topic"}, None)
    (message,) = published
    assert message["Subject"] == "not decided: front-door"
    assert type(error).__name__ in message["Message"]
    assert "\x1b" not in message["Message"]
