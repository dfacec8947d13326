"""One camera: what `python app.py` takes, import and synth together, for an app of one stream."""

from __future__ import annotations

from functools import partial

from ..machinery.apps import app
from ..machinery.rounds import Spread, interleave, ratios
from ..peers import AWS_CUSTOM_RESOURCE, OURS, TOOLS
from ..report.text import comparison, paragraphs, table

FIGURES = ("time", "CPU", "peak memory")


def run(repetitions: int) -> str:
    """Measure every tool's app with CDK's template validation and without it."""
    for tool in TOOLS:
        app(tool, 1, validation=True)  # so that nobody pays for compiling Python or unpacking jsii's packages
    cases = {(tool, on): partial(app, tool, 1, validation=on) for tool in TOOLS for on in (False, True)}
    samples = interleave(repetitions, cases, "one camera")
    off, on = ({tool: samples[tool, validated] for tool in TOOLS} for validated in (False, True))
    left = {tool: [ratios({"off": off[tool], "on": on[tool]}, "on", f)["off"] for f in FIGURES] for tool in TOOLS}
    saved = {tool: Spread.of(a["CPU"] - b["CPU"] for a, b in zip(on[tool], off[tool], strict=True)) for tool in TOOLS}
    share = ratios(off, AWS_CUSTOM_RESOURCE, "CPU")[OURS]
    return paragraphs(
        f"A stream, a bucket and the images, imports included, as a multiple of {AWS_CUSTOM_RESOURCE}. Without CDK's "
        "template validation:",
        comparison(off, AWS_CUSTOM_RESOURCE, ("import's CPU", *FIGURES)),
        "With it, as is CDK's default:",
        comparison(on, AWS_CUSTOM_RESOURCE, FIGURES),
        "What `--no-validation` leaves of an app with validation, and the CPU that it saves:",
        table(["tool", *FIGURES, "saved, s"], ([tool, *left[tool], saved[tool]] for tool in TOOLS)),
        f"Without validation {OURS} takes {share} of {AWS_CUSTOM_RESOURCE}'s CPU; the target is 1.00.",
    )
