"""A fleet of many streams, with the quotas of the service on; and its alarm, whose metrics need no IAM here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import StreamFleet

from .conftest import Cloud
from .fleets import DESCRIBE, UPDATE, declare, template_of
from .test_fleet import lose_events, run_pass, until

QUOTA_STREAMS = 1201
"""One of them is excluded."""
SICK = 12


def test_1200_streams_with_quotas_are_set_without_one_throttled_call(
    limited: Cloud, record_property: Callable[[str, object], None]
) -> None:
    synthesised = json.loads(limited.synthesise("Fleet", declare))
    stream: dict[str, Any] = {"Type": "AWS::KinesisVideo::Stream"}
    for part in range(3):
        streams = {
            f"Stream{number}": {**stream, "Properties": {"Name": f"fleet-{number}", "DataRetentionInHours": 24}}
            for number in range(part, QUOTA_STREAMS, 3)
        }
        # CloudFormation's own calls meet no quota here.
        assert limited.deploy_template(f"Streams{part}", json.dumps({"Resources": streams})) == "CREATE_COMPLETE"
    limited.aws.clear_calls()
    limited.aws.inject_fault(UPDATE, error="ResourceInUseException", times=SICK)
    assert limited.deploy_template("Fleet", template_of(synthesised, "fleet-")) == "CREATE_COMPLETE"
    calls = limited.aws.calls()
    assert Counter((call.operation, call.error) for call in calls if call.operation in (DESCRIBE, UPDATE)) == {
        (DESCRIBE, None): QUOTA_STREAMS - 1 + SICK,
        (UPDATE, None): QUOTA_STREAMS - 1,
        # Tried once more when all others are set.
        (UPDATE, "ResourceInUseException"): SICK,
    }
    updates = [call for call in calls if call.operation == UPDATE]
    sick = {call.stream for call in updates if call.error}
    assert sick == {call.stream for call in updates[-SICK:]}
    metrics = limited.aws.client("cloudwatch").list_metrics(Namespace="CdkKinesisVideo")["Metrics"]
    assert {"StreamsSet", "StreamsFailed", "PassesFailed"} <= {metric["MetricName"] for metric in metrics}
    times = [call.time for call in updates[:-SICK]]
    record_property("fleet", f"{(len(times) - 1) / (times[-1] - times[0]):.1f} updates a second, none throttled")


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
    cloudwatch = limited.aws.client("cloudwatch")

    def ringing() -> set[str]:
        # Whatever is published, the alarms are evaluated.
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
