"""What docs/performance.md promises and counting can show; what takes a clock is for `make bench`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import jsii
import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageFormat, ImageGeneration, VideoStream

# CloudFormation's quotas of a template.
MAX_RESOURCES = 500
MAX_TEMPLATE_BYTES = 1_000_000

# The provider framework and crhelper take 6 for the same configuration, AwsCustomResource takes 10.
MAX_ROUND_TRIPS = 13
# And what lets a producer deliver.
MAX_ROUND_TRIPS_WITH_PRODUCER = 28


def declare(stack: Stack, numbers: range, bucket: s3.IBucket, producer: iam.IRole | None = None) -> None:
    for number in numbers:
        images = ImageGeneration(
            stack,
            f"Images{number}",
            stream=VideoStream(stack, f"Camera{number}"),
            bucket=bucket,
            prefix=f"camera-{number}/",
            sampling_interval=Duration.seconds(1),
            format=ImageFormat.jpeg(quality=80),
            width_pixels=640,
        )
        if producer:
            images.grant_put_media(producer)


def template_with(streams: int) -> dict[str, Any]:
    app = App()
    stack = Stack(app, "Cameras")
    declare(stack, range(streams), s3.Bucket(stack, "Bucket"))
    template: dict[str, Any] = app.synth().get_stack_by_name("Cameras").template
    return template


@pytest.fixture(scope="module")
def many() -> dict[str, Any]:
    return template_with(240)


def test_240_streams_fit_into_one_stack(many: dict[str, Any]) -> None:
    assert len(many["Resources"]) <= MAX_RESOURCES
    assert len(json.dumps(many, indent=1)) < MAX_TEMPLATE_BYTES / 2


def test_a_stream_costs_two_resources_and_itself_is_one_of_them(many: dict[str, Any]) -> None:
    assert len(many["Resources"]) - len(template_with(1)["Resources"]) == 2 * 239


def test_the_policies_are_the_same_for_240_streams_as_for_one(many: dict[str, Any]) -> None:
    def policies(template: dict[str, Any]) -> dict[str, Any]:
        return {name: r for name, r in template["Resources"].items() if r["Type"].startswith("AWS::IAM::")}

    assert policies(many) == policies(template_with(1))


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The requests to the Node.js process that CDK runs in, of which each takes longer than all of our own code."""
    provider: Any = jsii._runtime.kernel.provider
    process = provider._process
    requests: list[object] = []
    send = process.send

    def counting(request: object, *arguments: Any) -> Any:
        requests.append(request)
        return send(request, *arguments)

    monkeypatch.setattr(process, "send", counting)
    return requests


@pytest.mark.parametrize(
    ("with_producer", "most"),
    [(False, MAX_ROUND_TRIPS), (True, MAX_ROUND_TRIPS_WITH_PRODUCER)],
    ids=["alone", "granted"],
)
def test_a_further_stream_takes_few_round_trips_to_cdk(
    round_trips: list[object], with_producer: bool, most: int
) -> None:
    stack = Stack(App(), "Cameras")
    bucket = s3.Bucket(stack, "Bucket")
    producer = iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal()) if with_producer else None
    declare(stack, range(1), bucket, producer)
    round_trips.clear()
    declare(stack, range(1, 11), bucket, producer)
    assert len(round_trips) <= 10 * most


def test_the_function_looks_through_no_folders_of_other_services() -> None:
    # botocore looks through those of all its services for each client, which takes as long as all code of the handler.
    code = """
import sys
from pathlib import Path
import botocore
data = str(Path(botocore.__file__).with_name("data"))
folders = []
sys.addaudithook(lambda event, given: folders.append(str(given[0])) if event == "os.listdir" else None)
import kinesis_video_handler.entry
print(*sorted({folder.removeprefix(data) for folder in folders if folder.startswith(data)}))
"""
    environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1"}
    child = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert child.stdout.split() == ["/kinesisvideo"]
