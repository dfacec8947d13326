"""The one Lambda function of a stack that stands behind all of this library's custom resources in it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import CfnOutput, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import cloudformation_include as include
from constructs import Construct

from .._assets import folder_of
from .kinds import KINDS
from .warnings import Warnings

PROVIDER_ID = "CdkKinesisVideo"
"""The id of the provider in its stack. Another id would be another function, and CloudFormation refuses to change the
service token of a custom resource."""

HANDLER_PACKAGE = "kinesis_video_handler"
PACKAGES = ("kinesis_video_configuration", HANDLER_PACKAGE)
"""What the function's code is."""

# What the function does with its time is in kinesis_video_configuration/timing.py. Lambda repeats an invocation that
# raised after 1 minute and again after 2. CloudFormation waits for all of that, and a little for Lambda's queue:
# 3 x 180 s + 60 s + 120 s + 180 s = 900 s.
FUNCTION_TIMEOUT_SECONDS = 180
SERVICE_TIMEOUT_SECONDS = 900

LOG_RETENTION_DAYS = 30

# All of them in every stack, whatever it declares: rights that went away with the last notification of a stack would
# be gone before CloudFormation has the function delete that notification.
ACTIONS = sorted(
    (
        # Resolves the name of an imported stream to its ARN.
        "kinesisvideo:DescribeStream",
        *(action for kind in KINDS for action in kind.actions),
    )
)


class Provider(Construct):
    """The function, its role and its log group. Use `provider_of`: a stack has one of them."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack, PROVIDER_ID)
        self.warnings = Warnings(self)
        log_group, log_group_arn = self._include(
            "Logs",
            {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
            | {"Properties": {"RetentionInDays": LOG_RETENTION_DAYS}},
            {"Ref": "Resource"},
            {"Fn::GetAtt": ["Resource", "Arn"]},
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            # Inline, so that the rights exist before the function and until the last custom resource is deleted.
            inline_policies={"KinesisVideo": iam.PolicyDocument(statements=_statements(stack, log_group_arn))},
        )
        code = self._code()
        function = {
            "Description": "Configures Kinesis video streams for the custom resources of this stack",
            "Runtime": "python3.14",
            "Architectures": ["arm64"],
            "MemorySize": 256,
            "Timeout": FUNCTION_TIMEOUT_SECONDS,
            "Role": role.role_arn,
            "LoggingConfig": {
                "LogGroup": log_group,
                "LogFormat": "JSON",
                "ApplicationLogLevel": "INFO",
                "SystemLogLevel": "WARN",
            },
            "Handler": f"{HANDLER_PACKAGE}.entry.handler",
            "Code": {"S3Bucket": code.s3_bucket_name, "S3Key": code.s3_object_key},
        }
        (self.service_token,) = self._include(
            "Function",
            {"Type": "AWS::Lambda::Function", "Properties": function},
            {"Fn::GetAtt": ["Resource", "Arn"]},
            depends_on=role,
        )
        """The ARN of the function that CloudFormation invokes."""

    def _code(self) -> s3_assets.Asset:
        # In a wheel the packages lie among all others, in an editable install in a folder of their own: whatever else
        # lies there stays out of the asset.
        (root,) = {folder_of(package).parent for package in PACKAGES}
        wanted = [pattern for package in PACKAGES for pattern in (f"!{package}", f"!{package}/*.py")]
        return s3_assets.Asset(self, "Code", path=str(root), exclude=["*", *wanted])

    def _include(
        self, construct_id: str, resource: dict[str, Any], *values: dict[str, Any], depends_on: Construct | None = None
    ) -> list[str]:
        """Define a resource without an object for it, and return the values of these expressions.

        To CDK it is a CfnFunction and a CfnLogGroup with the path and the logical id of the L2. To have objects of them
        here would import `aws_cdk.aws_lambda` and with it `aws_ec2`, 1.6 s and 220 MB, and `aws_cdk.aws_logs`, 0.15 s.
        """
        outputs = {f"Value{number}": {"Value": value} for number, value in enumerate(values)}
        with TemporaryDirectory() as directory:
            path = Path(directory, "template.json")
            path.write_text(json.dumps({"Resources": {"Resource": resource}, "Outputs": outputs}))
            included = include.CfnInclude(self, construct_id, template_file=str(path), preserve_logical_ids=False)
        if depends_on is not None:
            included.node.add_dependency(depends_on)
        return [_taken(included.get_output(name)) for name in outputs]


@cache
def provider_of(stack: Stack) -> Provider:
    """Define the provider of the stack, once; finding it again would be two round trips for each further stream."""
    return Provider(stack)


def _taken(output: CfnOutput) -> str:
    """Take the value of an output, and the output out of the stack."""
    value = Token.as_string(output.value)
    scope = output.node.scope
    assert scope is not None
    scope.node.try_remove_child(output.node.id)
    return value


def _statements(stack: Stack, log_group_arn: str) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            actions=ACTIONS,
            # All streams of this account and Region. A list of this stack's streams would lose a stream before
            # CloudFormation deletes its custom resource, and outgrow a role's 10,240 bytes at about fifty of them.
            resources=[stack.format_arn(service="kinesisvideo", resource="stream", resource_name="*")],
        ),
        iam.PolicyStatement(
            # Who has a stream: read only, and of its own stack.
            actions=["cloudformation:DescribeStacks", "cloudformation:ListStackResources"],
            resources=[stack.stack_id],
        ),
        iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            # The ARN of a log group ends in `:*`, which stands for its log streams.
            resources=[log_group_arn],
        ),
    ]
