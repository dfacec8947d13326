"""``make acceptance`` on the local AWS, with IAM enforced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import boto3
import pytest

from acceptance import STACK
from acceptance.app import build
from kinesis_video_local import Cdk, LocalAws

from ..integ.conftest import Cloud

NUMBER = "000000000000"
LISTED = (
    ("cloudformation", "describe_stacks", "Stacks", "StackName"),
    ("kinesisvideo", "list_streams", "StreamInfoList", "StreamName"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
)


@dataclass
class Account:
    """A local AWS with the credentials of the environment."""

    aws: LocalAws
    cloud: Cloud
    template: str
    session: boto3.Session

    def __post_init__(self) -> None:
        self._client = cache(self.aws.client)

    def deploy(self) -> None:
        """Deploy the stack without the CDK CLI."""
        self.cloud.start(STACK, self.template)
        assert self.cloud.wait(STACK) == "CREATE_COMPLETE"

    def contents(self) -> set[tuple[str, str]]:
        """List everything in the account, except the objects in its buckets: a deployment leaves some there."""
        return {
            (service, entry[name])
            for service, operation, key, name in LISTED
            for entry in getattr(self._client(service), operation)()[key]
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
def account(_account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The account, whose credentials are the only ones in this process's environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    nobody = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    for name, value in {**nobody, **_account.aws.environment}.items():
        monkeypatch.setenv(name, value)
    return _account
