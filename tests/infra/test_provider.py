"""The function, role and log group of a stack: one of each for any number of image generations."""

from __future__ import annotations

import ast
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageGeneration, VideoStream
from cdk_kinesis_video._assets import folder_of
from cdk_kinesis_video._stream_configuration.provider import FUNCTION_TIMEOUT_SECONDS, SERVICE_TIMEOUT_SECONDS
from tests.archives import zipped

from ..configuration.test_timing import FUNCTION_SECONDS
from .conftest import IMAGE_GENERATION, files_that_import, only_resource, resources_of

Template = dict[str, Any]


def synthesise(streams: int) -> tuple[Template, Path]:
    app = App()
    stack = Stack(app, "Cameras")
    bucket = s3.Bucket(stack, "Bucket")
    for number in range(streams):
        ImageGeneration(stack, f"Images{number}", stream=VideoStream(stack, f"Stream{number}"), bucket=bucket)
    assembly = app.synth()
    return assembly.get_stack_by_name("Cameras").template, Path(assembly.directory)


@pytest.fixture(scope="module")
def one() -> tuple[Template, Path]:
    return synthesise(1)


@pytest.fixture(scope="module")
def twenty() -> tuple[Template, Path]:
    return synthesise(20)


def types_in(template: Template) -> Counter[str]:
    return Counter(resource["Type"] for resource in template["Resources"].values())


def test_a_stack_with_one_stream_has_three_shared_resources(one: tuple[Template, Path]) -> None:
    assert types_in(one[0]) == {
        "AWS::S3::Bucket": 1,
        "AWS::KinesisVideo::Stream": 1,
        IMAGE_GENERATION: 1,
        "AWS::Lambda::Function": 1,
        "AWS::IAM::Role": 1,
        "AWS::Logs::LogGroup": 1,
    }


def test_a_further_stream_adds_itself_and_one_custom_resource(
    one: tuple[Template, Path], twenty: tuple[Template, Path]
) -> None:
    assert types_in(twenty[0]) - types_in(one[0]) == {"AWS::KinesisVideo::Stream": 19, IMAGE_GENERATION: 19}


@pytest.mark.parametrize("resource_type", ["AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Logs::LogGroup"])
def test_what_is_shared_stays_the_same_for_any_number_of_streams(
    one: tuple[Template, Path], twenty: tuple[Template, Path], resource_type: str
) -> None:
    # The ids, too: with another id it would be another function, and CloudFormation refuses a changed service token.
    before, after = (json.dumps(resources_of(t, resource_type)) for t, _ in (one, twenty))
    assert before == after


def test_the_ids_of_what_is_shared_are_frozen(one: tuple[Template, Path]) -> None:
    shared = {"AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Logs::LogGroup"}
    assert {name for name, r in one[0]["Resources"].items() if r["Type"] in shared} == {
        "CdkKinesisVideoFunction80BD5C8E",
        "CdkKinesisVideoLogs62749C78",
        "CdkKinesisVideoRole911AE2AE",
    }


def test_the_function_may_configure_streams_and_write_its_log_whatever_the_stack_declares(
    one: tuple[Template, Path],
) -> None:
    (policy,) = only_resource(one[0], "AWS::IAM::Role")["Properties"]["Policies"]
    streams, own_stack, logs = policy["PolicyDocument"]["Statement"]
    assert streams["Action"] == [
        "kinesisvideo:DescribeImageGenerationConfiguration",
        "kinesisvideo:DescribeNotificationConfiguration",
        "kinesisvideo:DescribeStream",
        "kinesisvideo:UpdateImageGenerationConfiguration",
        "kinesisvideo:UpdateNotificationConfiguration",
    ]
    assert "".join(part if isinstance(part, str) else part["Ref"] for part in streams["Resource"]["Fn::Join"][1]) == (
        "arn:AWS::Partition:kinesisvideo:AWS::Region:AWS::AccountId:stream/*"
    )
    # To ask which resource of its own stack holds a stream.
    assert own_stack["Action"] == ["cloudformation:DescribeStacks", "cloudformation:ListStackResources"]
    assert own_stack["Resource"] == {"Ref": "AWS::StackId"}
    assert logs["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert logs["Resource"] == {"Fn::GetAtt": ["CdkKinesisVideoLogs62749C78", "Arn"]}
    assert "ManagedPolicyArns" not in only_resource(one[0], "AWS::IAM::Role")["Properties"]


def test_the_log_is_structured_kept_for_a_month_and_removed_with_the_stack(one: tuple[Template, Path]) -> None:
    log_group = only_resource(one[0], "AWS::Logs::LogGroup")
    assert log_group["Properties"] == {"RetentionInDays": 30}
    assert log_group["DeletionPolicy"] == "Delete"
    function = only_resource(one[0], "AWS::Lambda::Function")["Properties"]
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": "CdkKinesisVideoLogs62749C78"}


def test_the_function_has_no_name_of_its_own(one: tuple[Template, Path]) -> None:
    function = only_resource(one[0], "AWS::Lambda::Function")["Properties"]
    assert "FunctionName" not in function
    assert function["Architectures"] == ["arm64"]
    assert function["Timeout"] == 180


def test_its_code_is_what_it_imports_and_under_30_kb(one: tuple[Template, Path]) -> None:
    (asset,) = (path for path in one[1].glob("asset.*") if path.is_dir())
    assert set(files_that_import(asset)) == {path for path in asset.rglob("*") if path.is_file()}
    assert len(zipped(asset)) < 30_000


def test_what_is_deployed_is_the_code_line_by_line_without_its_docstrings(one: tuple[Template, Path]) -> None:
    def statements(path: Path) -> list[tuple[int, str]]:
        found = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.stmt))
        simple = (node for node in found if not hasattr(node, "body"))
        return [(n.lineno, ast.dump(n)) for n in simple if not isinstance(getattr(n, "value", None), ast.Constant)]

    (asset,) = (path for path in one[1].glob("asset.*") if path.is_dir())
    for deployed in files_that_import(asset):
        written = folder_of(deployed.parent.name) / deployed.name
        assert statements(deployed) == statements(written)
        assert '"""' not in deployed.read_text()


def test_the_times_follow_from_each_other() -> None:
    # What fits into the function's timeout is in tests/configuration/test_timing.py.
    assert FUNCTION_TIMEOUT_SECONDS == FUNCTION_SECONDS
    # CloudFormation waits for Lambda's two retries, after one minute and after two more.
    assert 3 * FUNCTION_SECONDS + 60 + 120 < SERVICE_TIMEOUT_SECONDS < Duration.hours(1).to_seconds()
