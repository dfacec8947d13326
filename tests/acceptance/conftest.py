"""``make acceptance`` on the local AWS, with IAM enforced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from acceptance import STACK
from acceptance.app import build
from kinesis_video_local import Cdk, LocalAws

from ..integ.conftest import Cloud

NUMBER = "000000000000"


@dataclass
class Account:
    """A local AWS with the credentials of the environment."""

    aws: LocalAws
    cloud: Cloud
    template: str
    session: boto3.Session

    def __post_init__(self) -> None:
        services = ("cloudformation", "iam", "kinesisvideo", "lambda", "logs", "s3")
        self._clients = {service: self.aws.client(service) for service in services}

    def deploy(self) -> None:
        """Deploy the stack without the CDK CLI."""
        self.cloud.start(STACK, self.template)
        assert self.cloud.wait(STACK) == "CREATE_COMPLETE"

    def contents(self) -> set[str]:
        """List everything in the account, except the objects that a deployment uploads and leaves."""

        def listed(service: str, operation: str, key: str, name: str) -> list[str]:
            answer: Any = getattr(self._clients[service], operation)()
            return [entry[name] for entry in answer[key]]

        buckets = listed("s3", "list_buckets", "Buckets", "Name")
        others = [bucket for bucket in buckets if "assets" not in bucket]
        stacks = self._clients["cloudformation"].list_stacks()["StackSummaries"]
        s3 = self._clients["s3"]
        return {
            *(f"stack {stack['StackName']}" for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"),
            *(f"stream {name}" for name in listed("kinesisvideo", "list_streams", "StreamInfoList", "StreamName")),
            *(f"bucket {name}" for name in buckets),
            *(f"object {o['Key']}" for b in others for o in s3.list_objects_v2(Bucket=b).get("Contents", [])),
            *(f"role {name}" for name in listed("iam", "list_roles", "Roles", "RoleName")),
            *(f"function {name}" for name in listed("lambda", "list_functions", "Functions", "FunctionName")),
            *(f"log group {name}" for name in listed("logs", "describe_log_groups", "logGroups", "logGroupName")),
        }


@pytest.fixture(scope="session")
def _account() -> Iterator[Account]:
    with LocalAws(enforce_iam=True) as aws:
        cloud = Cloud(aws)
        yield Account(aws, cloud, cloud.synthesise(STACK, build), aws.session())


@pytest.fixture(scope="session")
def bootstrapped(_account: Account) -> None:
    with Cdk(_account.aws) as cdk:
        cdk.bootstrap()


@pytest.fixture
def environment(_account: Account) -> dict[str, str]:
    """The environment of somebody who has credentials for the account."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nobody = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**own, **nobody, **_account.aws.environment}


@pytest.fixture
def account(_account: Account, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Account:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return _account
