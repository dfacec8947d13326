"""A function with crhelper, which answers CloudFormation for it.

Written after crhelper's README; the asset is made as it says there, by installing crhelper beside the handler.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import mkdtemp

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_

from . import Declared, _function

_CODE = Path(__file__).parent / "functions" / "crhelper"


def cameras(stack: Stack, count: int, declared: Declared) -> None:
    function = _function.function_of(stack, "Function", lambda_.Code.from_asset(_with_crhelper()))
    _function.cameras(stack, count, declared, function, lambda: function.function_arn)


def _with_crhelper() -> str:
    # Found and not imported: that takes time, and an app needs no more than the files.
    spec = find_spec("crhelper")
    assert spec
    assert spec.origin
    package, directory = Path(spec.origin).parent, mkdtemp()
    copytree(_CODE, directory, ignore=ignore_patterns("__pycache__"), dirs_exist_ok=True)
    copytree(package, Path(directory, package.name), ignore=ignore_patterns("__pycache__", "tests"))
    return directory
