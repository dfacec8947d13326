"""Synth: what a further stream costs whoever runs `cdk synth`."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from ..machinery.apps import app
from ..machinery.rounds import Sample, Spread, interleave, ratios
from ..peers import OURS, TOOLS, Declared
from ..report.text import paragraphs, table

# More than AWS takes in a stack: what comes before the first stream varies by as much as a hundred of them take.
SMALL, LARGE = 100, 500
FIGURES = ("time", "CPU", "peak memory")
TARGET = 1.10
"""Of the CPU of the leanest other tool."""
WITH_CFN_STREAM = f"{OURS}, with a CfnStream"
CASES = {OURS: Declared(), WITH_CFN_STREAM: Declared(cfn_stream=True), **dict.fromkeys(TOOLS, Declared())}

IN_STAGES = (100, 500, 1000, 2000)
STREAMS_OF_A_STAGE = 100
LEVEL = 1.10
"""Of the first step's CPU for each further stream: the most that counts as level."""
ROUNDS = 9
"""At least: a further stream takes about as much as the start varies by."""
# Fewer rounds where the range is far from a target.
ROUNDS_WITHOUT = 5
STAGED_ROUNDS = 3


def run(repetitions: int) -> str:
    """Measure every tool with few and with many streams, each time in a process of its own as a user does."""
    for tool in TOOLS:
        app(tool, 1, validation=True)  # so that nobody pays for compiling Python or unpacking jsii's packages
    rounds = max(repetitions, ROUNDS)
    on = interleave(rounds, {case: partial(_further, case, validation=True) for case in CASES}, "synth")
    off = interleave(
        ROUNDS_WITHOUT, {case: partial(_further, case, validation=False) for case in CASES}, "without validation"
    )
    to_ours = ratios(on, OURS, "CPU")
    leanest = min((tool for tool in TOOLS if tool != OURS), key=lambda tool: to_ours[tool].median)
    columns = [*(ratios(on, leanest, figure) for figure in FIGURES), ratios(off, leanest, "CPU")]
    titles = ["tool", *FIGURES, "CPU without validation", "target of the CPU"]
    targets = {OURS: f"at most {TARGET:.2f}"}
    rows = [
        [case, *("1" if case == leanest else column[case] for column in columns), targets.get(case, "")]
        for case in CASES
    ]
    return paragraphs(
        f"For each further stream (a stack of {LARGE} against one of {SMALL}), as a multiple of {leanest}, whose CPU "
        f"is the least of the other tools. With CDK's template validation, as is its default, in {rounds} rounds; the "
        f"column without it (`cdk synth --no-validation`) is of {ROUNDS_WITHOUT} rounds. The other tools declare the "
        f"stream as a CfnStream; {OURS} declares a VideoStream, and in its second row a CfnStream.",
        table(titles, rows),
        f"{OURS}'s CPU for each further stream in stages of {STREAMS_OF_A_STAGE} streams, as a multiple of the first "
        f"step's, in {STAGED_ROUNDS} rounds:",
        table(["from", "to", "CPU", "target"], _staged()),
    )


def _further(case: str, *, validation: bool) -> Sample:
    tool = OURS if case == WITH_CFN_STREAM else case
    few, many = (app(tool, count, validation=validation, declared=CASES[case]) for count in (SMALL, LARGE))
    further = {figure: (many[figure] - few[figure]) / (LARGE - SMALL) for figure in FIGURES}
    # What the imports took differs from process to process, and not by the number of streams.
    for figure in ("time", "CPU"):
        further[figure] -= (many[f"import's {figure}"] - few[f"import's {figure}"]) / (LARGE - SMALL)
    return further


def _staged() -> list[list[object]]:
    cases = {
        count: partial(app, OURS, STREAMS_OF_A_STAGE, validation=True, stages=count // STREAMS_OF_A_STAGE)
        for count in IN_STAGES
    }
    samples = interleave(STAGED_ROUNDS, cases, "synth in stages")
    cpu = {count: [sample["CPU"] - sample["import's CPU"] for sample in samples[count]] for count in IN_STAGES}
    steps = list(pairwise(IN_STAGES))
    further = {
        (few, many): [(b - a) / (many - few) for a, b in zip(cpu[few], cpu[many], strict=True)] for few, many in steps
    }
    shares = {
        step: Spread.of(a / b for a, b in zip(further[step], further[steps[0]], strict=True)) for step in steps[1:]
    }
    return [[few, many, shares.get((few, many), "1"), f"at most {LEVEL:.2f}"] for few, many in steps]
