from __future__ import annotations

import os

import pytest

# CDK's own validation of templates takes 4 s of CPU to start, in every process. The test of the apps asks for it.
os.environ["CDK_VALIDATION"] = "false"


SLOW = ("integ", "apps", "acceptance", "drift")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no process is left with one of them in the end."""
    items.sort(key=lambda item: item.path.parent.name not in SLOW)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have measured: numbers that are reported, and not asserted."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
