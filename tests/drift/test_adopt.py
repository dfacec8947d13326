"""`kinesis-video adopt` on the local AWS: its app changes nothing, and its stack leaves everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kinesis_video_tools.__main__ import main
from tests.archives import zipped

from ..integ.conftest import Cloud
from ..tools.test_adoption import images, topic

UPDATE = "UpdateImageGenerationConfiguration"
STACK = "AdoptedStreams"


def configuration(number: int) -> dict[str, Any]:
    uri = f"s3://camera-images/cam-{number}/" if number < 3 else "s3://other-images"
    return images(
        DestinationConfig={"Uri": uri, "DestinationRegion": "us-east-1"},
        SamplingInterval=1000 if number == 3 else 3000,
        FormatConfig={"JPEGQuality": "80"} if number == 2 else None,
    )


def everything(cloud: Cloud, names: list[str]) -> dict[str, Any]:
    notification = cloud.kinesisvideo.describe_notification_configuration
    return {
        name: (cloud.images(name), notification(StreamName=name).get("NotificationConfiguration")) for name in names
    }


def deploy(cloud: Cloud, code: str) -> str:
    """Deploy the app as it is, with what `cdk bootstrap` and `cdk deploy` do before CloudFormation is asked."""
    names: dict[str, Any] = {}
    exec(compile(code, "images_stack.py", "exec"), names)
    directory = Path(names["app"].synth().directory)
    bucket = "cdk-hnb659fds-assets-000000000000-us-east-1"
    s3 = cloud.aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    for asset in directory.glob("asset.*"):
        s3.put_object(Bucket=bucket, Key=f"{asset.name.removeprefix('asset.')}.zip", Body=zipped(asset))
    parameter = {"Name": "/cdk-bootstrap/hnb659fds/version", "Value": "30", "Type": "String"}
    cloud.aws.client("ssm").put_parameter(**parameter)
    return cloud.deploy_template(STACK, (directory / f"{STACK}.template.json").read_text())


def test_the_first_deployment_changes_nothing_and_deleting_the_stack_leaves_everything(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"cam-{number}" for number in range(4)]
    for number, name in enumerate([*names, "lobby"]):
        cloud.create_stream(name)
        given: Any = configuration(number)
        cloud.kinesisvideo.update_image_generation_configuration(StreamName=name, ImageGenerationConfiguration=given)
    fragments: Any = topic()
    cloud.kinesisvideo.update_notification_configuration(StreamName="cam-0", NotificationConfiguration=fragments)
    cloud.create_stream("cam-without-images")
    before = everything(cloud, [*names, "lobby"])
    for name, value in cloud.aws.environment.items():
        monkeypatch.setenv(name, value)
    assert main(["adopt", "--prefix", "cam-"]) == 0
    code = capsys.readouterr().out
    assert "lobby" not in code
    assert "cam-without-images" not in code
    # Each stream is set, to what it has.
    cloud.aws.clear_calls()
    assert deploy(cloud, code) == "CREATE_COMPLETE"
    assert {call.stream for call in cloud.aws.calls(UPDATE)} == set(names)
    assert everything(cloud, [*names, "lobby"]) == before
    assert main(["diff", STACK]) == 0
    assert capsys.readouterr().out == "5 of 5 configurations are as declared\n"
    assert cloud.delete(STACK) == "DELETE_COMPLETE"
    assert everything(cloud, [*names, "lobby"]) == before


def test_nothing_to_adopt_is_said(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in cloud.aws.environment.items():
        monkeypatch.setenv(name, value)
    assert main(["adopt", "--prefix", "nobody-"]) == 1
    assert capsys.readouterr().err == "no stream has a configuration, so there is nothing to adopt\n"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODYKNOWSTHIS1")
    assert main(["adopt"]) == 2
    assert capsys.readouterr().err.startswith("ListStreams: ")
