"""Synthesises the tools' stacks, and reads the result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from aws_cdk import App, Stack, Stage

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
        return {name: r for name, r in self.template["Resources"].items() if r["Type"] == resource_type}


def synthesise(tool: str, count: int, declared: Declared | None = None, *, stages: int | None = None) -> Assembly:
    """Synthesise a tool's stack with `count` streams, even if AWS refuses so many; with `stages`, one stack in each."""
    app = App(outdir=mkdtemp(), context={"@aws-cdk/core:stackResourceLimit": 0})
    scopes = [app] if stages is None else [Stage(app, f"Stage{number}") for number in range(stages)]
    for scope in scopes:
        stack = Stack(scope, STACK)
        cameras_of(tool)(stack, count, declared or Declared())
    app.synth()
    # In a stage, the assembly is nested, and the names of the files begin with the name of the stack.
    template = next(Path(app.outdir).rglob(stack.template_file))
    text = template.read_text()
    manifest = template.with_name(template.name.replace(".template.json", ".assets.json"))
    files = json.loads(manifest.read_text())["files"].values()
    assets = {
        destination["objectKey"]: template.parent / file["source"]["path"]
        for file in files
        for destination in file["destinations"].values()
        if not file["source"]["path"].endswith(".template.json")
    }
    return Assembly(json.loads(text), text, assets)
