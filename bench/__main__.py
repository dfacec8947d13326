"""Runs the comparisons: ``python -m bench``, or ``python -m bench synth`` for one of them."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from . import plots
from .runtime import NODE_MODULES

_HERE = Path(__file__).resolve().parent
RESULTS = _HERE / "results.md"
REPETITIONS = 7

SECTIONS = {
    "footprint": "Footprint",
    "synth": "Synth",
    "handler": "Handler",
    "deploy": "Deploy",
    "survival": "Survival",
    "size": "Size",
}


def main() -> None:
    """Run what is asked for; only a run of everything writes the results and the plots."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("section", nargs="*", choices=[[], *SECTIONS], help="run these only, and write no file")
    parser.add_argument(
        "--repetitions", type=int, default=REPETITIONS, help="how often everything that is timed is repeated"
    )
    arguments = parser.parse_args()
    if arguments.repetitions < (2 if arguments.section else REPETITIONS):
        parser.error(f"--repetitions is at least {REPETITIONS} for the results, and 2 for one comparison")
    sections = arguments.section or list(SECTIONS)
    figures: dict[str, Any] = {}
    parts = [_introduction(arguments.repetitions)]
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        # Every assembly and every certificate goes there, also those of the processes that this one starts.
        tempfile.tempdir = os.environ["TMPDIR"] = directory
        start = time.monotonic()
        for section in sections:
            print(f"{SECTIONS[section]} ...", flush=True)
            began = time.monotonic()
            result = importlib.import_module(f"bench.{section}").run(arguments.repetitions)
            figures[section] = result.figures
            print(f"\n{result.text}\n\n{SECTIONS[section]} took {time.monotonic() - began:.0f} s.\n", flush=True)
            parts.append(f"## {SECTIONS[section]}\n\n{result.text}")
    if not arguments.section:
        plots.draw(figures, _HERE / "plots")
        RESULTS.write_text("\n\n".join(parts) + "\n")
        print(f"All of it took {(time.monotonic() - start) / 60:.0f} minutes.")


def _introduction(repetitions: int) -> str:
    node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    tools = ", ".join(
        [
            f"aws-cdk-lib {version('aws-cdk-lib')} (AwsCustomResource and the provider framework)",
            f"crhelper {version('crhelper')}",
            f"boto3 {version('boto3')}",
            f"awslambdaric {version('awslambdaric')}",
            f"Python {platform.python_version()}",
            f"Node.js {node}",
        ]
    )
    return (
        "# Results\n\n"
        "Written by `make bench`; [docs/performance.md](../docs/performance.md) explains them. One run on one machine "
        f"of {os.cpu_count()} cores, {repetitions} interleaved rounds: a figure with a range is the median of the "
        f"rounds and its quartiles, all others are counts. Compared: {tools}."
    )


if __name__ == "__main__":
    if not NODE_MODULES.is_dir():
        raise SystemExit("run `make bench`, which installs what the comparisons need")
    main()
