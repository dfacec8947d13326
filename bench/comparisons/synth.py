"""Synth: what a further stream costs whoever runs `cdk synth`."""

from __future__ import annotations

from functools import partial

from ..machinery.apps import imported_and_synthesised
from ..machinery.rounds import Sample, Spread, interleave, ratio
from ..peers import AWS_CUSTOM_RESOURCE, OURS, TOOLS
from ..report.text import Result, table

# More than AWS takes in a stack: what comes before the first stream varies by as much as a hundred of them take.
SMALL, LARGE = 100, 500
FIGURES = ("time", "CPU", "peak memory")
TARGET = 0.65


def run(repetitions: int) -> Result:
    """Measure every tool with few and with many streams, each time in a process of its own as a user does."""
    for tool in TOOLS:
        imported_and_synthesised(tool, 1, validation=True)  # so that nobody pays for unpacking jsii's packages
    cases = {(tool, on): partial(_further, tool, validation=on) for tool in TOOLS for on in (True, False)}
    samples = interleave(repetitions, cases, "synth")
    shares = {
        on: {f: {t: ratio(samples[t, on], samples[AWS_CUSTOM_RESOURCE, on], f) for t in TOOLS} for f in FIGURES}
        for on in (True, False)
    }
    cpu = shares[True]["CPU"][OURS], shares[False]["CPU"][OURS]
    return Result(
        [
            f"Per further stream (a stack of {LARGE} against one of {SMALL}), as a multiple of {AWS_CUSTOM_RESOURCE}. "
            "With CDK's template validation, as is its default:",
            _table(shares[True]),
            "Without it (`cdk synth --no-validation`):",
            _table(shares[False]),
            f"{OURS} takes {cpu[0]} of {AWS_CUSTOM_RESOURCE}'s CPU per further stream with validation; the target is "
            f"{TARGET}. Without it, {cpu[1]}.",
        ],
        shares[True]["CPU"],
    )


def _further(tool: str, *, validation: bool) -> Sample:
    """Tell what a further stream costs from what comes before the first one."""
    few, many = (_synth(tool, count, validation=validation) for count in (SMALL, LARGE))
    return {figure: (many[figure] - few[figure]) / (LARGE - SMALL) for figure in FIGURES}


def _synth(tool: str, count: int, *, validation: bool) -> Sample:
    imported, whole = imported_and_synthesised(tool, count, validation=validation)
    return {**whole, **{figure: whole[figure] - imported[figure] for figure in ("time", "CPU")}}


def _table(shares: dict[str, dict[str, Spread]]) -> str:
    return table(
        ["tool", *FIGURES],
        ([tool, *("1" if tool == AWS_CUSTOM_RESOURCE else shares[f][tool] for f in FIGURES)] for tool in TOOLS),
    )
