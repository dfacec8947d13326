"""The Lambda functions of this library and their log groups, as resources of templates that are included.

To the CDK each is a CfnFunction or a CfnLogGroup with the path and the logical id of the L2. Python objects for them
would import `aws_cdk.aws_lambda`, with it `aws_ec2`, and `aws_cdk.aws_logs`: 0.25 s of CPU and 34 MB with aws-cdk-lib
2.275. Without them, an app with one camera takes as much CPU as with `AwsCustomResource`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsii
from aws_cdk import Fn, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import cloudformation_include as include
from constructs import Construct

from ._assets import code_of
from ._validation import given

LATEST_RUNTIME = "python3.14"
"""The CDK's latest Python, by its name: `aws_lambda.Runtime` would have to be imported."""

OLDEST_PYTHON_MINOR = 11
LOG_RETENTION_DAYS = 30


@jsii.implements(iam.IGrantable)
class FunctionOfStack(Construct):
    """The base of this library's functions that a stack has once."""

    _function_arn: str
    _role: iam.IRole | iam.Role

    @property
    def function_arn(self) -> str:
        """The ARN of the function."""
        return self._function_arn

    @property
    def function_name(self) -> str:
        """The name of the function, such as for its metrics."""
        return Fn.select(6, Fn.split(":", self._function_arn))

    @property
    def role(self) -> iam.IRole:
        """The role of the function."""
        return self._role

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The principal to grant to: the role."""
        return self._role.grant_principal


def check_runtime(runtime: Any) -> None:
    name = getattr(runtime, "name", None)
    version = re.fullmatch(r"python3\.(\d+)", name) if isinstance(name, str) else None
    fits = runtime is None or (version is not None and int(version[1]) >= OLDEST_PYTHON_MINOR)
    if not fits:
        shown = name if isinstance(name, str) else given(runtime)
        raise ValueError(
            f"`runtime` is {shown}, it must be Python 3.{OLDEST_PYTHON_MINOR} or later such as Runtime.PYTHON_3_14"
        )


def define_log_group(scope: Construct) -> tuple[str, str]:
    """Define the log group of a function, and return its name and its ARN."""
    _, (name, arn) = _include(
        scope,
        "Logs",
        {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
        | {"Properties": {"RetentionInDays": LOG_RETENTION_DAYS}},
        {"Ref": "Resource"},
        {"Fn::GetAtt": ["Resource", "Arn"]},
    )
    return name, arn


def log_statement(log_group_arn: str) -> iam.PolicyStatement:
    """Make the statement that allows a function to write its log."""
    return iam.PolicyStatement(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        # The ARN of a log group ends in `:*`, which stands for its log streams.
        resources=[log_group_arn],
    )


def define_function(
    scope: Construct, packages: Sequence[str], log_group_name: str, properties: Mapping[str, Any], name: str = ""
) -> tuple[include.CfnInclude, str]:
    """Define a function whose code consists of packages of this distribution, and return its ARN, too.

    A name tells it from other functions of the scope.
    """
    code = s3_assets.Asset(scope, f"{name}Code", path=code_of(*packages))
    function = {
        "Architectures": ["arm64"],
        "Runtime": LATEST_RUNTIME,
        "LoggingConfig": {
            "LogGroup": log_group_name,
            "LogFormat": "JSON",
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "WARN",
        },
        "Code": {"S3Bucket": code.s3_bucket_name, "S3Key": code.s3_object_key},
        **properties,
    }
    included, (arn,) = _include(
        scope,
        f"{name}Function",
        {"Type": "AWS::Lambda::Function", "Properties": function},
        {"Fn::GetAtt": ["Resource", "Arn"]},
    )
    return included, arn


def _include(
    scope: Construct, construct_id: str, resource: dict[str, Any], *values: dict[str, Any]
) -> tuple[include.CfnInclude, list[str]]:
    """Define a resource without a Python object, and return the values of these expressions as well."""
    outputs = {f"Value{number}": {"Value": value} for number, value in enumerate(values)}
    with TemporaryDirectory() as directory:
        path = Path(directory, "template.json")
        path.write_text(json.dumps({"Resources": {"Resource": resource}, "Outputs": outputs}))
        included = include.CfnInclude(scope, construct_id, template_file=str(path), preserve_logical_ids=False)
    taken = [included.get_output(name) for name in outputs]
    texts = [Token.as_string(output.value) for output in taken]
    # They only carried the values: the stack should have no such outputs.
    holder = taken[0].node.scope
    assert holder is not None
    node = holder.node
    for name in outputs:
        node.try_remove_child(name)
    return included, texts
