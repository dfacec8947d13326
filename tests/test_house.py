"""The guards of the house: which package may import which, and one version for both distributions."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cdk_kinesis_video

ROOT = Path(__file__).parents[1]
SOURCE_ROOTS = ("constructs", "lambda", "tools", "local_aws")
# An import for each contract of pyproject.toml, which it is there to refuse.
PLANTED = {
    "arrows": ("lambda/kinesis_video_configuration", "import kinesis_video_handler"),
    "local-aws": ("lambda/kinesis_video_images", "import kinesis_video_local"),
    "constructs": ("constructs/cdk_kinesis_video", "import boto3"),
    "contract": ("lambda/kinesis_video_contract", "import botocore"),
    "contract-files": ("lambda/kinesis_video_contract", "from .metrics import planted"),
    "lambda": ("lambda/kinesis_video_matroska", "import aws_cdk"),
    "tools": ("tools/kinesis_video_tools", "import aws_cdk.aws_s3"),
    "local-aws-without-cdk": ("local_aws/kinesis_video_local", "import cdk_kinesis_video"),
    "shipped": ("acceptance", "import tests.archives"),
}


def broken_contracts(root: Path) -> set[str]:
    """The names of the contracts that the packages below a folder break."""
    path = os.pathsep.join(str(root / source_root) for source_root in (*SOURCE_ROOTS, "."))
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}
    ran = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert "Contracts: " in ran.stdout, ran.stdout + ran.stderr
    return set(re.findall(r"^(.*) BROKEN", ran.stdout, re.MULTILINE))


def test_each_contract_of_imports_refuses_what_it_is_there_to_refuse(tmp_path: Path) -> None:
    for folder in (*SOURCE_ROOTS, "acceptance"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    contracts = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == set(PLANTED)
    assert broken_contracts(tmp_path) == set()
    for package, line in PLANTED.values():
        with (tmp_path / package / "planted.py").open("a") as file:
            file.write(f"{line}\n")
    assert broken_contracts(tmp_path) == {contract["name"] for contract in contracts}


def test_every_package_has_its_place_among_the_arrows() -> None:
    linter = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {path.parent.name for root in SOURCE_ROOTS for path in ROOT.glob(f"{root}/*/__init__.py")}
    assert set(linter["root_packages"]) == packages | {"acceptance"}
    (layers,) = (contract["layers"] for contract in linter["contracts"] if contract["id"] == "arrows")
    assert {name for layer in layers for name in layer.split(" | ")} == packages | {"acceptance"}


def test_the_types_of_every_module_of_the_cdk_that_is_imported_are_followed() -> None:
    overrides = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    (followed,) = (override["module"] for override in overrides if override["follow_imports"] == "normal")
    imported = set()
    for path in subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split():
        for node in ast.walk(ast.parse(ROOT.joinpath(path).read_text())):
            match node:
                case ast.Import():
                    imported |= {alias.name for alias in node.names}
                case ast.ImportFrom(module=str(module), level=0):
                    imported |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    modules = {name for name in imported if name.startswith("aws_cdk.") and find_spec(name)}
    assert {name for name in modules if not name.startswith("aws_cdk.interfaces")} <= set(followed)


def test_every_place_names_the_same_versions() -> None:
    def project(folder: Path) -> tuple[dict[str, Any], list[str]]:
        table = tomllib.loads(folder.joinpath("pyproject.toml").read_text())
        version = re.compile(r"Programming Language :: Python :: (3\.\d+)")
        return table, [match[1] for name in table["project"]["classifiers"] if (match := version.fullmatch(name))]

    table, pythons = project(ROOT)
    local, local_pythons = project(ROOT / "local_aws")
    assert local["project"]["version"] == cdk_kinesis_video.__version__
    assert f"cdk-kinesis-video[tools]=={cdk_kinesis_video.__version__}" in local["project"]["dependencies"]
    oldest = pythons[0]
    assert local_pythons == pythons
    assert table["project"]["requires-python"] == local["project"]["requires-python"] == f">={oldest}"
    assert table["tool"]["mypy"]["python_version"] == oldest
    assert table["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    workflow = ROOT.joinpath(".github/workflows/test.yml").read_text()
    assert f"python: {json.dumps(pythons)}" in workflow
    (cdk,) = re.findall(r"aws-cdk-lib>=(\d+\.\d+)\.0,", str(table["project"]["dependencies"]))
    assert f"\naws-cdk-lib=={cdk}.0 " in ROOT.joinpath("requirements-oldest.txt").read_text()
    assert f"needs Python {oldest} or later and aws-cdk-lib {cdk} or later" in ROOT.joinpath("README.md").read_text()
