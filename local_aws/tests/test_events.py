"""The events of calls, stacks and alarms on EventBridge."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks import Stack, Template
from wire import Client

NewStream = Callable[..., str]
Events = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def queue(client: Client, stream_name: str) -> Callable[[dict[str, Any]], Events]:
    """Send the events of a pattern to a queue, and return a function that reads them."""

    def follow(pattern: dict[str, Any]) -> Events:
        url = client("sqs").create_queue(QueueName=stream_name)["QueueUrl"]
        client("events").put_rule(Name=stream_name, EventPattern=json.dumps(pattern))
        arn = f"arn:aws:sqs:us-east-1:000000000000:{stream_name}"
        client("events").put_targets(Rule=stream_name, Targets=[{"Id": "queue", "Arn": arn}])

        def received() -> list[dict[str, Any]]:
            messages = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            return [json.loads(message["Body"]) for message in messages]

        return received

    return follow


def test_a_call_that_changes_something_is_an_event(
    kinesis_video: Any, new_stream: NewStream, queue: Any, stream_name: str
) -> None:
    received = queue({"source": ["aws.kinesisvideo"], "detail": {"requestParameters": {"streamName": [stream_name]}}})
    new_stream(stream_name)
    kinesis_video.describe_stream(StreamName=stream_name)
    kinesis_video.tag_stream(StreamARN=new_stream(f"{stream_name}-other"), Tags={"Site": "north"})
    kinesis_video.update_image_generation_configuration(StreamName=stream_name)

    created, updated = received()

    assert created["detail-type"] == "AWS API Call via CloudTrail"
    assert created["detail"]["eventName"] == "CreateStream"
    assert updated["detail"]["eventName"] == "UpdateImageGenerationConfiguration"
    assert updated["detail"]["userIdentity"]["arn"] == "arn:aws:iam::000000000000:root"


def test_each_status_of_a_stack_is_an_event(client: Client, queue: Any, stream_name: str) -> None:
    received = queue({"source": ["aws.cloudformation"], "detail-type": ["CloudFormation Stack Status Change"]})
    stack = Stack(client, stream_name)

    def template(*names: str) -> Template:
        return {"Resources": {name: {"Type": "AWS::KinesisVideo::Stream"} for name in names}}

    stack.deploy(template("First", "Second"), ClientRequestToken="one")
    stack.deploy(template("First"))
    stack_id = stack.described()["StackId"]
    stack.delete()

    events = received()
    assert [event["detail"]["status-details"]["status"] for event in events] == [
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_COMPLETE",
        "DELETE_IN_PROGRESS",
        "DELETE_COMPLETE",
    ]
    assert {event["detail"]["stack-id"] for event in events} == {stack_id}
    assert [event["resources"] for event in events] == [[stack_id]] * 7
    assert events[0]["detail"]["client-request-token"] == "one"


def test_each_state_of_an_alarm_is_an_event(client: Client, queue: Any, stream_name: str) -> None:
    received = queue({"detail-type": ["CloudWatch Alarm State Change"], "detail": {"alarmName": [stream_name]}})
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=stream_name,
        Namespace="Test",
        MetricName="Test",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=1,
        EvaluationPeriods=1,
        Period=60,
        Statistic="Sum",
        ActionsEnabled=False,
    )
    for state in ("ALARM", "ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName=stream_name, StateValue=state, StateReason=state)

    events = received()

    changes = [(event["detail"]["previousState"]["value"], event["detail"]["state"]["value"]) for event in events]
    assert changes == [("INSUFFICIENT_DATA", "ALARM"), ("ALARM", "OK")]
    arn = cloudwatch.describe_alarms(AlarmNames=[stream_name])["MetricAlarms"][0]["AlarmArn"]
    assert [event["resources"] for event in events] == [[arn], [arn]]
