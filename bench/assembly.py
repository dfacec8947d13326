"""Synthesises the tools' stacks, and reads what came out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from aws_cdk import App, Stack

from .peers import Declared, cameras_of

STACK = "Cameras"
REGION = "us-east-1"
ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Asset:
    """One file or directory that the stack's functions are made of."""

    path: Path
    is_directory: bool
    key: str


@dataclass(frozen=True)
class Assembly:
    """A synthesised stack."""

    template: dict[str, Any]
    text: str
    assets: dict[str, Asset]
    """By their object keys; the template itself is not among them."""

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """List the resources of a type, by their logical ids."""
        return {name: r for name, r in self.template["Resources"].items() if r["Type"] == resource_type}

    def custom_resources(self) -> dict[str, dict[str, Any]]:
        """List the custom resources, whatever their type, by their logical ids."""
        return {name: r for name, r in self.template["Resources"].items() if "ServiceToken" in r.get("Properties", {})}


def synthesise(tool: str, count: int, declared: Declared | None = None) -> Assembly:
    """Synthesise a tool's stack with `count` streams."""
    # CDK's own check of the number of resources is off: what AWS accepts is for the comparison to say.
    # Its report of that goes to standard error by a thread of jsii's, and would drown everything else.
    with redirect_stderr(StringIO()):
        return _synthesise(tool, count, declared or Declared())


def _synthesise(tool: str, count: int, declared: Declared) -> Assembly:
    app = App(outdir=mkdtemp(), context={"@aws-cdk/core:stackResourceLimit": 0})
    cameras_of(tool)(Stack(app, STACK), count, declared)
    directory = Path(app.synth().directory)
    text = (directory / f"{STACK}.template.json").read_text()
    files = json.loads((directory / f"{STACK}.assets.json").read_text())["files"].values()
    assets = (
        Asset(directory / file["source"]["path"], file["source"]["packaging"] == "zip", destination["objectKey"])
        for file in files
        for destination in file["destinations"].values()
    )
    return Assembly(json.loads(text), text, {a.key: a for a in assets if not a.path.name.endswith(".template.json")})


def resolve(value: Any, known: Callable[[str, str], str]) -> Any:
    """Do the template's intrinsic functions as CloudFormation does them.

    Parameters
    ----------
    value
        A part of a template.
    known
        Tells the value of an attribute of a resource or a parameter; its attribute is "Ref" for what `Ref` gives.
    """
    match value:
        case {"Ref": "AWS::Region"}:
            return REGION
        case {"Ref": "AWS::AccountId"}:
            return ACCOUNT
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Ref": name}:
            return known(name, "Ref")
        case {"Fn::GetAtt": [name, attribute]}:
            return known(name, attribute)
        case {"Fn::Join": [separator, parts]}:
            return separator.join(resolve(part, known) for part in parts)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda match: str(resolve({"Ref": match[1]}, known)), text)
        case dict():
            return {name: resolve(item, known) for name, item in value.items()}
        case list():
            return [resolve(item, known) for item in value]
        case _:
            return value
