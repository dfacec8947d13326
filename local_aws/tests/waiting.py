"""Waits until the local AWS has done something."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(read: Callable[[], T], done: Callable[[T], bool] = bool) -> T:
    """Read until the result satisfies `done`, and return it."""
    deadline = time.monotonic() + 30
    while not done(found := read()):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found
