"""What the CDK CLI itself deploys: the examples, and a stack whose resource `cdk orphan` has let go."""

from __future__ import annotations

import re
import shlex
from datetime import datetime
from pathlib import Path

import pytest
from aws_cdk import App, CfnResource, Stack

from kinesis_video_images import parse_image_metadata
from kinesis_video_local import Cdk
from kinesis_video_tools.camera import ClockVideo, fragment_tags

from .conftest import Cloud, until
from .deployments import Camera, Deployments, Part, aws_custom_resource, stack_of

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"(?P<stream>\S+) (?P<timestamp>\S+ \S+) (?P<fragment>\d+) (?P<bytes>\d+) bytes")


def test_an_example_is_deployed_by_the_command_of_its_page(
    cloud: Cloud, local_cdk: Cdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "false")
    (command,) = re.findall(r"^npx cdk (.*)$", ROOT.joinpath("examples", "README.md").read_text(), re.MULTILINE)
    name, *arguments = shlex.split(command)
    local_cdk.run(name, *arguments, "--require-approval", "never", "--output", str(tmp_path), directory=ROOT)
    assert cloud.status("FrontDoor") == "CREATE_COMPLETE"
    cloud.delete("FrontDoor")


def test_the_function_of_an_example_gets_each_image(cloud: Cloud, local_cdk: Cdk) -> None:
    local_cdk.deploy(ROOT / "examples" / "lambda_per_image.py", arguments=["--no-validation"])
    stream = cloud.physical_id("Gate", "AWS::KinesisVideo::Stream").rpartition("stream/")[2].partition("/")[0]
    producer = cloud.aws.producer(stream, role_arn=cloud.role_arn("Gate", "Producer"), tags=fragment_tags())
    assert producer.send(ClockVideo("gate", width=160, height=96), fragments=3, speed=20).complete

    images = cloud.aws.images(f"s3://{cloud.physical_id('Gate', 'AWS::S3::Bucket')}/gate/")
    delivered = images.wait(3)
    function = cloud.physical_id("Gate", "AWS::Lambda::Function", "Look")
    until(lambda: len(said(cloud, function)) >= 3)
    assert sorted(
        (m["stream"], datetime.fromisoformat(m["timestamp"]), m["fragment"], int(m["bytes"]))
        for m in said(cloud, function)
    ) == [
        (stream, image.timestamp, parse_image_metadata(images.metadata(image)).fragment_number, image.size)
        for image in delivered
    ]


def said(cloud: Cloud, function: str) -> list[re.Match[str]]:
    """What the function has printed about images."""
    logs, group = cloud.client("logs"), f"/aws/lambda/{function}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    lines = "\n".join(event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]).splitlines()
    return [match for line in lines if (match := LINE.fullmatch(line))]


def test_what_cdk_orphan_lets_go_is_adopted(
    deployments: Deployments, cloud: Cloud, local_cdk: Cdk, tmp_path: Path
) -> None:
    def assembly(name: str, build: Part) -> str:
        app = App(outdir=str(tmp_path / name))
        stack = Stack(app, "Orphan")
        # A stack without resources can't be deployed.
        CfnResource(stack, "Anchor", type="AWS::SSM::Parameter", properties={"Type": "String", "Value": "anchor"})
        build(stack)
        return app.synth().directory

    deployments.existing("orphaned")
    theirs = assembly("theirs", aws_custom_resource("orphaned"))
    local_cdk.deploy(theirs)
    deployments.stacks.append("Orphan")
    local_cdk.run("orphan", "Orphan/Old", "--unstable=orphan", "--yes", "--app", theirs)
    assert cloud.physical_ids("Orphan", "Custom::AWS") == []
    assert deployments.intervals() == {"orphaned": 3}

    local_cdk.deploy(assembly("ours", stack_of(Camera("orphaned", props={"adopt_existing": True}))))
    assert deployments.intervals() == {"orphaned": 3}
