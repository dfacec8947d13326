from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

import cdk_kinesis_video
from cdk_kinesis_video import ImageGeneration, VideoStream

IMAGE_GENERATION = "Custom::KinesisVideoImageGeneration"
FRAGMENT_NOTIFICATION = "Custom::KinesisVideoFragmentNotification"
STREAM_ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/front-door/1690707290324"
TOPIC_ARN = "arn:aws:sns:eu-west-1:111122223333:fragments"
ENVIRONMENT = Environment(account="111122223333", region="eu-west-1")


def bucket_in(scope: Construct, construct_id: str = "Bucket") -> s3.IBucket:
    return s3.Bucket.from_bucket_name(scope, construct_id, "camera-images")


def images_in(scope: Construct, construct_id: str = "Images", **props: Any) -> ImageGeneration:
    """Declare images; of a new stream, unless `props` have one, and in the same bucket, unless `props` have another."""
    stream = props.pop("stream", None) or VideoStream(scope, f"{construct_id}Stream")
    bucket = props.pop("bucket", None) or bucket_in(scope, f"{construct_id}Bucket")
    return ImageGeneration(scope, construct_id, stream=stream, bucket=bucket, **props)


def role_in(scope: Construct, construct_id: str = "Role") -> iam.Role:
    return iam.Role(scope, construct_id, assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))


def template_of(stack: Stack) -> dict[str, Any]:
    app = stack.node.root
    assert isinstance(app, App)
    # The file: jsii takes longer to return the template.
    template: dict[str, Any] = json.loads(Path(app.synth(force=True).directory, stack.template_file).read_text())
    return template


def fails_with(sentence: str) -> AbstractContextManager[object]:
    """Expect a ValueError with exactly this message."""
    return pytest.raises(ValueError, match=f"^{re.escape(sentence)}$")


def resources_of(template: dict[str, Any], resource_type: str) -> dict[str, dict[str, Any]]:
    """The resources of a type, by their logical ids."""
    return {name: r for name, r in template["Resources"].items() if r["Type"] == resource_type}


def only_resource(template: dict[str, Any], resource_type: str) -> dict[str, Any]:
    (resource,) = resources_of(template, resource_type).values()
    return resource


def configuration_of(template: dict[str, Any]) -> dict[str, Any]:
    configuration: dict[str, Any] = only_resource(template, IMAGE_GENERATION)["Properties"][
        "ImageGenerationConfiguration"
    ]
    return configuration


def statements_of(template: dict[str, Any], resource_type: str = "AWS::IAM::Policy") -> list[dict[str, Any]]:
    """The statements of the one policy of a type."""
    properties = only_resource(template, resource_type)["Properties"]
    statements: list[dict[str, Any]] = properties.get("PolicyDocument", properties.get("KeyPolicy"))["Statement"]
    return statements


def files_that_import(asset: Path) -> list[Path]:
    """Import all modules of an asset without the rest of this repository; return the files of ours that this loads."""
    names = [path.relative_to(asset).with_suffix("").parts for path in asset.rglob("*.py")]
    modules = [".".join(name[:-1] if name[-1] == "__init__" else name) for name in names]
    program = (
        f"import sys; sys.path.insert(0, {str(asset)!r}); from importlib import import_module; "
        f"loaded = [import_module(name) for name in {modules!r}]; "
        "assert not {'aws_cdk', 'constructs', 'jsii'} & sys.modules.keys(); "
        "print(*(m.__file__ for name, m in sys.modules.items() if name.startswith('kinesis_video')), sep=chr(10))"
    )
    environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-1"}
    command = [sys.executable, "-P", "-B", "-c", program]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [Path(line) for line in ran.stdout.splitlines()]


def public_functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """The constructors and public methods of the exported classes, each with the name of its class and its own."""
    for exported in cdk_kinesis_video.__all__:
        cls = getattr(cdk_kinesis_video, exported)
        for name in dir(cls):
            attribute = inspect.getattr_static(cls, name)
            function = getattr(attribute, "__func__", attribute)
            ours = inspect.isfunction(function) and function.__module__.startswith("cdk_kinesis_video")
            if ours and (name == "__init__" or not name.startswith("_")):
                yield exported if name == "__init__" else f"{exported}.{name}", function


def messages_of(scope: Construct, level: str) -> list[str]:
    """The warnings or infos of a stack or construct at synth, each with the id that acknowledges it."""
    template_of(Stack.of(scope))
    return [
        entry.data
        for construct in scope.node.find_all()
        for entry in construct.node.metadata
        if entry.type == f"aws:cdk:{level}"
    ]


@pytest.fixture
def stack() -> Stack:
    """An empty stack; a test that only asks for an error never synthesises it."""
    return Stack(App(), "Cameras", env=ENVIRONMENT)


@pytest.fixture
def stream(stack: Stack) -> VideoStream:
    return VideoStream(stack, "Stream")


@pytest.fixture
def bucket(stack: Stack) -> s3.IBucket:
    return bucket_in(stack)
