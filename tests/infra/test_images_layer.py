from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

from aws_cdk import App, Stack

from cdk_kinesis_video import ImagesLayer

from .synthesis import only_resource


def test_the_layer_has_the_package_where_lambda_looks_for_it_and_each_synthesis_has_the_same() -> None:
    layers = []
    for _ in range(2):
        app = App()
        ImagesLayer(Stack(app, "Cameras"), "Layer")
        assembly = app.synth()
        template = assembly.get_stack_by_name("Cameras").template
        layers.append(only_resource(template, "AWS::Lambda::LayerVersion")["Properties"])
    (asset,) = (path for path in Path(assembly.directory).glob("asset.*") if path.is_dir())
    files = sorted(path.relative_to(asset).as_posix() for path in asset.rglob("*") if path.is_file())
    assert files == ["python/kinesis_video_images/__init__.py", "python/kinesis_video_images/py.typed"]
    assert "python3.14" in layers[0]["CompatibleRuntimes"]
    assert layers[0]["Content"]["S3Key"] == layers[1]["Content"]["S3Key"]


def test_the_package_needs_nothing_but_python() -> None:
    spec = importlib.util.find_spec("kinesis_video_images")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin)
    imported = {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name.split(".")[0]
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= set(sys.stdlib_module_names)
    # Without the packages of this environment, as in a function.
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(source.parents[1])!r})"]
    command[-1] += "; import kinesis_video_images; assert 'aws_cdk' not in sys.modules"
    subprocess.run(command, check=True)
