"""The archives that code is uploaded as."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from tests.archives import zipped


def contents(archive: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def test_a_directory_and_texts_make_the_same_archive(tmp_path: Path) -> None:
    files = {"handler.py": "one", "package/module.py": "two"}
    (tmp_path / "package").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert contents(zipped(tmp_path)) == files
    assert contents(zipped(files)) == files
