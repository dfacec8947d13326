"""A stack with a monitor on the local AWS, with IAM enforced, and what the monitor reports."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from cdk_kinesis_video import DriftMonitor, ImageFormat, ImageGeneration, Repair, VideoStream
from kinesis_video_local import LocalAws

from ..integ.conftest import PATIENCE_SECONDS, Cloud


def for_the_local_aws(template: str, second_look_seconds: int) -> str:
    """Let the second look come soon, which is a setting of the function's input.

    And let go of a condition on a key that ministack doesn't know; the synth test has the condition.
    """
    first, condition = r"\"Declarations\":", r'"StringEquals": (\{\s*"events:source")'
    assert first in template
    assert re.search(condition, template)
    template = re.sub(condition, r'"StringEqualsIfExists": \1', template)
    return template.replace(first, rf"\"SecondLookSeconds\":{second_look_seconds},{first}")


@dataclass
class Monitored:
    """A stack whose streams are watched."""

    cloud: Cloud
    name: str
    streams: tuple[str, ...] = ("front-door", "back-door")
    repair: Repair = Repair.NONE
    every: Duration = field(default_factory=lambda: Duration.hours(1))
    on_change: bool = True
    seconds: int = 3
    """The sampling interval."""
    second_look_seconds: int = 1

    def deploy(self) -> None:
        self.deploy_template(self.synthesise())

    def synthesise(self) -> str:
        return for_the_local_aws(self.cloud.synthesise(self.name, self._build), self.second_look_seconds)

    def deploy_template(self, template: str) -> None:
        # Not by `Cloud.deploy`, which requires that no stream of any stack has lost its images.
        self.cloud.start(self.name, template)
        assert self.cloud.wait(self.name) in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        (self._queue_url,) = self.cloud.physical_ids(self.name, "AWS::SQS::Queue")

    def _build(self, stack: Stack) -> None:
        monitor = DriftMonitor(stack, "Drift", every=self.every, on_change=self.on_change, repair=self.repair)
        # The queue's policy would be AWS's to check.
        monitor.on_drift("OnDrift", target=targets.SqsQueue(sqs.Queue(stack, "Queue")))
        bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
        for number, name in enumerate(self.streams):
            # One that the stack has, one that it imports.
            stream = (
                VideoStream.from_stream_name(stack, f"Stream{number}", name)
                if number
                else VideoStream(stack, f"Stream{number}", stream_name=name, removal_policy=RemovalPolicy.DESTROY)
            )
            ImageGeneration(
                stack,
                f"Images{number}",
                stream=stream,
                bucket=bucket,
                prefix=f"{name} <time>/",
                format=ImageFormat.jpeg(quality=70),
                sampling_interval=Duration.seconds(self.seconds),
            )

    def reports(self) -> list[dict[str, Any]]:
        """Wait for the next reports."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := self.reports_now(wait=1)):
            assert time.monotonic() < end
        return found

    def reports_of_each_stream(self) -> list[dict[str, Any]]:
        """Wait until each stream was reported, and return the last report of each: a schedule repeats itself."""
        found: dict[str, dict[str, Any]] = {}
        while len(found) < len(self.streams):
            found |= {report["stream"]: report for report in self.reports()}
        return [found[stream] for stream in sorted(found)]

    def reports_now(self, wait: int = 0) -> list[dict[str, Any]]:
        client = self.cloud.aws.client("sqs")
        answer = client.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        messages = answer.get("Messages", [])
        for message in messages:
            client.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["detail"] for message in messages]

    def wait_for_invocations(self, count: int) -> None:
        """Wait until the function has been invoked so often: by CloudFormation for each stream, and by EventBridge."""
        (group,) = self.cloud.physical_ids(self.name, "AWS::Logs::LogGroup")
        logs = self.cloud.aws.client("logs")
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            lines = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
            if sum(line.startswith("REPORT ") for line in lines) >= count:
                return
            assert time.monotonic() < end, lines
            time.sleep(0.1)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(quotas=False, enforce_iam=True, creating_seconds=0) as aws:
        yield aws


@pytest.fixture(scope="module")
def cloud(aws: LocalAws) -> Cloud:
    return Cloud(aws)
