"""Synthesises the tools' stacks, and reads what came out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from aws_cdk import App, Stack

from ..peers import Declared, cameras_of

STACK = "Cameras"
REGION = "us-east-1"
ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Assembly:
    """A synthesised stack."""

    template: dict[str, Any]
    text: str
    assets: dict[str, Path]
    """The files and directories that its functions are made of, by their object keys."""

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """List the resources of a type, by their logical ids."""
        return {name: r for name, r in self.template["Resources"].items() if r["Type"] == resource_type}


def synthesise(tool: str, count: int, declared: Declared | None = None) -> Assembly:
    """Synthesise a tool's stack with `count` streams, be they more than AWS takes."""
    app = App(outdir=mkdtemp(), context={"@aws-cdk/core:stackResourceLimit": 0})
    cameras_of(tool)(Stack(app, STACK), count, declared or Declared())
    directory = Path(app.synth().directory)
    text = (directory / f"{STACK}.template.json").read_text()
    files = json.loads((directory / f"{STACK}.assets.json").read_text())["files"].values()
    assets = {
        destination["objectKey"]: directory / file["source"]["path"]
        for file in files
        for destination in file["destinations"].values()
        if not file["source"]["path"].endswith(".template.json")
    }
    return Assembly(json.loads(text), text, assets)
