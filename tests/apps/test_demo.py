"""``make demo`` as a separate process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
from PIL import Image

from .conftest import ROOT

COMMAND = [sys.executable, "demo.py"]
SHEET = ROOT / "build" / "contact-sheet.png"


def test_it_ends_with_pictures(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # As declared, without the permission on the bucket, with it again, and with a shorter interval.
    assert re.findall(r"images: (\d+)", ran.stdout) == ["10", "0", "2", "5"]
    assert "SamplingInterval  3000    500" in ran.stdout
    keys = re.findall(r"kB  (\S+)", ran.stdout)
    assert len(set(keys)) == 17
    with Image.open(SHEET) as picture:
        assert picture.format == "PNG"
    assert SHEET.stat().st_size < 100_000
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        printed = ""
        while "Bootstrapping" not in printed:
            printed += process.stdout.read(1)
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        printed += process.stdout.read()
    assert process.returncode == 130
    assert printed.endswith("stopped\nStopped; nothing is left running.\n")
    assert started
    assert psutil.wait_procs(started, timeout=20)[1] == []
    assert list(tmp_path.iterdir()) == []
