"""Size: what is uploaded for the functions, and what they bring along."""

from __future__ import annotations

from tests.archives import zipped

from ..machinery.assembly import synthesise
from ..peers import AWS_CUSTOM_RESOURCE, CRHELPER, TOOLS
from ..report.text import Result, table

BUNDLED = {
    AWS_CUSTOM_RESOURCE: "none; the SDK's client comes with Lambda, or by npm at run time",
    CRHELPER: "crhelper",
}


def run(_repetitions: int) -> Result:
    """Count; nothing here differs from one time to the next."""
    rows = []
    for tool in TOOLS:
        assembly = synthesise(tool, 1)
        directories = [path for path in assembly.assets.values() if path.is_dir()]
        files = [path for directory in directories for path in directory.rglob("*") if path.is_file()]
        rows.append(
            [
                tool,
                len(assembly.of_type("AWS::Lambda::Function")),
                f"{sum(len(zipped(directory)) for directory in directories):,}",
                f"{sum(path.stat().st_size for path in files):,}",
                len(files),
                BUNDLED.get(tool, "none"),
            ]
        )
    return Result([table(["tool", "functions", "bytes, zipped", "bytes", "files", "dependencies in the asset"], rows)])
