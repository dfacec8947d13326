"""Synth: what a further stream costs whoever runs `cdk synth`."""

from __future__ import annotations

from functools import partial

from ..machinery.apps import app
from ..machinery.rounds import Sample, interleave, ratios
from ..peers import AWS_CUSTOM_RESOURCE, OURS, TOOLS
from ..report.text import Result, comparison

# More than AWS takes in a stack: what comes before the first stream varies by as much as a hundred of them take.
SMALL, LARGE = 100, 500
FIGURES = ("time", "CPU", "peak memory")
TARGET = 1.10
"""Of the CPU of the leanest other tool."""


def run(repetitions: int) -> Result:
    """Measure every tool with few and with many streams, each time in a process of its own as a user does."""
    for tool in TOOLS:
        app(tool, 1, validation=True)  # so that nobody pays for compiling Python or unpacking jsii's packages
    cases = {(tool, on): partial(_further, tool, validation=on) for tool in TOOLS for on in (False, True)}
    samples = interleave(repetitions, cases, "synth")
    off, on = ({tool: samples[tool, validated] for tool in TOOLS} for validated in (False, True))
    shares = ratios(on, AWS_CUSTOM_RESOURCE, "CPU")
    leanest = min((tool for tool in TOOLS if tool != OURS), key=lambda tool: shares[tool].median)
    share = ratios(on, leanest, "CPU")[OURS]
    return Result(
        [
            f"Per further stream (a stack of {LARGE} against one of {SMALL}), as a multiple of {AWS_CUSTOM_RESOURCE}. "
            "With CDK's template validation, as is its default:",
            comparison(on, AWS_CUSTOM_RESOURCE, FIGURES),
            "Without it (`cdk synth --no-validation`):",
            comparison(off, AWS_CUSTOM_RESOURCE, FIGURES),
            f"With validation {OURS} takes {share} of the CPU of {leanest}, the leanest other tool, per further "
            f"stream; the target is {TARGET:.2f}.",
        ]
    )


def _further(tool: str, *, validation: bool) -> Sample:
    few, many = (app(tool, count, validation=validation) for count in (SMALL, LARGE))
    further = {figure: (many[figure] - few[figure]) / (LARGE - SMALL) for figure in FIGURES}
    # What the imports took differs from process to process, and not by the number of streams.
    for figure in ("time", "CPU"):
        further[figure] -= (many[f"import's {figure}"] - few[f"import's {figure}"]) / (LARGE - SMALL)
    return further
