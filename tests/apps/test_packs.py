"""What cdk-nag's packs say of the library's own resources: of the function as it is, and of one set up for them."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R4Checks, NIST80053R5Checks

from cdk_kinesis_video import ConfigurationFunction, ImageGeneration, VideoStream

from ..infra.conftest import ENVIRONMENT

STREAMS = "IAM5[Resource::arn:<AWS::Partition>:kinesisvideo:eu-west-1:111122223333:stream/*]"
INTERFACES = "IAM5[Resource::*]"
ENCRYPTED, INLINE, INSIDE = "CloudWatchLogGroupEncrypted", "IAMNoInlinePolicy", "LambdaInsideVPC"
CONCURRENCY, DEAD_LETTERS = "LambdaConcurrency", "LambdaDLQ"

PACKS = {
    "AwsSolutions": AwsSolutionsChecks,
    "HIPAA.Security": HIPAASecurityChecks,
    "NIST.800.53.R4": NIST80053R4Checks,
    "NIST.800.53.R5": NIST80053R5Checks,
}
AS_IT_IS = {
    "AwsSolutions": {STREAMS},
    "HIPAA.Security": {ENCRYPTED, INLINE, CONCURRENCY, DEAD_LETTERS, INSIDE},
    "NIST.800.53.R4": {ENCRYPTED, INLINE, INSIDE},
    "NIST.800.53.R5": {ENCRYPTED, INLINE, CONCURRENCY, DEAD_LETTERS, INSIDE},
}
# In a VPC, with an encrypted log group, reserved concurrency and a role of the user's.
SET_UP: dict[str, set[str]] = {
    "AwsSolutions": {STREAMS, INTERFACES},
    "HIPAA.Security": {DEAD_LETTERS, INLINE},
    "NIST.800.53.R4": {INLINE},
    "NIST.800.53.R5": {DEAD_LETTERS, INLINE},
}


def set_up_function(stack: Stack) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["eu-west-1a"],
        private_subnet_ids=["subnet-0123456789abcdef0"],
    )
    key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    key = kms.Key.from_key_arn(stack, "Key", key_arn)
    ConfigurationFunction(
        stack,
        vpc=vpc,
        role=iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")),
        log_group=logs.LogGroup(stack, "Logs", retention=logs.RetentionDays.ONE_YEAR, encryption_key=key),
        reserved_concurrent_executions=10,
    )


def findings(pack: str, *, set_up: bool) -> set[str]:
    app = App()
    stack = Stack(app, "Cameras", env=ENVIRONMENT)
    if set_up:
        set_up_function(stack)
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    ImageGeneration(stack, "Images", stream=VideoStream(stack, "Stream"), bucket=bucket, enabled=False)
    checks: Any = PACKS[pack]
    Validations.of(app).add_plugins(checks(app))
    with suppress(RuntimeError):  # the findings are in the report, too
        app.synth()
    report = json.loads(Path(app.outdir, "validation-report.json").read_text())
    names = {violation["ruleName"] for plugin in report["pluginReports"] for violation in plugin["violations"]}
    return {name.removeprefix(f"{pack}-") for name in names}


@pytest.mark.parametrize("pack", PACKS)
def test_of_the_function_as_it_is(pack: str) -> None:
    assert findings(pack, set_up=False) == AS_IT_IS[pack]


@pytest.mark.parametrize("pack", PACKS)
def test_of_a_function_that_is_set_up(pack: str) -> None:
    assert findings(pack, set_up=True) == SET_UP[pack]
