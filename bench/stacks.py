"""Deploys stacks to the local AWS by CloudFormation's API, as `cdk deploy` does, without the start of its CLI."""

from __future__ import annotations

import copy
import io
import json
import time
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import ClientError
from local_aws import LocalAws

from .assembly import ACCOUNT, REGION, Assembly, Asset
from .loopback import OverTls, trust
from .names import CRHELPER, OURS
from .runtime import NODE_MODULES

_LOCAL = Path(__file__).resolve().parent / "local"
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
    """The stacks of one local AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._exit = ExitStack()
        self._over_tls = self._exit.enter_context(OverTls(int(aws.endpoint_url.rpartition(":")[2])))
        self._cloudformation = aws.client("cloudformation")
        self._s3 = aws.client("s3")
        # What `cdk bootstrap` would have made, as far as these templates ask for it.
        self._s3.create_bucket(Bucket=_ASSETS)
        aws.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="21", Type="String")
        self._published: set[str] = set()

    def __enter__(self) -> Self:
        """Return the stacks."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what was started for them; they end with their AWS."""
        self._exit.close()

    def create(self, name: str, tool: str, assembly: Assembly) -> Deployment:
        """Create a stack."""
        return self._deploy("create_stack", name, tool, assembly)

    def update(self, name: str, tool: str, assembly: Assembly) -> Deployment:
        """Update a stack."""
        return self._deploy("update_stack", name, tool, assembly)

    def stream_arns(self, name: str) -> list[str]:
        """List the streams of a stack."""
        resources = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        names = {
            resource["PhysicalResourceId"]
            for page in resources
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::KinesisVideo::Stream"
        }
        client = self._aws.client("kinesisvideo")
        return [client.describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"] for stream in sorted(names)]

    def _deploy(self, operation: str, name: str, tool: str, assembly: Assembly) -> Deployment:
        for asset in assembly.assets.values():
            self._publish(asset)
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
        failed = [
            event.get("ResourceStatusReason", "")
            for page in pages
            for event in page["StackEvents"]
            if event["ResourceStatus"].endswith("FAILED")
        ]
        return failed[-1] if failed else ""

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
            variables["PYTHONPATH"] = str(_LOCAL)
            variables["REAL_HANDLER"] = function["Handler"]
            variables["LOG_LEVEL"] = function.get("LoggingConfig", {}).get("ApplicationLogLevel", "WARNING")
            function["Handler"] = "as_on_lambda.handler"
            if tool in (OURS, CRHELPER):
                variables |= trust()
                variables |= {"PLAIN_URL": self._aws.endpoint_url, "TLS_URL": self._over_tls.url}
        return template

    def _publish(self, asset: Asset) -> None:
        if asset.key in self._published:
            return
        self._published.add(asset.key)
        self._put(asset.key, zipped(asset.path) if asset.is_directory else asset.path.read_bytes())

    def _put(self, key: str, body: bytes) -> str:
        self._s3.put_object(Bucket=_ASSETS, Key=key, Body=body)
        return f"{self._aws.endpoint_url}/{_ASSETS}/{key}"


def zipped(directory: Path) -> bytes:
    """Make the archive that CDK uploads of a directory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(directory))
    return buffer.getvalue()
