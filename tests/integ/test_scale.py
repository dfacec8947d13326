"""Many streams at once, with the quotas of the service on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageGeneration, VideoStream

from .conftest import Build, Cloud

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
