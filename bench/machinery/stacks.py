"""Deploys stacks to the local AWS by CloudFormation's API, as `cdk deploy` does, without the start of its CLI."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from kinesis_video_local import LocalAws
from tests.archives import zipped

from .assembly import ACCOUNT, REGION, Assembly
from .loopback import trusting
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
    """The stacks of one local AWS, which listens with TLS, too."""

    def __init__(self, aws: LocalAws) -> None:
        assert aws.trusted_certificate
        self._aws = aws
        self._trust = trusting(aws.trusted_certificate)
        self._cloudformation = aws.client("cloudformation")
        self._s3 = aws.client("s3")
        # What `cdk bootstrap` would have made, as far as these templates ask for it.
        self._s3.create_bucket(Bucket=_ASSETS)
        aws.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="21", Type="String")
        self._created: set[str] = set()

    def deploy(self, name: str, assembly: Assembly) -> Deployment:
        for key, path in assembly.assets.items():
            self._put(key, zipped(path) if path.is_dir() else path.read_bytes())
        template = self._put(f"{name}.json", self._for_local_aws(assembly).encode())
        deploy = self._cloudformation.update_stack if name in self._created else self._cloudformation.create_stack
        self._created.add(name)
        start = time.perf_counter()
        try:
            deploy(StackName=name, TemplateURL=template, Capabilities=["CAPABILITY_IAM"])
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

    def _for_local_aws(self, assembly: Assembly) -> str:
        """Give the functions what Lambda gives them: the SDK's clients for Node.js, logging, an https ResponseURL."""
        template = json.loads(assembly.text)
        functions = (r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function")
        for function in functions:
            variables = function.setdefault("Environment", {}).setdefault("Variables", {})
            if not str(function["Runtime"]).startswith("python"):
                variables["NODE_PATH"] = str(NODE_MODULES)
                continue
            variables |= {
                **self._trust,
                "PLAIN_URL": self._aws.endpoint_url,
                "TLS_URL": self._aws.tls_endpoint_url,
                "PYTHONPATH": str(_ON_LAMBDA),
                "REAL_HANDLER": function["Handler"],
                "LOG_LEVEL": function.get("LoggingConfig", {}).get("ApplicationLogLevel", "WARNING"),
            }
            function["Handler"] = "as_on_lambda.handler"
        return json.dumps(template)

    def _put(self, key: str, body: bytes) -> str:
        self._s3.put_object(Bucket=_ASSETS, Key=key, Body=body)
        return f"{self._aws.endpoint_url}/{_ASSETS}/{key}"
