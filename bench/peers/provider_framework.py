"""AWS CDK's provider framework with a small boto3 handler.

Written after the README of aws-cdk-lib/custom-resources, "Provider Framework".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import CustomResource, Duration, Stack
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import custom_resources as cr

from . import allow

if TYPE_CHECKING:
    from . import Declared

_CODE = Path(__file__).parent / "functions" / "provider_framework"


def cameras(stack: Stack, count: int, declared: Declared) -> None:
    """Declare the streams and their images."""
    bucket = s3.Bucket(stack, "Bucket")
    on_event = lambda_.Function(
        stack,
        "OnEvent",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(_CODE), exclude=["__pycache__"]),
        memory_size=256,
        timeout=Duration.minutes(1),
    )
    provider = cr.Provider(stack, "Provider", on_event_handler=on_event)
    if not declared.own_arns:
        allow(on_event, "*")
    for number in range(count):
        stream = kinesisvideo.CfnStream(stack, f"Camera{number}", data_retention_in_hours=24)
        if declared.own_arns:
            allow(on_event, stream.attr_arn)
        CustomResource(
            stack,
            f"{declared.images_id}{number}",
            service_token=provider.service_token,
            properties={
                "StreamARN": stream.attr_arn,
                "ImageGenerationConfiguration": declared.configuration(bucket, number),
            },
        )
