"""`kinesis-video diff` on the local AWS: what `cdk drift` leaves out."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from aws_cdk import CfnOutput, CfnParameter, Fn, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from cdk_kinesis_video import FragmentNotification, ImageGeneration, VideoStream
from kinesis_video_configuration.service import KinesisVideo
from kinesis_video_tools.__main__ import main

from ..integ.conftest import ASSETS, Cloud
from .test_monitor import change, delete, end_retention, wipe

STACK = "Cameras"
NAMES = ("declared", "joined", "imported", "notified", "unknown")


def storage(stack: Stack) -> None:
    # A template without resources is none.
    sns.Topic(stack, "Topic")
    CfnOutput(stack, "Prefix", value="of-another-stack", export_name="prefix-of-another-stack")


def cameras(stack: Stack) -> None:
    """Have the stack know its values in every way that it can."""
    bucket = s3.Bucket(stack, "Bucket", removal_policy=RemovalPolicy.DESTROY)
    ImageGeneration(stack, "Declared", stream=VideoStream(stack, "Stream", stream_name="declared"), bucket=bucket)
    parameter = CfnParameter(stack, "Folder", default="a-folder").value_as_string
    prefixes = {
        "joined": f"{parameter}/{stack.region}/{Fn.select(1, Fn.split('-', parameter))}/{Fn.sub('${AWS::StackName}')}/",
        "imported": f"{Fn.import_value('prefix-of-another-stack')}/",
        # The stack's resources don't tell their attributes.
        "unknown": f"{bucket.bucket_domain_name}/",
    }
    for name, prefix in prefixes.items():
        stream = VideoStream.from_stream_name(stack, f"Stream-{name}", name)
        ImageGeneration(stack, f"Images-{name}", stream=stream, bucket=bucket, prefix=prefix)
    stream = VideoStream.from_stream_name(stack, "Stream-notified", "notified")
    FragmentNotification(stack, "Notified", stream=stream, topic=sns.Topic(stack, "Topic"))


@pytest.fixture(scope="module")
def deployed(cloud: Cloud) -> Cloud:
    assert cloud.deploy("Storage", storage) == "CREATE_COMPLETE"
    for name in NAMES[1:]:
        cloud.create_stream(name)
    assert cloud.deploy(STACK, cameras) == "CREATE_COMPLETE"
    return cloud


@pytest.fixture(autouse=True)
def environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cloud.aws.environment.items():
        monkeypatch.setenv(name, value)


def diff(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and what it says of each stream."""
    code = main(["diff", STACK, "--json", *arguments])
    return code, {row["stream"].split("/")[1]: row for row in json.loads(capsys.readouterr().out)}


def test_what_a_template_leaves_to_cloudformation_is_worked_out_or_said(
    deployed: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = diff(capsys)
    assert code == 2
    assert {name: row["state"] for name, row in rows.items()} == {
        **dict.fromkeys(NAMES[:4], "AS_DECLARED"),
        "unknown": "UNKNOWN",
    }
    assert deployed.images("joined")["DestinationConfig"]["Uri"].endswith("/a-folder/us-east-1/folder/Cameras/")
    assert rows["unknown"]["problem"].startswith("the stack doesn't reveal the value of Fn::GetAtt [")


def test_people_get_a_table_and_programs_get_json(deployed: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    change(deployed, "declared")
    wipe(deployed, "joined")
    end_retention(deployed, "imported")
    delete(deployed, "notified")
    assert main(["diff", STACK]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["STREAM", "STATE", "FIELD", "DECLARED", "ACTUAL"]
    words = [line.split() for line in lines]
    assert ["declared", "CHANGED", "Status", "ENABLED", "DISABLED"] in words
    assert ["SamplingInterval", "3000", "1000"] in words
    assert ["joined", "MISSING", "Status", "ENABLED", "-"] in words
    assert ["imported", "NO_RETENTION", "DataRetentionInHours", "at", "least", "1", "0"] in words
    assert ["notified", "STREAM_DELETED", "NotificationConfiguration", "-", "-"] in words
    assert lines[-1] == "0 of 5 configurations are as declared"
    _, rows = diff(capsys)
    assert rows["declared"]["fields"] == [
        {"field": "Status", "declared": "ENABLED", "actual": "DISABLED"},
        {"field": "SamplingInterval", "declared": 3000, "actual": 1000},
    ]


def test_a_narrow_terminal_gets_a_line_for_each_value(
    deployed: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["diff", STACK]) == 2
    said = capsys.readouterr().out
    assert "declared  CHANGED\n  Status\n    declared  ENABLED\n    actual    DISABLED\n  SamplingInterval\n" in said
    assert said.endswith("0 of 5 configurations are as declared\n")


def test_repair_sets_again_what_can_be_set(deployed: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    _, rows = diff(capsys, "--repair")
    repaired = {name: row["repaired"] for name, row in rows.items()}
    assert repaired == {"declared": True, "joined": True, "imported": False, "notified": False, "unknown": False}
    assert deployed.images("declared")["SamplingInterval"] == 3000
    _, rows = diff(capsys)
    assert [rows[name]["state"] for name in ("declared", "joined")] == ["AS_DECLARED", "AS_DECLARED"]


def test_a_deployment_after_one_repair_prevents_the_next(
    deployed: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure = KinesisVideo.configure

    def configure_and_deploy(*arguments: Any, **options: Any) -> None:
        configure(*arguments, **options)
        template = json.loads(deployed.synthesise(STACK, cameras))
        template["Description"] = "another template"
        assert deployed.deploy_template(STACK, json.dumps(template)) == "UPDATE_COMPLETE"

    monkeypatch.setattr(KinesisVideo, "configure", configure_and_deploy)
    for name in ("declared", "joined"):
        change(deployed, name)
    _, rows = diff(capsys, "--repair")
    first, second = sorted((rows["declared"], rows["joined"]), key=lambda row: not row["repaired"])
    assert (first["repaired"], second["repaired"]) == (True, False)
    assert second["problem"] == "not repaired, the stack is being changed or was changed, it is UPDATE_COMPLETE"
    assert deployed.images(second["stream"].split("/")[1])["SamplingInterval"] == 1000


def test_a_stack_without_configurations_and_one_that_is_not_there(
    deployed: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", "Storage"]) == 0
    assert capsys.readouterr().out == "Storage declares nothing for any stream\n"
    assert main(["diff", "Nowhere"]) == 2
    assert "Nowhere" in capsys.readouterr().err


def test_the_exit_code_tells_programs(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    def nested(stack: Stack) -> None:
        stream = VideoStream(stack, "Stream", stream_name="nested", removal_policy=RemovalPolicy.DESTROY)
        bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
        ImageGeneration(stack, "Images", stream=stream, bucket=bucket)

    cloud.aws.client("s3").put_object(
        Bucket=ASSETS, Key="nested.json", Body=cloud.synthesise("Nested", nested).encode()
    )
    url = f"{cloud.aws.endpoint_url}/{ASSETS}/nested.json"
    resource = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
    assert cloud.deploy_template("Nesting", json.dumps({"Resources": {"Nested": resource}})) == "CREATE_COMPLETE"
    assert main(["diff", "Nesting"]) == 0
    wipe(cloud, "nested")
    assert main(["diff", "Nesting"]) == 1
    capsys.readouterr()
    assert main(["diff", "Nesting", "--repair"]) == 0
    said = capsys.readouterr().out
    assert "nested  MISSING, repaired  Status" in said
    assert said.endswith("1 of 1 configurations are as declared, 1 of them repaired\n")


def test_a_stack_that_is_being_changed_is_not_compared(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    # Before its first resource, there is nothing that could differ.
    cloud.cloudformation.create_change_set(
        StackName="Reviewed",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
    )
    assert main(["diff", "Reviewed"]) == 2
    assert capsys.readouterr().err == (
        "kinesis-video diff: Reviewed is REVIEW_IN_PROGRESS\n  → compare when the stack is at rest\n"
    )
