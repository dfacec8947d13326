"""The monitor, deployed with IAM enforced: so its function's permissions are enough for all that happens here."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from cdk_kinesis_video import DriftMonitor, ImageFormat, ImageGeneration, Repair, VideoStream

from ..integ.conftest import PATIENCE_SECONDS, Cloud

ROOT = "arn:aws:iam::000000000000:root"


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


def change(cloud: Cloud, stream: str) -> None:
    configuration: Any = {**cloud.images(stream), "SamplingInterval": 1000, "Status": "DISABLED"}
    cloud.kinesisvideo.update_image_generation_configuration(
        StreamName=stream, ImageGenerationConfiguration=configuration
    )


def wipe(cloud: Cloud, stream: str) -> None:
    cloud.kinesisvideo.update_image_generation_configuration(StreamName=stream)


def end_retention(cloud: Cloud, stream: str) -> None:
    version = cloud.kinesisvideo.describe_stream(StreamName=stream)["StreamInfo"]["Version"]
    cloud.kinesisvideo.update_data_retention(
        StreamName=stream, CurrentVersion=version, Operation="DECREASE_DATA_RETENTION", DataRetentionChangeInHours=24
    )


def delete(cloud: Cloud, stream: str) -> None:
    cloud.kinesisvideo.delete_stream(StreamARN=cloud.stream_arn(stream))


def deployed(cloud: Cloud, name: str, count: int = 4, **options: Any) -> Monitored:
    """Deploy a stack with so many streams, of which it imports all but one."""
    streams = tuple(f"{name.lower()}-{number}" for number in range(count))
    for stream in streams[1:]:
        cloud.create_stream(stream)
    monitored = Monitored(cloud, name, streams, **options)
    monitored.deploy()
    if monitored.on_change:
        # The end of a deployment is an event, too. What looks into it must not see what a test does.
        monitored.wait_for_invocations(len(streams) + 1)
    return monitored


@pytest.fixture(scope="module")
def scheduled(cloud: Cloud) -> Monitored:
    """A stack that only the schedule looks at, in a minute; all its streams have drifted by then."""
    monitored = deployed(cloud, "Scheduled", every=Duration.minutes(1), on_change=False)
    for spoil, stream in zip((change, wipe, end_retention, delete), monitored.streams, strict=True):
        spoil(cloud, stream)
    return monitored


@pytest.fixture(scope="module")
def watched(cloud: Cloud, scheduled: Monitored) -> Monitored:
    """A stack that is told of each change. The other one is deployed before it, since its minute takes a minute."""
    return deployed(cloud, "Watched")


@pytest.fixture(scope="module")
def repairing(cloud: Cloud) -> Monitored:
    return deployed(cloud, "Repairing", 2, repair=Repair.MISSING)


FIELDS = {
    "CHANGED": ["Status", "SamplingInterval"],
    "MISSING": [
        "Status",
        "ImageSelectorType",
        "DestinationConfig.Uri",
        "DestinationConfig.DestinationRegion",
        "SamplingInterval",
        "Format",
        "FormatConfig.JPEGQuality",
    ],
    "NO_RETENTION": ["DataRetentionInHours"],
    "STREAM_DELETED": [],
}


def is_told(report: dict[str, Any], stream: str, state: str, *, repaired: bool = False) -> None:
    """Check the stream's name, its state, the fields that differ, and whether it was repaired."""
    assert (report["stream"].split("/")[1], report["state"], report["repaired"]) == (stream, state, repaired)
    assert [field["field"] for field in report["fields"]] == FIELDS[state]


def test_each_kind_of_drift_is_seen_by_its_event_with_who_did_it(cloud: Cloud, watched: Monitored) -> None:
    # The last one is deleted first: its namesake that is made again is none of the stack's.
    for spoil, stream, state, call in (
        (change, 0, "CHANGED", "UpdateImageGenerationConfiguration"),
        (wipe, 1, "MISSING", "UpdateImageGenerationConfiguration"),
        (end_retention, 2, "NO_RETENTION", "UpdateDataRetention"),
        (delete, 3, "STREAM_DELETED", "DeleteStream"),
    ):
        name = watched.streams[stream]
        spoil(cloud, name)
        (report,) = watched.reports()
        is_told(report, name, state)
        assert (report["principal"], report["call"]) == (ROOT, call)
        assert (report["stack"], report["configuration"]) == ("Watched", "ImageGenerationConfiguration")
        if state == "MISSING":
            # The destination has the stream's name, and what EventBridge could take for a placeholder.
            uri = f"s3://camera-images/{name} <time>/"
            assert {"field": "DestinationConfig.Uri", "declared": uri, "actual": None} in report["fields"]


def test_a_deployment_in_between_raises_nothing(cloud: Cloud) -> None:
    name = "between"
    # Far longer than it takes to begin the deployment.
    monitored = Monitored(cloud, "Between", (name,), second_look_seconds=5)
    monitored.deploy()
    monitored.seconds = 5
    template = monitored.synthesise()
    change(cloud, name)
    # An event's time is known to the second: a deployment within the same one isn't seen to come after it.
    changed = int(time.time())
    while int(time.time()) == changed:
        time.sleep(0.05)
    # The function has looked at the stream or is about to, with what was declared before.
    monitored.deploy_template(template)
    assert cloud.images(name)["SamplingInterval"] == 5000
    # For each deployment CloudFormation's and its end's, and the one for the change.
    monitored.wait_for_invocations(5)
    # The next report is of what comes after, and the only one.
    wipe(cloud, name)
    (report,) = monitored.reports()
    is_told(report, name, "MISSING")
    assert {"field": "SamplingInterval", "declared": 5000, "actual": None} in report["fields"]
    assert monitored.reports_now() == []


def test_what_is_missing_is_set_again_and_what_was_changed_is_reported(cloud: Cloud, repairing: Monitored) -> None:
    wiped, changed = repairing.streams
    before = cloud.images(wiped)
    wipe(cloud, wiped)
    (report,) = repairing.reports()
    is_told(report, wiped, "MISSING", repaired=True)
    assert cloud.images(wiped) == before
    change(cloud, changed)
    (report,) = repairing.reports()
    is_told(report, changed, "CHANGED")
    assert cloud.images(changed)["SamplingInterval"] == 1000
    repairing.repair = Repair.ALWAYS
    repairing.deploy()
    # The end of the deployment is an event, too, that nobody is the author of.
    (report,) = repairing.reports()
    is_told(report, changed, "CHANGED", repaired=True)
    assert (report["principal"], report["call"]) == (None, None)
    assert cloud.images(changed)["SamplingInterval"] == 3000


def test_a_stream_and_a_bucket_of_other_stacks_are_watched(cloud: Cloud) -> None:
    def build(storage: Stack, video: Stack, images: Stack) -> None:
        bucket = s3.Bucket(storage, "Bucket")
        stream = VideoStream(video, "Stream", stream_name="of-another-stack")
        ImageGeneration(images, "Images", stream=stream, bucket=bucket, prefix="<a>/")
        monitor = DriftMonitor(images, "Drift")
        monitor.on_drift("OnDrift", target=targets.SqsQueue(sqs.Queue(images, "Queue")))

    templates = cloud.synthesise_stacks(["Storage", "Video", "ImagesOfOthers"], build)
    for name in ("Storage", "Video"):
        assert cloud.deploy_template(name, templates[name]) == "CREATE_COMPLETE"
    monitored = Monitored(cloud, "ImagesOfOthers", ("of-another-stack",))
    monitored.deploy_template(for_the_local_aws(templates["ImagesOfOthers"], 1))
    # The end of the deployment finds nothing.
    monitored.wait_for_invocations(2)
    assert monitored.reports_now() == []
    change(cloud, "of-another-stack")
    (report,) = monitored.reports()
    is_told(report, "of-another-stack", "CHANGED")


def test_each_kind_of_drift_is_seen_by_the_schedule(scheduled: Monitored) -> None:
    reports = scheduled.reports_of_each_stream()
    states = ("CHANGED", "MISSING", "NO_RETENTION", "STREAM_DELETED")
    for report, name, state in zip(reports, scheduled.streams, states, strict=True):
        is_told(report, name, state)
    assert {report["principal"] for report in reports} == {None}
