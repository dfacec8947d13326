"""A tool's app in a process of its own, as `cdk synth` runs it."""

from __future__ import annotations

from .processes import measure
from .rounds import Sample


def app(tool: str, count: int, *, validation: bool) -> Sample:
    """Run a tool's app of `count` streams; tell what it used in all, and "import's CPU" and "import's time" of that.

    Without `validation` CDK doesn't validate the template, as with `cdk synth --no-validation`.
    """
    imports = "from bench.machinery.assembly import synthesise; from bench.peers import cameras_of; "
    imported, synthesised = measure(
        f"{imports}cameras_of({tool!r})", f"synthesise({tool!r}, {count})", CDK_VALIDATION=str(validation).lower()
    )
    return {**synthesised, "import's CPU": imported["CPU"], "import's time": imported["time"]}
