"""The streams of a tool that runs a function of the user's own: the tools differ in its code and in who invokes it."""

from __future__ import annotations

from collections.abc import Callable

from aws_cdk import CustomResource, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from . import Declared


def function_of(stack: Stack, function_id: str, code: lambda_.Code) -> lambda_.Function:
    python, timeout = lambda_.Runtime.PYTHON_3_14, Duration.minutes(1)
    return lambda_.Function(
        stack, function_id, runtime=python, handler="index.handler", code=code, memory_size=256, timeout=timeout
    )


def cameras(
    stack: Stack, count: int, declared: Declared, function: lambda_.Function, service_token: Callable[[], str]
) -> None:
    bucket = s3.Bucket(stack, "Bucket")
    if not declared.own_arns:
        _allow(function, "*")
    for number in range(count):
        stream = kinesisvideo.CfnStream(stack, f"Camera{number}", data_retention_in_hours=24)
        if declared.own_arns:
            _allow(function, stream.attr_arn)
        configuration = declared.configuration(bucket, number)
        CustomResource(
            stack,
            f"{declared.images_id}{number}",
            service_token=service_token(),
            properties={"StreamARN": stream.attr_arn, "ImageGenerationConfiguration": configuration},
        )


def _allow(function: lambda_.Function, stream_arn: str) -> None:
    function.add_to_role_policy(
        iam.PolicyStatement(actions=["kinesisvideo:UpdateImageGenerationConfiguration"], resources=[stream_arn])
    )
