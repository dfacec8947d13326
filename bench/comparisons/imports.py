"""Imports: what importing the library takes on top of what an app of its user imports anyway."""

from __future__ import annotations

from functools import partial

from ..machinery.processes import measure
from ..machinery.rounds import Sample, Spread, interleave, ratio
from ..report.text import Result, table

OURS = "import cdk_kinesis_video"
THEIRS = "import aws_cdk; from aws_cdk import aws_s3"
TARGET = 1.25


def run(repetitions: int) -> Result:
    """Measure both, each time in a process of its own."""
    cases = {code: partial(_measure, code) for code in (THEIRS, OURS)}
    for case in cases.values():
        case()  # so that nobody pays for compiling Python or unpacking jsii's packages
    samples = interleave(repetitions, cases, "imports")
    figures = {"Python's CPU": "s", "Python's peak memory": "MB", "CPU": "s", "peak memory": "MB"}
    shares = [ratio(samples[OURS], samples[THEIRS], figure) for figure in figures]
    return Result(
        [
            "One import in a process of its own; the last two columns count the Node.js process, too, that CDK starts:",
            table(
                ["statement", *(f"{figure}, {unit}" for figure, unit in figures.items())],
                [
                    *([f"`{code}`", *(Spread.of(s[f] for s in samples[code]) for f in figures)] for code in cases),
                    ["ours / theirs", *shares],
                ],
            ),
            f"The import takes {shares[0]} times the CPU and {shares[1]} times the memory; the target is {TARGET} of "
            "both.",
        ]
    )


def _measure(code: str) -> Sample:
    return measure(code)[-1]
