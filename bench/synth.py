"""Synth: what a further stream costs whoever runs `cdk synth`, and what comes before the first one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial

from .measure import Process, Result, Sample, Spread, interleave, ratios, table
from .names import AWS_CUSTOM_RESOURCE, OURS, PROVIDER_FRAMEWORK, TOOLS

# More than AWS takes in a stack: what comes before the first stream varies by as much as a hundred of them take.
SMALL, LARGE = 100, 700
FIGURES = {"seconds": "time", "cpu": "CPU", "memory": "peak memory"}


def run(repetitions: int) -> Result:
    """Measure every tool with few and with many streams, each time in a process of its own as a user does."""
    for tool in TOOLS:
        _measure(tool, 1)  # so that nobody pays for compiling Python or unpacking jsii's packages
    samples = interleave(repetitions, {tool: partial(_measure_both, tool) for tool in TOOLS}, "synth")
    shares = {
        figure: {tool: ratios(samples[tool], samples[OURS], figure) for tool in TOOLS} for figure in samples[OURS][0]
    }
    (time_share, cpu_share), (least_time, least_cpu) = (
        [ratios(samples[tool], samples[AWS_CUSTOM_RESOURCE], f"further {figure}") for figure in ("seconds", "cpu")]
        for tool in (OURS, PROVIDER_FRAMEWORK)
    )
    text = "\n\n".join(
        [
            f"Per further stream (a stack of {LARGE} against one of {SMALL}), as a multiple of {OURS}:",
            _table(shares, {f"further {figure}": title for figure, title in FIGURES.items()}),
            "Before the first stream, imports apart:",
            _table(
                shares,
                {"import seconds": "import, time", "import cpu": "import, CPU"}
                | {f"fixed {figure}": f"fixed, {title}" for figure, title in FIGURES.items()},
            ),
            f"{OURS} takes {time_share} of {AWS_CUSTOM_RESOURCE}'s time per further stream and {cpu_share} of its CPU; "
            f"the target is 0.50. Two resources without anything on top, as with the {PROVIDER_FRAMEWORK}, take "
            f"{least_time} and {least_cpu}.",
        ]
    )
    return Result(text, shares["further seconds"])


def _measure_both(tool: str) -> Sample:
    """Tell what a further stream costs from what comes before the first one."""
    few, many = _measure(tool, SMALL), _measure(tool, LARGE)
    further = {figure: (many[figure] - few[figure]) / (LARGE - SMALL) for figure in FIGURES}
    return {
        "import seconds": few["import seconds"],
        "import cpu": few["import cpu"],
        **{f"further {figure}": value for figure, value in further.items()},
        **{f"fixed {figure}": few[figure] - SMALL * value for figure, value in further.items()},
    }


def _table(shares: dict[str, dict[str, Spread]], columns: dict[str, str]) -> str:
    return table(
        ["tool", *columns.values()],
        ([tool, *("1" if tool == OURS else shares[column][tool] for column in columns)] for tool in TOOLS),
    )


def _measure(tool: str, count: int) -> Sample:
    command = [sys.executable, "-m", "bench.synth", tool, str(count)]
    child = subprocess.run(command, check=True, capture_output=True)
    sample: Sample = json.loads(child.stdout)
    return sample


def _probe(tool: str, count: int) -> Sample:
    """Synthesise in this very process, and say what it took."""
    start, cpu = time.perf_counter(), _cpu()
    from .assembly import synthesise
    from .peers import cameras_of

    cameras_of(tool)
    imported, imported_cpu = time.perf_counter(), _cpu()
    synthesise(tool, count)
    return {
        "import seconds": imported - start,
        "import cpu": imported_cpu - cpu,
        "seconds": time.perf_counter() - imported,
        "cpu": _cpu() - imported_cpu,
        "memory": sum(process.peak_memory for process in _processes()),
    }


def _cpu() -> float:
    return sum(process.cpu_seconds for process in _processes())


def _processes() -> list[Process]:
    # Python and the Node.js that jsii starts.
    this = Process(os.getpid())
    return [this, *this.descendants()]


if __name__ == "__main__":
    print(json.dumps(_probe(sys.argv[1], int(sys.argv[2]))))
