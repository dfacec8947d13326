"""Calls at a pace, so that they never exceed their quota, whatever the network does to them."""

from __future__ import annotations

from collections import defaultdict, deque
from threading import Lock
from types import TracebackType
from typing import Any

from kinesis_video_configuration import Deadline, timing
from kinesis_video_configuration.retries import Retries


class Pace:
    """Lets so many calls through that the service sees no more than a number of them in any second.

    Evenly spaced calls can still arrive together, when one was held up on its way. So a call counts from its start
    until a second after its answer: wherever between the two the service counts it, it counts no more in a second.

    Parameters
    ----------
    calls_per_second
        The number, which no more callers than that share.
    """

    def __init__(self, calls_per_second: int) -> None:
        self._calls_per_second = calls_per_second
        self._lock = Lock()
        self._running = 0
        self._ended: deque[float] = deque(maxlen=calls_per_second)
        # Not at once: the function that ran before may have made its last call just now.
        self._next = timing.now() + 1 / calls_per_second

    def __enter__(self) -> None:
        """Wait for one's turn."""
        with self._lock:
            now = timing.now()
            start = max(now, self._next)
            room = self._calls_per_second - self._running
            if len(self._ended) >= room:
                start = max(start, self._ended[-room] + 1)
            self._next = start + 1 / self._calls_per_second
            self._running += 1
        timing.sleep(start - now)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Note the answer."""
        with self._lock:
            self._running -= 1
            self._ended.append(timing.now())


class Paces:
    """A pace for each operation: the quota of one is not used up by calls of another."""

    def __init__(self, calls_per_second: int) -> None:
        self._lock = Lock()
        self._paces: defaultdict[str, Pace] = defaultdict(lambda: Pace(calls_per_second))

    def of(self, operation: str) -> Pace:
        """Find the pace of an operation."""
        with self._lock:
            return self._paces[operation]


class PacedRetries(Retries):
    """The policy of `Retries`, with each call in its turn, also one that is repeated."""

    def __init__(self, deadline: Deadline, paces: Paces, denied: Deadline | None = None) -> None:
        super().__init__(deadline, denied)
        self._paces = paces

    def once(self, client: Any, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call one time, in turn."""
        with self._paces.of(operation):
            return super().once(client, operation, **parameters)
