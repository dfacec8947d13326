"""Archives of code, as they are uploaded."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path


def zipped(files: Path | Mapping[str, str]) -> bytes:
    """Make an archive of a directory, as CDK does, or of the text of each file by its path in the archive."""
    if isinstance(files, Path):
        contents = {
            path.relative_to(files).as_posix(): path.read_bytes() for path in sorted(files.rglob("*")) if path.is_file()
        }
    else:
        contents = {name: text.encode() for name, text in files.items()}
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()
