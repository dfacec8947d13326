"""A tool's app in a process of its own, as `cdk synth` runs it."""

from __future__ import annotations

from ..peers import Declared
from .processes import measure
from .rounds import Sample


def app(
    tool: str, count: int, *, validation: bool, declared: Declared | None = None, stages: int | None = None
) -> Sample:
    """Run a tool's app of `count` streams; return what it used in all, and "import's CPU" and "import's time" of that.

    With `stages` each stage has `count` streams. Without `validation` the CDK doesn't validate the template, as with
    `cdk synth --no-validation`.
    """
    imports = "from bench.machinery.assembly import synthesise; from bench.peers import Declared, cameras_of; "
    imported, synthesised = measure(
        f"{imports}cameras_of({tool!r})",
        f"synthesise({tool!r}, {count}, {declared or Declared()!r}, stages={stages})",
        CDK_VALIDATION=str(validation).lower(),
    )
    return {**synthesised, "import's CPU": imported["CPU"], "import's time": imported["time"]}
