"""The environment of a fleet's functions, and CloudFormation's events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloudformation import CloudFormation

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    # Answers may be sent to this machine, as on a local AWS.
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "WORK_BUCKET": "work",
    "NAME_PREFIX": "cam-",
    "CALLS_PER_SECOND": "2",
    "STACK_ID": "stack",
    "STATE_MACHINE": "arn:aws:states:us-east-1:111122223333:stateMachine:passes",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    with CloudFormation.running() as running:
        yield running


def event_of(cloudformation: CloudFormation, request_type: str, **more: Any) -> dict[str, Any]:
    """Make an event for the custom resource of a fleet."""
    return {
        "RequestType": request_type,
        "RequestId": "request-1",
        "ResponseURL": cloudformation.response_url,
        "StackId": "stack",
        "LogicalResourceId": "Fleet",
        "ResourceType": "Custom::KinesisVideoStreamFleet",
        "ResourceProperties": {"NamePrefix": "cam-"},
        **more,
    }
