"""Round trips: how often a further stream asks the Node.js process that CDK runs in."""

from __future__ import annotations

from tempfile import mkdtemp

from aws_cdk import App, Stack

from ..machinery.round_trips import counted
from ..peers import OURS, TOOLS, Declared, cameras_of
from ..report.text import Result, table

TARGET, TARGET_GRANTED = 11, 17
_FURTHER = 10


def run(_repetitions: int) -> Result:
    """Count; nothing here differs from one time to the next."""
    granted = Declared(producer=True)
    rows = [[tool, f"{per_further_stream(tool):.1f}"] for tool in TOOLS]
    rows.append([f"{OURS}, with a producer's grant", f"{per_further_stream(OURS, granted):.1f}"])
    return Result(
        [
            "Requests to Node.js for a further stream and its images, declared and synthesised, about 0.5 ms each:",
            table(["tool", "round trips"], rows),
            f"The targets of {OURS} are {TARGET}, and {TARGET_GRANTED} with a producer's grant.",
        ]
    )


def per_further_stream(tool: str, declared: Declared | None = None) -> float:
    """Count the round trips for a further stream."""
    few, many = (_round_trips(tool, count, declared or Declared()) for count in (1, 1 + _FURTHER))
    return (many - few) / _FURTHER


def _round_trips(tool: str, count: int, declared: Declared) -> int:
    app = App(outdir=mkdtemp(), context={"@aws-cdk/core:stackResourceLimit": 0})
    stack = Stack(app, "Cameras")
    with counted() as requests:
        cameras_of(tool)(stack, count, declared)
        # A warning is told at synth, unless somebody may deliver by then.
        app.synth()
    return len(requests)
