"""A tool's app in a process of its own, as `cdk synth` runs it."""

from __future__ import annotations

from .processes import measure
from .rounds import Sample


def imported_and_synthesised(tool: str, count: int, *, validation: bool) -> tuple[Sample, Sample]:
    """Run a tool's app of `count` streams; tell what it had used after its imports, and in the end.

    Parameters
    ----------
    tool
        The tool.
    count
        The number of streams.
    validation
        Have CDK validate the template; False is what `cdk synth --no-validation` does.
    """
    imported, synthesised = measure(
        f"from bench.machinery.assembly import synthesise\nfrom bench.peers import cameras_of\ncameras_of({tool!r})",
        f"synthesise({tool!r}, {count})",
        CDK_VALIDATION=str(validation).lower(),
    )
    return imported, synthesised
