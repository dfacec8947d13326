"""The packages of this distribution that run in Lambda, as folders on this machine."""

from __future__ import annotations

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
