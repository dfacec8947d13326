"""The deployed function, with the events that CloudFormation sends after failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageGeneration, VideoStream

from ..cloudformation import Answered, CloudFormation
from .conftest import Cloud

EVENTS = Path(__file__).parents[1] / "events"
STACK = "Function"


def anchor(stack: Stack) -> None:
    """Add the function to the stack."""
    stream = VideoStream(stack, "Stream", stream_name="anchor")
    ImageGeneration(stack, "Images", stream=stream, bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "anchor-images"))


@pytest.fixture(scope="module")
def cloudformation() -> Iterator[CloudFormation]:
    with CloudFormation.running() as server:
        yield server


class Function:
    def __init__(self, cloud: Cloud, cloudformation: CloudFormation) -> None:
        self.cloud = cloud
        self.cloudformation = cloudformation
        if not cloud.status(STACK):
            assert cloud.deploy(STACK, anchor) == "CREATE_COMPLETE"
        (self.name,) = cloud.physical_ids(STACK, "AWS::Lambda::Function")
        self.client: Any = cloud.aws.client("lambda")
        stacks: Any = cloud.aws.client("cloudformation")
        self.stack_id: str = stacks.describe_stacks(StackName=STACK)["Stacks"][0]["StackId"]

    def event(self, file: str, stream_arn: str) -> dict[str, Any]:
        """An event from a file, about a stream of the local AWS."""
        text = (EVENTS / f"{file}.json").read_text()
        text = text.replace("arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1690707290324", stream_arn)
        event: dict[str, Any] = json.loads(text)
        return {
            **event,
            "RequestId": str(uuid4()),
            "StackId": self.stack_id,
            "ResponseURL": self.cloudformation.response_url,
        }

    def invoke(self, event: dict[str, Any]) -> None:
        answer = self.client.invoke(FunctionName=self.name, Payload=json.dumps(event).encode())
        assert "FunctionError" not in answer

    def answer_to(self, event: dict[str, Any]) -> Answered:
        with self.cloudformation.one_answer_to(event) as answers:
            self.invoke(event)
        return answers[0]


@pytest.fixture
def function(cloud: Cloud, cloudformation: CloudFormation) -> Function:
    return Function(cloud, cloudformation)


@pytest.mark.parametrize("file", ["create", "update", "delete"])
def test_an_event_delivered_twice(cloud: Cloud, function: Function, file: str) -> None:
    name = f"twice-{file}"
    cloud.create_stream(name)
    event = function.event(file, cloud.stream_arn(name))
    if file == "delete":
        function.answer_to(function.event("create", cloud.stream_arn(name)))
    first = function.answer_to(event)
    configuration = cloud.images(name)
    assert function.answer_to(event) == first
    assert first.status == "SUCCESS"
    assert cloud.images(name) == configuration
    # The stack is at rest, so the Delete is over, and the stream's configuration belongs to somebody else.
    assert configuration is not None


def test_a_request_that_is_sent_again(cloud: Cloud, function: Function) -> None:
    """If a deployment is retried, CloudFormation sends the same RequestId with another ResponseURL."""
    cloud.create_stream("again")
    event = function.event("create", cloud.stream_arn("again"))
    cloud.aws.inject_fault("UpdateImageGenerationConfiguration", error="NoDataRetentionException")
    assert function.answer_to(event).status == "FAILED"
    for number in range(2):
        assert function.answer_to({**event, "ResponseURL": f"{event['ResponseURL']}{number}"}).status == "SUCCESS"
    assert cloud.images("again")["WidthPixels"] == 640


def test_a_delete_of_what_can_not_be_read(cloud: Cloud, function: Function) -> None:
    cloud.create_stream("unread")
    event = function.event("delete", cloud.stream_arn("unread"))
    event["ResourceProperties"]["ImageGenerationConfiguration"]["SamplingInterval"] = "fast"
    assert function.answer_to(event).status == "SUCCESS"


def test_a_forged_event_of_another_stack(cloud: Cloud, function: Function) -> None:
    cloud.create_stream("forged")
    event = function.event("create", cloud.stream_arn("forged"))
    event["StackId"] = event["StackId"].replace(f"stack/{STACK}/", "stack/AnotherStack/")
    answered = len(function.cloudformation.puts)
    answer = function.client.invoke(FunctionName=function.name, Payload=json.dumps(event).encode())
    assert "FunctionError" in answer
    assert cloud.images("forged") is None
    assert len(function.cloudformation.puts) == answered


def test_a_delete_that_arrives_while_the_create_still_runs(cloud: Cloud, function: Function) -> None:
    """CloudFormation cancels a Create if another resource of the stack fails, and generates an id for its Delete."""
    cloud.create_stream("cancelled")
    arn = cloud.stream_arn("cancelled")
    cloud.aws.inject_fault("UpdateImageGenerationConfiguration", error="ClientLimitExceededException", times=1000)
    with ThreadPoolExecutor() as threads:
        create = threads.submit(function.invoke, function.event("create", arn))
        while not cloud.aws.calls("UpdateImageGenerationConfiguration"):
            assert not create.done()
        function.invoke(function.event("delete-after-a-cancelled-create", arn))
        cloud.aws.clear_faults()
        create.result()
    bodies = [json.loads(put.body) for put in function.cloudformation.puts[-2:]]
    assert [(body["Status"], body["PhysicalResourceId"]) for body in bodies] == [
        ("SUCCESS", "Camera-StreamImageGeneration-1X2Y3Z4A5B6C7"),
        ("SUCCESS", arn),
    ]
    assert cloud.images("cancelled")["WidthPixels"] == 640


def test_the_delete_after_a_failed_create_touches_nothing(cloud: Cloud, function: Function) -> None:
    cloud.create_stream("failed")
    arn = cloud.stream_arn("failed")
    function.answer_to(function.event("create", arn))
    configuration = cloud.images("failed")
    assert function.answer_to(function.event("delete-after-a-failed-create", arn)).status == "SUCCESS"
    assert cloud.images("failed") == configuration


def test_an_event_of_another_property_shape(cloud: Cloud, function: Function) -> None:
    """Stacks continue to send the properties with which they were deployed, which can be more or fewer."""
    cloud.create_stream("shape")
    event = function.event("create-with-an-unknown-property", cloud.stream_arn("shape"))
    configuration = event["ResourceProperties"]["ImageGenerationConfiguration"]
    for optional in ("FormatConfig", "WidthPixels", "HeightPixels"):
        del configuration[optional]
    assert function.answer_to(event).status == "SUCCESS"
    assert cloud.images("shape") == {**configuration, "SamplingInterval": 3000}
