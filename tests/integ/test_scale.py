"""Many streams at once, with the quotas of the service on: in stacks and in a fleet; and the fleet's alarm."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageGeneration, StreamFleet, VideoStream
from kinesis_video_local import LocalAws

from .conftest import Build, Cloud, until
from .fleets import DESCRIBE, MANY, SICK, UPDATE, set_many, updates_per_second
from .test_fleet import lose_events, run_pass

STREAMS = 200
STACKS = ("Scale1", "Scale2", "Scale3")


def many(prefix: str) -> Build:
    def build(stack: Stack) -> None:
        bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
        for number in range(STREAMS):
            stream = VideoStream(
                stack,
                f"Stream{number}",
                stream_name=f"{prefix}-{number}",
                removal_policy=RemovalPolicy.DESTROY,
            )
            ImageGeneration(stack, f"Images{number}", stream=stream, bucket=bucket, prefix=f"{prefix}-{number}")

    return build


@pytest.fixture(scope="module")
def limited() -> Iterator[Cloud]:
    with LocalAws() as aws:
        yield Cloud(aws)


def test_three_stacks_of_200_streams_at_once(limited: Cloud, record_property: Callable[[str, object], None]) -> None:
    template = limited.synthesise(STACKS[0], many(STACKS[0]))
    for name in STACKS:
        limited.start(name, template.replace(STACKS[0], name))
    assert {name: limited.wait(name) for name in STACKS} == dict.fromkeys(STACKS, "CREATE_COMPLETE")
    calls = limited.aws.calls()
    answers = Counter(call.error for call in calls)
    assert answers[None] >= 2 * STREAMS * len(STACKS)
    assert set(answers) <= {None, "ClientLimitExceededException"}
    began, ended = min(call.time for call in calls), max(call.time for call in calls)
    throttled = answers["ClientLimitExceededException"]
    record_property("scale", f"{answers[None]} calls answered and {throttled} throttled in {ended - began:.1f} s")


def test_1200_streams_with_quotas_are_set_without_one_throttled_call(
    limited: Cloud, record_property: Callable[[str, object], None]
) -> None:
    calls = set_many(limited)
    assert Counter((call.operation, call.error) for call in calls) == {
        (DESCRIBE, None): MANY + SICK,
        (UPDATE, None): MANY,
        # Tried once more when all others are set.
        (UPDATE, "ResourceInUseException"): SICK,
    }
    updates = [call for call in calls if call.operation == UPDATE]
    assert {call.stream for call in updates if call.error} == {call.stream for call in updates[-SICK:]}
    metrics = limited.client("cloudwatch").list_metrics(Namespace="CdkKinesisVideo")["Metrics"]
    assert {"StreamsSet", "StreamsFailed", "PassesFailed"} <= {metric["MetricName"] for metric in metrics}
    record_property("fleet", f"{updates_per_second(calls):.1f} updates a second, none throttled")


def test_each_part_of_the_alarm_goes_off(limited: Cloud) -> None:
    def declare_it(stack: Stack) -> None:
        bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
        StreamFleet(stack, "Cameras", name_prefix="rung-", bucket=bucket).alarm("Alarm")

    template = json.loads(limited.synthesise("Rung", declare_it))
    (silence,) = (r for r in template["Resources"].values() if r["Properties"].get("MetricName") == "SignsOfLife")
    assert silence["Properties"]["EvaluationPeriods"] * silence["Properties"]["Period"] == 12 * 3600
    silence["Properties"] |= {"EvaluationPeriods": 1, "Period": 10}
    limited.create_stream("rung-1")
    assert limited.deploy_template("Rung", json.dumps(template)) == "CREATE_COMPLETE"
    lose_events(limited, "Rung")
    cloudwatch = limited.client("cloudwatch")

    def ringing() -> set[str]:
        # Publishing any metric evaluates the alarms.
        cloudwatch.put_metric_data(Namespace="Anything", MetricData=[{"MetricName": "Any", "Value": 1}])
        found = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"], StateValue="ALARM")
        alarms = [*found["MetricAlarms"], *found["CompositeAlarms"]]
        return {
            part
            for alarm in alarms
            for part in ("Failures", "Silence", "Stopped", "NewStreams", "Waiting", "DeadLetters", "Any")
            if part in alarm["AlarmName"].partition("Alarm")[2]
        }

    until(lambda: ringing() == {"Silence", "Any"})
    limited.create_stream("rung-2")
    limited.aws.inject_fault(UPDATE, error="InvalidArgumentException", times=1)
    assert run_pass(limited, "Rung")["status"] == "FAILED"
    until(lambda: "Failures" in ringing())
    assert run_pass(limited, "Rung")["status"] == "SUCCEEDED"
    (machine,) = limited.physical_ids("Rung", "AWS::StepFunctions::StateMachine")
    names = [url.rpartition("/")[2] for url in limited.physical_ids("Rung", "AWS::SQS::Queue")]
    queue, dead_letters = sorted(names, key=lambda name: "Failed" in name)
    # As the services do.
    for part, namespace, name, dimension, value in (
        ("Stopped", "AWS/States", "ExecutionsAborted", {"StateMachineArn": machine}, 1),
        ("NewStreams", "CdkKinesisVideo", "NewStreamsFailed", {"NamePrefix": "rung-"}, 1),
        ("Waiting", "AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue}, 900),
        ("DeadLetters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": dead_letters}, 1),
    ):
        assert part not in ringing()
        dimensions = [{"Name": key, "Value": found} for key, found in dimension.items()]
        metric = {"MetricName": name, "Value": value, "Dimensions": dimensions}
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[metric])
        until(lambda part=part: {part, "Any"} <= ringing())  # type: ignore[misc]
