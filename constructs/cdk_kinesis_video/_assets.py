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


def code_of(names: Sequence[str]) -> tuple[str, list[str]]:
    """Find the folder that packages lie in, and what of it is none of them, to be left out of an asset.

    A name with a dot is one file of a package, which comes without the others.
    """
    packages = {name.partition(".")[0] for name in names}
    # In a wheel the packages lie among all others, in an editable install in a folder of their own.
    (root,) = {folder_of(package).parent for package in packages}
    folders = {file.parent for package in packages for file in (root / package).rglob("*.py")}
    patterns = []
    for folder in sorted(path.relative_to(root).as_posix() for path in folders):
        single = [name.partition(".")[2] for name in names if name.startswith(f"{folder}.")]
        patterns += [f"!{folder}", *(f"!{folder}/{file}.py" for file in (["__init__", *single] if single else ["*"]))]
    return str(root), ["*", *patterns]
