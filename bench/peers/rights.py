"""The rights that a handler of one's own is given."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_


def allow(function: lambda_.Function, stream_arn: str) -> None:
    """Let the function configure streams."""
    function.add_to_role_policy(
        iam.PolicyStatement(actions=["kinesisvideo:UpdateImageGenerationConfiguration"], resources=[stream_arn])
    )
