"""The packages of this distribution that run in Lambda, and the folders that the CDK uses as assets."""

from __future__ import annotations

import ast
import atexit
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp


def folder_of(package: str) -> Path:
    """Find the folder of a package.

    Raises
    ------
    ModuleNotFoundError
        If the installation lacks it.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the package {package} is missing, install cdk-kinesis-video again")
    return Path(spec.origin).parent


@cache
def code_of(*names: str) -> str:
    """Pack code for an asset, and return the folder. A name with a dot is one file of a package, without the others.

    The deployed code has no docstrings, which are a quarter of the function's code. All other lines keep their numbers,
    since the log of a function names lines.
    """
    packed = Path(mkdtemp(prefix="cdk-kinesis-video-"))
    # Removed at exit, not before: the CDK copies an asset when it is declared, and all stacks of an app use the same.
    atexit.register(rmtree, packed, ignore_errors=True)
    for name in names:
        package, _, file = name.partition(".")
        root = folder_of(package)
        for path in [root / "__init__.py", root / f"{file}.py"] if file else root.rglob("*.py"):
            copy = packed / path.relative_to(root.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(_without_docstrings(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    return str(packed)


def _without_docstrings(source: str) -> str:
    lines = source.splitlines()
    module = ast.parse(source)
    for parent in ast.walk(module):
        if not isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for statement in parent.body:
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                continue
            # A body needs a statement, except that of a module, whose imports from the future must come first.
            instead = "" if parent is module else " " * statement.col_offset + "..."
            lines[statement.lineno - 1 : statement.end_lineno] = [
                instead,
                *[""] * ((statement.end_lineno or statement.lineno) - statement.lineno),
            ]
    return "\n".join(lines) + "\n"
