from __future__ import annotations

import gc
import os
import signal

import pytest

# A shell starts what runs in the background with Ctrl-C ignored, and so would be what the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What the imports leave, half a million objects, lives to the end: to look through it for garbage at the usual pace
# takes an eighth of the tests' CPU.
gc.set_threshold(100_000, 50, 50)

# CDK's own validation of templates takes 4 s of CPU to start, in every process. The test of the apps asks for it.
os.environ["CDK_VALIDATION"] = "false"


MOSTLY_WAIT = ("acceptance", "drift", "integ")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files that wait and files that compute take turns, and end with the latter, which are short.

    One after the other, all processes wait at once for a while: a tenth more time on two cores.
    """
    files = dict.fromkeys(item.path for item in items)
    waiting = [file for file in files if file.parent.name in MOSTLY_WAIT]
    computing = [file for file in files if file.parent.name not in MOSTLY_WAIT]
    places = {file: 0.8 * place / len(waiting) for place, file in enumerate(waiting)}
    places |= {file: place / len(computing) for place, file in enumerate(computing)}
    items.sort(key=lambda item: places[item.path])


def pytest_collection_finish() -> None:
    """Leave what the imports have made out of every look for garbage; pytest takes a long one at its end, too."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have measured: numbers that are reported, and not asserted."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
