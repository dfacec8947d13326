"""The handler as a black box: an event file goes in, HTTP to Kinesis Video Streams and to CloudFormation comes out."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from ..cloudformation import Answered, CloudFormation

EVENTS = Path(__file__).parents[1] / "events"
STREAM_ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1690707290324"
OTHER_STREAM_ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/back-door/1690707290999"

DECLARED = {
    "Status": "ENABLED",
    "ImageSelectorType": "PRODUCER_TIMESTAMP",
    "DestinationConfig": {"Uri": "s3://camera-images/front-door/", "DestinationRegion": "us-east-1"},
    "SamplingInterval": 3000,
    "Format": "JPEG",
    "FormatConfig": {"JPEGQuality": "80"},
    "WidthPixels": 640,
    "HeightPixels": 360,
}

UPDATE = "UpdateImageGenerationConfiguration"
DESCRIBE = "DescribeImageGenerationConfiguration"


@dataclass(frozen=True)
class Feature:
    """One of the two things that are configured on a stream."""

    resource_type: str
    configuration: str
    declared: dict[str, Any]
    """In create.json and delete.json."""
    updated: dict[str, Any]
    """In update.json."""
    altered: dict[str, Any]
    """By somebody else."""
    altered_fields: list[str]
    filled_in: dict[str, Any]
    """What is declared, as the service may have it without anybody's doing."""

    @property
    def update(self) -> str:
        return f"Update{self.configuration}"

    @property
    def describe(self) -> str:
        return f"Describe{self.configuration}"


IMAGES = Feature(
    resource_type="Custom::KinesisVideoImageGeneration",
    configuration="ImageGenerationConfiguration",
    declared=DECLARED,
    updated={**DECLARED, "SamplingInterval": 500},
    altered={**DECLARED, "Format": "PNG", "WidthPixels": 320},
    altered_fields=["Format", "WidthPixels"],
    filled_in={
        **DECLARED,
        "DestinationConfig": {"Uri": "s3://camera-images/front-door", "DestinationRegion": "us-east-1"},
    },
)
TOPIC = "arn:aws:sns:us-east-1:111122223333:fragments"
NOTIFICATIONS = Feature(
    resource_type="Custom::KinesisVideoFragmentNotification",
    configuration="NotificationConfiguration",
    declared={"Status": "ENABLED", "DestinationConfig": {"Uri": TOPIC}},
    updated={"Status": "DISABLED", "DestinationConfig": {"Uri": TOPIC}},
    altered={"Status": "ENABLED", "DestinationConfig": {"Uri": f"{TOPIC}-of-others"}},
    altered_fields=["DestinationConfig.Uri"],
    filled_in={"Status": "ENABLED", "DestinationConfig": {"Uri": TOPIC}, "Version": 1},
)

# The status codes are those of the service's model.
ERRORS = {
    "InvalidArgumentException": 400,
    "ClientLimitExceededException": 400,
    "ResourceInUseException": 400,
    "NoDataRetentionException": 400,
    "AccessDeniedException": 401,
    "NotAuthorizedException": 401,
    "ResourceNotFoundException": 404,
    "TooManyRequestsException": 429,
    "InternalFailure": 500,
    "ServiceUnavailable": 503,
}
FOR_EVER = 10**9


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIexample")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "SESSIONexample")


class FakeClock:
    """Time that passes only when the handler waits for it."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr("kinesis_video_configuration.timing.now", fake.now)
    monkeypatch.setattr("kinesis_video_configuration.timing.sleep", fake.sleep)
    return fake


@dataclass
class Service:
    """Kinesis Video Streams at the other end of the wire: botocore validates, signs, sends and parses as ever."""

    clock: FakeClock
    feature: Feature = IMAGES
    configurations: dict[str, Any] = field(default_factory=lambda: {STREAM_ARN: None, OTHER_STREAM_ARN: None})
    calls: Counter[str] = field(default_factory=Counter)
    message: str = "the service's own words"
    keeps_what_it_has: bool = False
    _faults: dict[str, tuple[str, int]] = field(default_factory=dict)

    def fail(self, operation: str, fault: str, times: int = FOR_EVER) -> None:
        self._faults[operation] = (fault, times)

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return self._answer_to(request)

    def _answer_to(self, request: AWSPreparedRequest) -> AWSResponse:
        path = request.url.rpartition("/")[2]
        operation = path[0].upper() + path[1:]
        parameters = json.loads(cast("bytes", request.body))
        self.calls[operation] += 1
        fault, times = self._faults.get(operation, ("", 0))
        if times:
            self._faults[operation] = (fault, times - 1)
            return self._fault(request, fault)
        return self._answer(request, operation, parameters)

    def _fault(self, request: AWSPreparedRequest, fault: str) -> AWSResponse:
        if fault == "connection reset":
            raise ConnectionClosedError(endpoint_url=request.url)
        if fault == "timeout":
            self.clock.sleep(5)
            raise ReadTimeoutError(endpoint_url=request.url)
        if fault == "broken body":
            return _response(request, 200, b"<html>502 Bad Gateway</html>")
        return self._error(request, fault)

    def _error(self, request: AWSPreparedRequest, code: str) -> AWSResponse:
        body = json.dumps({"Message": self.message}).encode()
        return _response(request, ERRORS[code], body, {"x-amzn-errortype": code})

    def _answer(self, request: AWSPreparedRequest, operation: str, parameters: dict[str, Any]) -> AWSResponse:
        if operation == "DescribeStream":
            answer = {"StreamInfo": {"StreamARN": STREAM_ARN, "StreamName": parameters["StreamName"]}}
            return _response(request, 200, json.dumps(answer).encode())
        arn = parameters["StreamARN"]
        if arn not in self.configurations:
            return self._error(request, "ResourceNotFoundException")
        name = self.feature.configuration
        if operation == self.feature.update:
            if not self.keeps_what_it_has:
                self.configurations[arn] = parameters.get(name)
            return _response(request, 200, b"{}")
        assert operation == self.feature.describe
        found = self.configurations[arn]
        return _response(request, 200, json.dumps({name: found} if found else {}).encode())


def _response(
    request: AWSPreparedRequest, status: int, body: bytes, headers: dict[str, str] | None = None
) -> AWSResponse:
    class Raw(BytesIO):
        def stream(self, **_: object) -> Iterator[bytes]:
            yield self.read()

    return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers or {}), Raw(body))


@pytest.fixture
def feature() -> Feature:
    """What the events are about; a module that is about both has a fixture of its own."""
    return IMAGES


@pytest.fixture
def service(clock: FakeClock, feature: Feature, _environment: None) -> Iterator[Service]:
    from kinesis_video_handler.clients import kinesis_video as client

    fake = Service(clock, feature)
    events: Any = client.meta.events
    events.register("before-send", fake)
    yield fake
    events.unregister("before-send", fake)


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    with CloudFormation.running() as server:
        yield server


class Context:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


@dataclass
class Function:
    """The deployed function."""

    cloudformation: CloudFormation
    feature: Feature = IMAGES

    def event(self, name: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
        # The files are about images.
        event["ResourceType"] = self.feature.resource_type
        for properties in ("ResourceProperties", "OldResourceProperties"):
            if self.feature is not IMAGES and properties in event:
                images = event[properties].pop(IMAGES.configuration)
                updated = images["SamplingInterval"] == str(IMAGES.updated["SamplingInterval"])
                event[properties][self.feature.configuration] = copy.deepcopy(
                    self.feature.updated if updated else self.feature.declared
                )
        return {**event, "ResponseURL": self.cloudformation.response_url}

    def invoke(self, event: Any, seconds: float = 180) -> None:
        from kinesis_video_handler import entry

        entry.handler(self.event(event) if isinstance(event, str) else event, Context(seconds))

    def answer_to(self, event: str | dict[str, Any], seconds: float = 180) -> Answered:
        """Invoke it, and require exactly one answer that CloudFormation takes."""
        if isinstance(event, str):
            event = self.event(event)
        with self.cloudformation.one_answer_to(event) as answers:
            self.invoke(event, seconds)
        return answers[0]


@pytest.fixture
def function(service: Service, cloudformation: CloudFormation, feature: Feature) -> Function:
    return Function(cloudformation, feature)
