"""Deploys stacks to the local AWS by CloudFormation's API, as `cdk deploy` does, without the start of its CLI."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from kinesis_video_local import LocalAws
from tests.archives import zipped

from ..peers import CRHELPER, OURS
from .assembly import ACCOUNT, REGION, Assembly
from .loopback import trust
from .runtime import NODE_MODULES

_ON_LAMBDA = Path(__file__).with_name("on_lambda")
_ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Deployment:
    """How CloudFormation left a stack, and how long it took."""

    status: str
    seconds: float
    reason: str
    """Why the first resource failed; nothing if none did."""


class Stacks:
    """The stacks of one local AWS.

    Parameters
    ----------
    aws
        The local AWS.
    tls_url
        Where the local AWS is reached over TLS.
    """

    def __init__(self, aws: LocalAws, tls_url: str) -> None:
        self._aws = aws
        self._tls_url = tls_url
        self._cloudformation = aws.client("cloudformation")
        self._s3 = aws.client("s3")
        # What `cdk bootstrap` would have made, as far as these templates ask for it.
        self._s3.create_bucket(Bucket=_ASSETS)
        aws.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="21", Type="String")

    def create(self, name: str, tool: str, assembly: Assembly) -> Deployment:
        """Create a stack."""
        return self._deploy("create_stack", name, tool, assembly)

    def update(self, name: str, tool: str, assembly: Assembly) -> Deployment:
        """Update a stack."""
        return self._deploy("update_stack", name, tool, assembly)

    def stream_arn(self, name: str) -> str:
        """Tell the ARN of the first stream of a stack."""
        resources = self._cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        stream = next(r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::KinesisVideo::Stream")
        return self._aws.client("kinesisvideo").describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"]

    def _deploy(self, operation: str, name: str, tool: str, assembly: Assembly) -> Deployment:
        for key, path in assembly.assets.items():
            self._put(key, zipped(path) if path.is_dir() else path.read_bytes())
        template = self._put(f"{name}.json", json.dumps(self._for_local_aws(tool, assembly)).encode())
        start = time.perf_counter()
        try:
            getattr(self._cloudformation, operation)(
                StackName=name, TemplateURL=template, Capabilities=["CAPABILITY_IAM"]
            )
        except ClientError as error:
            message = error.response["Error"]["Message"]
            return Deployment("no change" if "No updates" in message else "refused", 0.0, message)
        while True:
            status = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            if not status.endswith("IN_PROGRESS"):
                return Deployment(status, time.perf_counter() - start, self._reason(name))
            time.sleep(_POLL_SECONDS)

    def _reason(self, name: str) -> str:
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
        failed = pages.search("StackEvents[?ends_with(ResourceStatus, 'FAILED')].ResourceStatusReason")
        return next(reversed(list(failed)), "") or ""

    def _for_local_aws(self, tool: str, assembly: Assembly) -> dict[str, Any]:
        """Give the functions what Lambda gives them: the SDK's clients for Node.js, logging, an https ResponseURL."""
        template = copy.deepcopy(assembly.template)
        for resource in template["Resources"].values():
            if resource["Type"] != "AWS::Lambda::Function":
                continue
            function = resource["Properties"]
            variables = function.setdefault("Environment", {}).setdefault("Variables", {})
            variables["NODE_PATH"] = str(NODE_MODULES)
            if not str(function["Runtime"]).startswith("python"):
                continue
            variables["PYTHONPATH"] = str(_ON_LAMBDA)
            variables["REAL_HANDLER"] = function["Handler"]
            variables["LOG_LEVEL"] = function.get("LoggingConfig", {}).get("ApplicationLogLevel", "WARNING")
            function["Handler"] = "as_on_lambda.handler"
            if tool in (OURS, CRHELPER):
                variables |= {**trust(), "PLAIN_URL": self._aws.endpoint_url, "TLS_URL": self._tls_url}
        return template

    def _put(self, key: str, body: bytes) -> str:
        self._s3.put_object(Bucket=_ASSETS, Key=key, Body=body)
        return f"{self._aws.endpoint_url}/{_ASSETS}/{key}"
