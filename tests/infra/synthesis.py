"""The result of a synthesis: templates and their resources, messages, and the code of functions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack
from constructs import Construct

from .conftest import IMAGE_GENERATION


def template_of(stack: Stack) -> dict[str, Any]:
    app = stack.node.root
    assert isinstance(app, App)
    # The file: jsii takes longer to return the template.
    template: dict[str, Any] = json.loads(Path(app.synth(force=True).directory, stack.template_file).read_text())
    return template


def messages_of(scope: Construct, level: str) -> list[str]:
    """The warnings or infos of a stack or construct at synth, each with the id that acknowledges it."""
    template_of(Stack.of(scope))
    return [
        entry.data
        for construct in scope.node.find_all()
        for entry in construct.node.metadata
        if entry.type == f"aws:cdk:{level}"
    ]


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
