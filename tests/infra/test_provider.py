"""The function, role and log group of a stack: one of each for any number of image generations."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video._assets import folder_of
from cdk_kinesis_video._stream_configuration.provider import FUNCTION_TIMEOUT_SECONDS, SERVICE_TIMEOUT_SECONDS
from tests.archives import zipped

from ..configuration.test_timing import FUNCTION_SECONDS
from .conftest import IMAGE_GENERATION, images_in
from .synthesis import files_that_import, only_resource

Template = dict[str, Any]


def synthesise(streams: int) -> tuple[Template, Path]:
    app = App()
    stack = Stack(app, "Cameras")
    bucket = s3.Bucket(stack, "Bucket")
    for number in range(streams):
        images_in(stack, f"Images{number}", bucket=bucket)
    assembly = app.synth()
    return assembly.get_stack_by_name("Cameras").template, Path(assembly.directory)


@pytest.fixture(scope="module")
def one() -> tuple[Template, Path]:
    return synthesise(1)


@pytest.fixture(scope="module")
def twenty() -> tuple[Template, Path]:
    return synthesise(20)


# Deployed stacks have these ids. With another id it would be another function, and CloudFormation refuses a changed
# service token.
SHARED = {
    "CdkKinesisVideoFunction80BD5C8E": "AWS::Lambda::Function",
    "CdkKinesisVideoLogs62749C78": "AWS::Logs::LogGroup",
    "CdkKinesisVideoRole911AE2AE": "AWS::IAM::Role",
}


def test_a_stream_adds_itself_and_one_custom_resource_to_what_all_streams_share(
    one: tuple[Template, Path], twenty: tuple[Template, Path]
) -> None:
    for (template, _), streams in ((one, 1), (twenty, 20)):
        assert Counter(resource["Type"] for resource in template["Resources"].values()) == {
            **dict.fromkeys(SHARED.values(), 1),
            "AWS::S3::Bucket": 1,
            "AWS::KinesisVideo::Stream": streams,
            IMAGE_GENERATION: streams,
        }
        assert {name: template["Resources"][name]["Type"] for name in SHARED} == SHARED
        assert all(template["Resources"][name] == one[0]["Resources"][name] for name in SHARED)


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
    assert function["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "WARN",
        "LogGroup": {"Ref": "CdkKinesisVideoLogs62749C78"},
    }


def test_the_function_has_no_name_of_its_own(one: tuple[Template, Path]) -> None:
    function = only_resource(one[0], "AWS::Lambda::Function")["Properties"]
    assert "FunctionName" not in function
    assert (function["Architectures"], function["Timeout"]) == (["arm64"], 180)


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
