"""The handler as a black box: it gets events, and calls Kinesis Video Streams and CloudFormation by HTTP."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs
from uuid import uuid4
from xml.sax.saxutils import escape

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from urllib3 import HTTPResponse

from ..cloudformation import Answered, CloudFormation

EVENTS = Path(__file__).parents[1] / "events"
STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/Camera/5d1a9f20-8f4e-11ee-b9d1-0242ac120002"
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
    """One of the two kinds of configuration of a stream."""

    resource_type: str
    configuration: str
    declared: dict[str, Any]
    """What create.json and delete.json declare."""
    updated: dict[str, Any]
    """What update.json declares."""
    altered: dict[str, Any]
    """What somebody else has set."""
    altered_fields: list[str]

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
)
TOPIC = "arn:aws:sns:us-east-1:111122223333:fragments"
NOTIFICATIONS = Feature(
    resource_type="Custom::KinesisVideoFragmentNotification",
    configuration="NotificationConfiguration",
    declared={"Status": "ENABLED", "DestinationConfig": {"Uri": TOPIC}},
    updated={"Status": "DISABLED", "DestinationConfig": {"Uri": TOPIC}},
    altered={"Status": "ENABLED", "DestinationConfig": {"Uri": f"{TOPIC}-of-others"}},
    altered_fields=["DestinationConfig.Uri"],
)
FEATURES = {"images": IMAGES, "notifications": NOTIFICATIONS}

# The status codes of the service's model.
ERRORS = {
    "InvalidArgumentException": 400,
    "ClientLimitExceededException": 400,
    "ResourceInUseException": 400,
    "NoDataRetentionException": 400,
    "NotAuthorized": 400,
    "Throttling": 400,
    "ValidationError": 400,
    "AccessDeniedException": 401,
    "AccessDenied": 403,
    "ResourceNotFoundException": 404,
    "TooManyRequestsException": 429,
    "InternalFailure": 500,
    "ServiceUnavailable": 503,
}
FOR_EVER = 10**9


ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIexample",
    "AWS_SESSION_TOKEN": "SESSIONexample",
    # Answers may be sent to this machine, as on a local AWS.
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


class FakeClock:
    """A clock that only moves when the handler waits. The wall clock starts at a date."""

    started_at = 1_700_000_000.0

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def since_1970(self) -> float:
        return self.started_at + self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("now", "sleep", "since_1970"):
            monkeypatch.setattr(f"kinesis_video_configuration.timing.{name}", getattr(self, name))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    fake.install(monkeypatch)
    return fake


@dataclass
class Endpoint:
    """An AWS service behind botocore, which validates, signs, sends and parses as usual."""

    clock: FakeClock
    calls: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    message: str = "the service's own words"
    on_call: Callable[[str], None] = lambda _operation: None
    """Is called with the operation of each call."""
    _faults: dict[str, Iterator[str]] = field(default_factory=dict)

    def fail(self, operation: str, *faults: str, times: int = FOR_EVER) -> None:
        """Let the next calls of the operation fail, all or in turn. After `done, ` a call is carried out, too."""
        self._faults[operation] = iter(faults) if len(faults) != 1 else repeat(faults[0], times)

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        operation, parameters = self._read(request)
        self.calls[operation] += 1
        self.requests.append((operation, parameters))
        self.on_call(operation)
        if fault := next(self._faults.get(operation, iter(())), ""):
            if fault.startswith("done, "):
                self._answer(request, operation, parameters)
            return self._fault(request, fault.removeprefix("done, "))
        return self._answer(request, operation, parameters)

    def _fault(self, request: AWSPreparedRequest, fault: str) -> AWSResponse:
        if fault == "connection reset":
            raise ConnectionClosedError(endpoint_url=request.url)
        if fault == "no connection":
            raise EndpointConnectionError(endpoint_url=request.url)
        if fault == "timeout":
            self.clock.sleep(5)
            raise ReadTimeoutError(endpoint_url=request.url)
        if fault == "broken body":
            return _response(request, 200, b"<html>502 Bad Gateway</html")
        return self._error(request, fault)

    def _read(self, request: AWSPreparedRequest) -> tuple[str, dict[str, Any]]:
        raise AssertionError

    def _answer(self, request: AWSPreparedRequest, operation: str, parameters: dict[str, Any]) -> AWSResponse:
        raise AssertionError

    def _error(self, request: AWSPreparedRequest, code: str) -> AWSResponse:
        raise AssertionError


@dataclass
class Service(Endpoint):
    """Kinesis Video Streams."""

    feature: Feature = IMAGES
    configurations: dict[str, Any] = field(default_factory=lambda: {STREAM_ARN: None, OTHER_STREAM_ARN: None})
    keeps_what_it_has: bool = False
    normalise: Callable[[dict[str, Any]], dict[str, Any]] = dict
    """Makes what the service stores from what it is given."""
    stale_seconds: float = 0
    """The age of Describe's answers."""
    _past: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def remember(self) -> None:
        """Record the present configurations for a stale Describe."""
        self._past.append((self.clock.time, dict(self.configurations)))

    def change_unseen(self, configuration: dict[str, Any] | None) -> None:
        """Change the stream's configuration. Describe shows the one before it for 8 s."""
        self.stale_seconds = 8
        self.remember()
        self.configurations[STREAM_ARN] = configuration
        self.remember()

    def _read(self, request: AWSPreparedRequest) -> tuple[str, dict[str, Any]]:
        path = request.url.rpartition("/")[2]
        return path[0].upper() + path[1:], json.loads(cast("bytes", request.body))

    def _error(self, request: AWSPreparedRequest, code: str) -> AWSResponse:
        body = json.dumps({"Message": self.message}).encode()
        return _response(request, ERRORS[code], body, {"x-amzn-errortype": code})

    def _answer(self, request: AWSPreparedRequest, operation: str, parameters: dict[str, Any]) -> AWSResponse:
        if operation == "DescribeStream":
            info = {"Status": "ACTIVE", "DataRetentionInHours": 24, **parameters}
            if "StreamARN" not in info:
                found = (a for a in [*self.configurations, STREAM_ARN] if f":stream/{info['StreamName']}/" in a)
                info["StreamARN"] = next(found)
            return _response(request, 200, json.dumps({"StreamInfo": info}).encode())
        arn = parameters["StreamARN"]
        if arn not in self.configurations:
            return self._error(request, "ResourceNotFoundException")
        name = self.feature.configuration
        if operation == self.feature.update:
            if not self.keeps_what_it_has:
                given = parameters.get(name)
                self.configurations[arn] = self.normalise(given) if given else None
            self.remember()
            return _response(request, 200, b"{}")
        assert operation == self.feature.describe
        found = self.configurations[arn]
        if self.stale_seconds:
            known = [past for time, past in self._past if time <= self.clock.time - self.stale_seconds]
            found = (known or [past for _, past in self._past[:1]])[-1][arn]
        return _response(request, 200, json.dumps({name: found} if found else {}).encode())


@dataclass
class Stack(Endpoint):
    """CloudFormation, with the event's stack."""

    feature: Feature = IMAGES
    status: str = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    """CloudFormation sends a Delete in this phase of an update."""
    resources: list[dict[str, str]] = field(default_factory=list)
    page_size: int = 100
    updated: str = "2023-11-14T22:13:20Z"

    def has(
        self,
        logical_id: str,
        stream_arn: str,
        status: str = "CREATE_COMPLETE",
        *,
        resource_type: str = "",
    ) -> None:
        """Add a resource. Give an empty ARN for one that is being created."""
        self.resources.append(
            {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": stream_arn,
                "ResourceType": resource_type or self.feature.resource_type,
                "ResourceStatus": status,
                "LastUpdatedTimestamp": "2023-11-14T22:13:20Z",
            }
        )

    def _read(self, request: AWSPreparedRequest) -> tuple[str, dict[str, Any]]:
        body = cast("bytes | str", request.body)
        asked = {name: values[0] for name, values in parse_qs(body if isinstance(body, str) else body.decode()).items()}
        assert asked["StackName"].startswith(STACK_ID)
        return asked["Action"], asked

    def _error(self, request: AWSPreparedRequest, code: str) -> AWSResponse:
        return _response(
            request, ERRORS[code], _xml("ErrorResponse", {"Error": {"Code": code, "Message": self.message}})
        )

    def _answer(self, request: AWSPreparedRequest, operation: str, parameters: dict[str, Any]) -> AWSResponse:
        if operation == "DescribeStacks":
            stack = {
                "StackName": "Camera",
                "StackId": STACK_ID,
                "CreationTime": "2023-11-14T22:13:20Z",
                "LastUpdatedTime": self.updated,
                "StackStatus": self.status,
            }
            result: dict[str, Any] = {"Stacks": {"member": stack}}
        else:
            assert operation == "ListStackResources"
            start = int(parameters.get("NextToken", "0"))
            end = start + self.page_size
            members = [{"member": resource} for resource in self.resources[start:end]]
            result = {"StackResourceSummaries": members}
            if end < len(self.resources):
                result["NextToken"] = str(end)
        return _response(request, 200, _xml(f"{operation}Response", {f"{operation}Result": result}))


def _xml(name: str, value: Any) -> bytes:
    def render(name: str, value: Any) -> str:
        if isinstance(value, list):
            inner = "".join(render(key, item) for entry in value for key, item in entry.items())
        elif isinstance(value, dict):
            inner = "".join(render(key, item) for key, item in value.items() if item != "")
        else:
            inner = escape(str(value))
        return f"<{name}>{inner}</{name}>"

    return render(name, value).encode()


def _response(
    request: AWSPreparedRequest, status: int, body: bytes, headers: dict[str, str] | None = None
) -> AWSResponse:
    raw = HTTPResponse(BytesIO(body), preload_content=False)
    return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers or {}), raw)


@pytest.fixture
def feature(request: pytest.FixtureRequest) -> Feature:
    """The kind of configuration in the events. Modules that test both kinds have the mark `both_kinds`."""
    found: Feature = getattr(request, "param", IMAGES)
    return found


both_kinds = pytest.mark.parametrize("feature", FEATURES.values(), ids=list(FEATURES), indirect=True)


@contextmanager
def at_the_wire(client: Any, endpoint: Endpoint) -> Iterator[None]:
    """Let the endpoint answer the client's requests."""
    client.meta.events.register("before-send", endpoint)
    yield
    client.meta.events.unregister("before-send", endpoint)


@pytest.fixture
def service(clock: FakeClock, feature: Feature, _environment: None) -> Iterator[Service]:
    from kinesis_video_handler.clients import kinesis_video

    fake = Service(clock, feature=feature)
    with at_the_wire(kinesis_video, fake):
        yield fake


@pytest.fixture
def stack(clock: FakeClock, feature: Feature, _environment: None) -> Iterator[Stack]:
    from kinesis_video_handler.clients import cloudformation

    fake = Stack(clock, feature=feature)
    with at_the_wire(cloudformation(), fake):
        yield fake


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    with CloudFormation.running() as server:
        yield server


class Context:
    invoked_function_arn = (
        "arn:aws:lambda:us-east-1:111122223333:function:Camera-CdkKinesisVideoFunction80BD5C8E-q1w2e3"
    )

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


@dataclass
class Function:
    """The deployed function, and what it calls."""

    service: Service
    stack: Stack
    cloudformation: CloudFormation

    @property
    def feature(self) -> Feature:
        return self.service.feature

    @property
    def clock(self) -> FakeClock:
        return self.service.clock

    @property
    def streams(self) -> dict[str, Any]:
        """The configuration of each stream."""
        return self.service.configurations

    @streams.setter
    def streams(self, configurations: dict[str, Any]) -> None:
        self.service.configurations = configurations

    def event(self, name: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
        event["RequestId"] = str(uuid4())
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
def function(service: Service, stack: Stack, cloudformation: CloudFormation) -> Function:
    return Function(service, stack, cloudformation)
