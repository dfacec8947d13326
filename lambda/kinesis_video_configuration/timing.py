"""Time: the clock, and every duration, in seconds. They follow from each other, and a test fails if they don't."""

from __future__ import annotations

import time

now = time.monotonic
sleep = time.sleep

CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0
CALL_SECONDS = CONNECT_SECONDS + READ_SECONDS
"""What one call may take. No call starts later than this before the deadline."""

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 5.0
"""The longest wait before a call is repeated: it doubles from the first one."""

ACCESS_DENIED_SECONDS = 60.0
"""How long a right may take to reach every part of IAM after CloudFormation has created the role."""

SEND_SECONDS = 4.0
SEND_PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0)
"""The pause before each attempt to send the answer."""

ANSWER_RESERVE_SECONDS = 20.0
"""Kept back to send the answer: 4 attempts of 4 s and 3.5 s of pauses are 19.5 s."""


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
