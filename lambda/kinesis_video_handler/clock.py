"""Time, in one place, so that every wait of the handler follows the same deadline."""

from __future__ import annotations

import time

now = time.monotonic
sleep = time.sleep


class Deadline:
    """A moment that work must not outlive.

    Parameters
    ----------
    seconds
        Time from now on, in seconds.
    """

    def __init__(self, seconds: float) -> None:
        self._end = now() + seconds

    def remaining(self) -> float:
        """Seconds left, 0 when the moment has passed."""
        return max(0.0, self._end - now())
