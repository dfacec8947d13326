"""The command as a process of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "kinesis_video_tools", *arguments]


def on_a_terminal(columns: int, line: Sequence[str]) -> str:
    """Run a command line on a terminal of this width, and return what it shows."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "xterm"}
    subprocess.run(line, stderr=terminal, stdin=terminal, stdout=terminal, env=env, timeout=60, check=True)
    os.close(terminal)
    shown = os.read(screen, 10_000).decode()
    os.close(screen)
    return shown
