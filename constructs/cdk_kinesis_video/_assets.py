"""The packages of this distribution that run in Lambda, as folders on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path


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


def code_of(packages: Sequence[str]) -> tuple[str, list[str]]:
    """Find the folder that packages lie in, and what of it is none of them, to be left out of an asset."""
    # In a wheel the packages lie among all others, in an editable install in a folder of their own.
    (root,) = {folder_of(package).parent for package in packages}
    return str(root), ["*", *(pattern for package in packages for pattern in (f"!{package}", f"!{package}/*.py"))]
