"""One camera: what `python app.py` takes, import and synth together, for an app of one stream."""

from __future__ import annotations

from functools import partial

from ..machinery.apps import imported_and_synthesised
from ..machinery.rounds import Sample, Spread, interleave, ratio
from ..peers import AWS_CUSTOM_RESOURCE, OURS, TOOLS
from ..report.text import Result, table

FIGURES = ("time", "CPU", "peak memory")


def run(repetitions: int) -> Result:
    """Measure every tool's app with CDK's template validation and without it."""
    cases = {(tool, on): partial(_measure, tool, validation=on) for tool in TOOLS for on in (False, True)}
    for case in cases.values():
        case()  # so that nobody pays for compiling Python or unpacking jsii's packages
    samples = interleave(repetitions, cases, "one camera")

    def compare(figure: str, on: bool) -> dict[str, Spread]:
        return {tool: ratio(samples[tool, on], samples[AWS_CUSTOM_RESOURCE, on], figure) for tool in TOOLS}

    def compared(on: bool) -> str:
        columns = {figure: compare(figure, on) for figure in ("import's CPU", *FIGURES)}
        return table(
            ["tool", *columns],
            (
                [tool, *("1" if tool == AWS_CUSTOM_RESOURCE else column[tool] for column in columns.values())]
                for tool in TOOLS
            ),
        )

    return Result(
        [
            "A stream, a bucket and the images, imports included, as a multiple of AwsCustomResource. Without CDK's "
            "template validation:",
            compared(False),
            "With it, as is CDK's default:",
            compared(True),
            "What `--no-validation` leaves of the app with validation:",
            table(
                ["tool", *FIGURES, "CPU saved, s"],
                (
                    [
                        tool,
                        *(ratio(samples[tool, False], samples[tool, True], figure) for figure in FIGURES),
                        _saved(samples[tool, True], samples[tool, False]),
                    ]
                    for tool in TOOLS
                ),
            ),
            f"Without validation {OURS} takes {compare('CPU', False)[OURS]} of {AWS_CUSTOM_RESOURCE}'s CPU; the target "
            "is 1.00.",
        ],
        compare("CPU", False),
    )


def _measure(tool: str, *, validation: bool) -> Sample:
    imported, whole = imported_and_synthesised(tool, 1, validation=validation)
    return {**whole, "import's CPU": imported["CPU"]}


def _saved(on: list[Sample], off: list[Sample]) -> Spread:
    return Spread.of(a["CPU"] - b["CPU"] for a, b in zip(on, off, strict=True))
