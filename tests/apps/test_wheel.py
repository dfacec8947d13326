"""The wheel in a clean environment outside of this repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from .conftest import ROOT

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # The wheel of the sdist, so that both are whole.
    run(BIN / "uv", "build", "--quiet", "--out-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def project(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the starter app, and an environment with the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "examples" / "starter", folder, dirs_exist_ok=True)
    run(BIN / "uv", "venv", "--quiet", "--python", sys.executable, folder / "venv")
    install(folder / "venv", wheel)
    return folder


@pytest.fixture(scope="module")
def assembly(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assembly")
    run(project / "venv" / "bin" / "python", "app.py", cwd=project, env={"CDK_OUTDIR": str(folder)})
    return folder


@pytest.fixture(scope="module")
def local_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("local-dist")
    run(BIN / "uv", "build", "--quiet", "--out-dir", folder, ROOT / "local_aws")
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def without_local_aws(project: Path, assembly: Path, wheel: Path) -> subprocess.CompletedProcess[str]:
    """The output of `kinesis-video local` in the environment, after the extra `tools` is installed."""
    install(project / "venv", f"{wheel}[tools]")
    command = [str(project / "venv" / "bin" / "kinesis-video"), "local", "--port", "0"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def tested_project(project: Path, without_local_aws: object, local_wheel: Path) -> Path:
    """The app, with the local AWS, which is installed last."""
    install(project / "venv", local_wheel, "pytest")
    return project


def install(environment: Path, *packages: object) -> None:
    constraints = ROOT / "requirements.txt"
    run(BIN / "uv", "pip", "install", "--quiet", "--python", environment, *packages, "--constraint", constraints)
    # Python takes seconds to compile them; it does so where a file isn't the one that was compiled here.
    (installed,) = environment.glob("lib/python*/site-packages")
    compiled = Path(sysconfig.get_path("purelib"))
    for folder in compiled.rglob("__pycache__"):
        there = installed / folder.relative_to(compiled)
        if there.parent.is_dir() and not there.exists():
            shutil.copytree(folder, there)


def run(*command: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    ran = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"


def test_the_wheel_has_the_library_the_handler_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "cdk_kinesis_video",
        "kinesis_video_configuration",
        "kinesis_video_contract",
        "kinesis_video_doctor",
        "kinesis_video_drift",
        "kinesis_video_fleet",
        "kinesis_video_handler",
        "kinesis_video_images",
        "kinesis_video_matroska",
        "kinesis_video_tools",
        f"{wheel.name.split('-py3')[0]}.dist-info",
    }
    assert "cdk_kinesis_video/py.typed" in names
    assert not [name for name in names if "__pycache__" in name]
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_the_local_aws_is_a_wheel_of_its_own_for_the_same_version(wheel: Path, local_wheel: Path) -> None:
    archive = zipfile.ZipFile(local_wheel)
    _, version, *_ = wheel.name.split("-")
    metadata = f"kinesis_video_local-{version}.dist-info"
    assert {name.split("/")[0] for name in archive.namelist()} == {
        "kinesis_video_local",
        "kinesis_video_pytest",
        metadata,
    }
    assert f"Requires-Dist: cdk-kinesis-video[tools]=={version}" in archive.read(f"{metadata}/METADATA").decode()


def test_without_the_local_aws_its_command_says_what_to_install(
    without_local_aws: subprocess.CompletedProcess[str],
) -> None:
    message = (
        "kinesis-video local: the local AWS is a separate distribution\n"
        "  → pip install ./local_aws, in a clone of cdk-kinesis-video\n"
    )
    assert (without_local_aws.returncode, without_local_aws.stderr) == (2, message)


def test_the_app_has_its_images_and_a_function_of_the_handlers_files_alone(assembly: Path) -> None:
    (template,) = assembly.glob("*.template.json")
    types = [resource["Type"] for resource in json.loads(template.read_text())["Resources"].values()]
    assert types.count("Custom::KinesisVideoImageGeneration") == types.count("AWS::Lambda::Function") == 1
    (asset,) = (path for path in assembly.glob("asset.*") if path.is_dir())
    files = {path.relative_to(asset).as_posix() for path in asset.rglob("*") if path.is_file()}
    packages = ("kinesis_video_configuration", "kinesis_video_drift", "kinesis_video_handler")
    sources = [path for package in packages for path in (ROOT / "lambda" / package).glob("*.py")]
    contract = {f"kinesis_video_contract/{name}.py" for name in ("__init__", "configurations", "drift")}
    assert files == {f"{path.parent.name}/{path.name}" for path in sources} | contract


def test_the_example_of_the_docs_passes_with_the_extra_alone(tested_project: Path) -> None:
    # The CDK CLI is found on the PATH, as there is no folder node_modules.
    path = os.pathsep.join([str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]])
    command = [str(tested_project / "venv" / "bin" / "pytest"), "-q"]
    ran = subprocess.run(
        command, cwd=tested_project, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


def test_the_command_runs_the_local_aws_until_ctrl_c(tested_project: Path) -> None:
    command = [str(tested_project / "venv" / "bin" / "kinesis-video"), "local", "--port", "0", "--enforce-iam"]
    with subprocess.Popen(command, cwd=tested_project, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines: list[str] = []
        while not lines or lines[-1].startswith(("export ", "# The log is ")):
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
    assert re.fullmatch(r"export AWS_ENDPOINT_URL=http://127\.0\.0\.1:\d+\n", lines[0])
    assert (lines[-1], process.returncode) == ("# Ctrl-C stops it\n", 0)
