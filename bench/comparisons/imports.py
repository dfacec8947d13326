"""Imports: what importing the library takes on top of what an app of its user imports anyway."""

from __future__ import annotations

from ..machinery.processes import measure
from ..machinery.rounds import Spread, interleave, ratios
from ..report.text import Result, table

OURS = "import cdk_kinesis_video"
THEIRS = "import aws_cdk; from aws_cdk import aws_s3"
TARGET = 1.25
FIGURES = {"Python's CPU": "s", "Python's peak memory": "MB", "CPU": "s", "peak memory": "MB"}


def run(repetitions: int) -> Result:
    """Measure both, each time in a process of its own."""
    measure(OURS)  # so that nobody pays for compiling Python or unpacking jsii's packages
    cases = {THEIRS: lambda: measure(THEIRS)[0], OURS: lambda: measure(OURS)[0]}
    samples = interleave(repetitions, cases, "imports")
    shares = [ratios(samples, THEIRS, figure)[OURS] for figure in FIGURES]
    return Result(
        [
            "One import in a process of its own; the last two columns count the Node.js process, too, that CDK starts:",
            table(
                ["statement", *(f"{figure}, {unit}" for figure, unit in FIGURES.items())],
                [
                    *([f"`{code}`", *(Spread.of(s[f] for s in samples[code]) for f in FIGURES)] for code in samples),
                    ["ours / theirs", *shares],
                ],
            ),
            f"The import takes {shares[0]} times the CPU and {shares[1]} times the memory; the target is {TARGET} of "
            "both.",
        ]
    )
