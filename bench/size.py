"""Size: what is uploaded for the functions, and what they bring along."""

from __future__ import annotations

from .assembly import synthesise
from .measure import Result, table
from .names import AWS_CUSTOM_RESOURCE, CRHELPER, OURS, PROVIDER_FRAMEWORK, TOOLS
from .stacks import zipped

BUNDLED = {
    OURS: "none",
    AWS_CUSTOM_RESOURCE: "none; the SDK's client comes with Lambda, or by npm at run time",
    PROVIDER_FRAMEWORK: "none",
    CRHELPER: "crhelper",
}


def run(_repetitions: int) -> Result:
    """Count; nothing here differs from one time to the next."""
    rows = []
    for tool in TOOLS:
        assembly = synthesise(tool, 1)
        directories = [asset.path for asset in assembly.assets.values() if asset.is_directory]
        files = [path for directory in directories for path in directory.rglob("*") if path.is_file()]
        rows.append(
            [
                tool,
                len(assembly.of_type("AWS::Lambda::Function")),
                f"{sum(len(zipped(directory)) for directory in directories):,}",
                f"{sum(path.stat().st_size for path in files):,}",
                len(files),
                BUNDLED[tool],
            ]
        )
    titles = ["tool", "functions", "bytes, zipped", "bytes", "files", "dependencies in the asset"]
    return Result(table(titles, rows))
