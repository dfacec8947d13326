"""The findings of cdk-nag's packs on the library's own resources: with the default function, and with one set up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Acknowledgment, App, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R4Checks, NIST80053R5Checks

from cdk_kinesis_video import ConfigurationFunction

from ..infra.conftest import ENVIRONMENT, images_in
from .conftest import ROOT

PACKS: dict[str, Any] = {
    "AwsSolutions": AwsSolutionsChecks,
    "HIPAA.Security": HIPAASecurityChecks,
    "NIST.800.53.R4": NIST80053R4Checks,
    "NIST.800.53.R5": NIST80053R5Checks,
}


def table_of_the_page() -> dict[tuple[str, bool], set[str]]:
    """The findings of docs/function.md, by pack and by whether the function is set up."""
    text = ROOT.joinpath("docs", "function.md").read_text()
    table: dict[tuple[str, bool], set[str]] = {(pack, set_up): set() for pack in PACKS for set_up in (False, True)}
    for finding, as_it_is, set_up in re.findall(
        r"^\| `(.*?)` \|([^|]*)\|([^|]*)\| (?:acknowledge|give)", text, re.MULTILINE
    ):
        finding = finding.replace("<region>", str(ENVIRONMENT.region)).replace("<account>", str(ENVIRONMENT.account))
        for column, is_set_up in ((as_it_is, False), (set_up, True)):
            for pack in column.split(","):
                if pack.strip():
                    table[pack.strip(), is_set_up].add(finding)
    return table


FINDINGS = table_of_the_page()


def set_up_function(stack: Stack) -> ConfigurationFunction:
    """Declare it in a VPC, with an encrypted log group, reserved concurrency and the user's role."""
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["eu-west-1a"],
        private_subnet_ids=["subnet-0123456789abcdef0"],
    )
    key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    key = kms.Key.from_key_arn(stack, "Key", key_arn)
    return ConfigurationFunction(
        stack,
        vpc=vpc,
        role=iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")),
        log_group=logs.LogGroup(stack, "Logs", retention=logs.RetentionDays.ONE_YEAR, encryption_key=key),
        reserved_concurrent_executions=10,
    )


def findings(*, set_up: bool, acknowledged: Iterable[str] = ()) -> dict[str, set[str]]:
    app = App()
    stack = Stack(app, "Cameras", env=ENVIRONMENT)
    function = set_up_function(stack) if set_up else ConfigurationFunction(stack)
    for finding in acknowledged:
        Validations.of(function).acknowledge(Acknowledgment(id=finding, reason="As the page says"))
    images_in(stack, enabled=False)
    packs: list[Any] = [checks(app) for checks in PACKS.values()]
    Validations.of(app).add_plugins(*packs)
    with suppress(RuntimeError):  # the findings are in the report, too
        app.synth()
    report = json.loads(Path(app.outdir, "validation-report.json").read_text())
    names = {violation["ruleName"] for plugin in report["pluginReports"] for violation in plugin["violations"]}
    return {pack: {name.removeprefix(f"{pack}-") for name in names if name.startswith(f"{pack}-")} for pack in PACKS}


@pytest.mark.parametrize("set_up", [False, True], ids=["as it is", "set up"])
def test_the_page_has_what_the_packs_find(set_up: bool) -> None:
    assert findings(set_up=set_up) == {pack: FINDINGS[pack, set_up] for pack in PACKS}


def test_nothing_is_left_when_it_is_acknowledged_on_the_function() -> None:
    found = [f"{pack}-{finding}" for pack in PACKS for finding in FINDINGS[pack, True]]
    assert all(FINDINGS[pack, True] for pack in PACKS)
    assert findings(set_up=True, acknowledged=found) == {pack: set() for pack in PACKS}
