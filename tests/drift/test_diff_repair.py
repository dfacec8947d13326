"""`kinesis-video diff --repair` while somebody begins to deploy the stack."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from kinesis_video_configuration.service import create_client
from kinesis_video_tools.__main__ import main
from kinesis_video_tools.commands import diff

from ..handler.conftest import (
    DECLARED,
    IMAGES,
    OTHER_STREAM_ARN,
    STACK_ID,
    STREAM_ARN,
    UPDATE,
    FakeClock,
    Service,
    Stack,
    _environment,
    _response,
    _xml,
    clock,
)

__all__ = ["_environment", "clock"]

ALTERED = {**DECLARED, "SamplingInterval": 500}


@dataclass
class Templated(Stack):
    """A stack that tells its template, too."""

    def _answer(self, request: AWSPreparedRequest, operation: str, parameters: dict[str, Any]) -> AWSResponse:
        if operation != "GetTemplate":
            return super()._answer(request, operation, parameters)
        declared = {"Properties": {IMAGES.configuration: DECLARED}}
        resources = {resource["LogicalResourceId"]: declared for resource in self.resources}
        result = {"TemplateBody": json.dumps({"Resources": resources})}
        return _response(request, 200, _xml("GetTemplateResponse", {"GetTemplateResult": result}))


def test_a_deployment_that_begins_after_one_repair_prevents_the_next(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, service = Templated(clock, status="UPDATE_COMPLETE"), Service(clock)
    stack.has("FrontDoor", STREAM_ARN)
    stack.has("BackDoor", OTHER_STREAM_ARN)
    service.configurations.update({STREAM_ARN: ALTERED, OTHER_STREAM_ARN: ALTERED})

    def deploy(operation: str) -> None:
        if operation == UPDATE:
            stack.status = "UPDATE_IN_PROGRESS"

    service.on_call = deploy

    def wired(session: boto3.Session, name: Any = "kinesisvideo") -> Any:
        client = create_client(session, name)
        client.meta.events.register("before-send", stack if name == "cloudformation" else service)
        return client

    monkeypatch.setattr(diff, "create_client", wired)
    assert main(["diff", STACK_ID, "--repair", "--json"]) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert (first["repaired"], second["repaired"]) == (True, False)
    assert second["problem"] == "not repaired, the stack is being changed or was changed, it is UPDATE_IN_PROGRESS"
    assert service.configurations == {STREAM_ARN: DECLARED, OTHER_STREAM_ARN: ALTERED}
