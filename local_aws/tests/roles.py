"""Roles for tests: their policies, and sessions that assume them."""

from __future__ import annotations

import json
from typing import Any

import boto3
from botocore.loaders import create_loader
from botocore.session import Session

# One for all sessions: each would read the models of its services anew, which takes 70 ms of CPU a client.
_MODELS = create_loader()

VERSION = "2012-10-17"
ANYBODY = {"AWS": "*"}


def document(*statements: dict[str, Any], version: str | None = VERSION) -> str:
    return json.dumps({**({"Version": version} if version else {}), "Statement": statements})


def create_role(
    iam: Any,
    name: str,
    *statements: dict[str, Any],
    trusted: Any = ANYBODY,
    version: str | None = VERSION,
    **more: Any,
) -> str:
    """Create a role with an inline policy of these statements, and return its ARN."""
    trust = document({"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"})
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **more)["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=document(*statements, version=version))
    return arn


def assume_role(sts: Any, arn: str, session_name: str = "test") -> boto3.Session:
    """Return a session of a role."""
    keys = sts.assume_role(RoleArn=arn, RoleSessionName=session_name)["Credentials"]
    session = Session()
    session.register_component("data_loader", _MODELS)
    return boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1", botocore_session=session
    )
