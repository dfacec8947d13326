"""What a process uses, and Python processes that are measured from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil

from .rounds import Sample


def usage(*processes: psutil.Process) -> Sample:
    """Tell the CPU seconds of processes and the sum of their peak memory in MB, as Linux counts them."""
    return {
        # To the nanosecond, threads that have ended included: psutil has hundredths, and an event takes less.
        "CPU": sum(time.clock_gettime(~process.pid << 3 | 2) for process in processes),
        "peak memory": sum(_peak_bytes(process.pid) for process in processes) / 1e6,
    }


def measure(*steps: str, **environment: str) -> list[Sample]:
    """Run steps of Python code in a process of its own.

    Return after each step what the process has used since its start, together with those that it has started.
    """
    # The process waits after each step, so that it can be looked at.
    code = "\n".join(f"{step}\nprint(flush=True)\ninput()" for step in steps)
    command, whole = [sys.executable, "-c", code], {**os.environ, **environment}
    samples: list[Sample] = []
    start = time.perf_counter()
    with subprocess.Popen(command, env=whole, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        for step in steps:
            if not child.stdout.readline():
                raise RuntimeError(f"{step!r} failed")
            seconds, python = time.perf_counter() - start, psutil.Process(child.pid)
            samples.append({"time": seconds, **usage(python, *python.children(recursive=True))})
            child.stdin.write("\n")
            child.stdin.flush()
    return samples


def _peak_bytes(pid: int) -> int:
    # Neither psutil nor `resource` has it: `ru_maxrss` begins with what the parent had at the fork.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if peak is None:
        raise ProcessLookupError(f"the process {pid} has ended")
    return int(peak[1]) * 1024
