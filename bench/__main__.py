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

_HERE = Path(__file__).resolve().parent
REPETITIONS = 7
COMPARISONS = ("footprint", "one_camera", "synth", "handler", "deploy", "survival", "cameras", "fleet")
RUN_FUNCTIONS = {"handler", "deploy", "survival"}


def main() -> None:
    """Run what is asked for; only a run of everything writes the results."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("comparison", nargs="*", choices=[[], *COMPARISONS], help="run these only, and write no file")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="how often what is timed is repeated")
    arguments = parser.parse_args()
    if arguments.repetitions < (2 if arguments.comparison else REPETITIONS):
        parser.error(f"--repetitions is at least {REPETITIONS} for the results, and 2 for one comparison")
    comparisons = arguments.comparison or COMPARISONS
    if RUN_FUNCTIONS.intersection(comparisons) and not (_HERE / "node_modules").is_dir():
        parser.error("run `make bench`, which installs what the functions need")
    # Validation takes seconds of each synth, and finds nothing here; what measures it switches it on.
    os.environ["CDK_VALIDATION"] = "false"
    parts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        # Every assembly and every certificate goes there, also those of the processes that this one starts.
        tempfile.tempdir = os.environ["TMPDIR"] = directory
        for name in comparisons:
            title = name.replace("_", " ").capitalize()
            print(f"{title} ...", flush=True)
            began = time.monotonic()
            result = importlib.import_module(f"bench.comparisons.{name}").run(arguments.repetitions)
            print(f"\n{result}\n\n{title} took {time.monotonic() - began:.0f} s.\n", flush=True)
            parts.append(f"## {title}\n\n{result}")
    if not arguments.comparison:
        (_HERE / "results.md").write_text("\n\n".join([_introduction(arguments.repetitions), *parts]) + "\n")


def _introduction(repetitions: int) -> str:
    command = [os.environ.get("JSII_NODE", "node"), "--version"]
    node = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    packages = [f"{name} {version(name)}" for name in ("aws-cdk-lib", "crhelper", "boto3", "awslambdaric")]
    tools = ", ".join([*packages, f"Python {platform.python_version()}", f"Node.js {node}"])
    return (
        "# Results\n\n"
        "Written by `make bench`; [docs/performance.md](../docs/performance.md) explains them. One run on one machine "
        f"of {os.cpu_count()} cores, {repetitions} interleaved rounds: a figure with a range is the median of the "
        f"rounds and its quartiles, all others are counts. Compared with {tools}."
    )


if __name__ == "__main__":
    main()
