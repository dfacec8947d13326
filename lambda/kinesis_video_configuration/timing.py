"""The clocks, and every duration, in seconds. `tests/configuration/test_timing.py` fails if they don't fit together."""

from __future__ import annotations

import time

now = time.monotonic
sleep = time.sleep
since_1970 = time.time
"""Only for dates that other systems write: this clock can be set back."""

CONNECT_SECONDS = 3.0
"""For connecting to one address, and for writing the request."""

READ_SECONDS = 5.0
"""For waiting for the reply, or for its next part."""

CALL_SECONDS = CONNECT_SECONDS + READ_SECONDS
"""The longest that a call takes, if its service has one address. No call starts later than this before the deadline."""

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 5.0
"""The span of the random wait before a call is repeated doubles, from the first to the longest."""

ACCESS_DENIED_SECONDS = 60.0
"""How long a permission may take to reach every part of IAM after CloudFormation has created the role."""

TAKE_BACK_SECONDS = 3 * CALL_SECONDS
"""An update reserves this time to undo what it may have set on another stream, or to read what a stream has."""

SEND_SECONDS = 4.0
"""For each step of an attempt to send the answer: to connect, or to wait for the reply."""

SEND_PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0)
"""The pause before each attempt to send the answer."""

ANSWER_RESERVE_SECONDS = 32.0
"""Reserved for all attempts to send the answer, after a request that is being written. The answer is known after 148 of
the function's 180 s, whatever a call is doing then."""

SECOND_LOOK_SECONDS = 10.0
"""The wait before a value that may have been read too early is read again."""

SERVICE_TIMEOUT_SECONDS = 3600
"""How long CloudFormation waits for an answer if the custom resource doesn't say."""


class Deadline:
    """The moment, this many seconds from now, by which work must have ended."""

    def __init__(self, seconds: float) -> None:
        self._end = now() + seconds

    def remaining(self) -> float:
        """Seconds left, 0 when the moment has passed."""
        return max(0.0, self._end - now())

    def earlier(self, seconds: float) -> Deadline:
        """Return the moment that is this many seconds before this one."""
        return Deadline(self._end - now() - seconds)
