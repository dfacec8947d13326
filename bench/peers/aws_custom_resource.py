"""AWS CDK's `AwsCustomResource`: SDK calls in the template, no function of one's own.

Written after the README of aws-cdk-lib/custom-resources, "Custom Resources for AWS APIs". Lambda's runtime has the
client, so nothing is installed at run time.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3
from aws_cdk import custom_resources as cr

from . import Declared

_SERVICE, _ACTION = "kinesis-video", "UpdateImageGenerationConfiguration"


def cameras(stack: Stack, count: int, declared: Declared) -> None:
    bucket = s3.Bucket(stack, "Bucket")
    for number in range(count):
        stream = kinesisvideo.CfnStream(stack, f"Camera{number}", data_retention_in_hours=24)
        cr.AwsCustomResource(
            stack,
            f"{declared.images_id}{number}",
            # Also called at creation, as there is no `on_create`.
            on_update=cr.AwsSdkCall(
                service=_SERVICE,
                action=_ACTION,
                parameters={
                    "StreamARN": stream.attr_arn,
                    "ImageGenerationConfiguration": declared.configuration(bucket, number),
                },
                physical_resource_id=cr.PhysicalResourceId.of(stream.attr_arn),
            ),
            on_delete=cr.AwsSdkCall(service=_SERVICE, action=_ACTION, parameters={"StreamARN": stream.attr_arn}),
            policy=cr.AwsCustomResourcePolicy.from_sdk_calls(
                resources=[stream.attr_arn] if declared.own_arns else cr.AwsCustomResourcePolicy.ANY_RESOURCE
            ),
            install_latest_aws_sdk=False,
        )
