"""Calls at a pace, so that they never exceed their quota, however long they take."""

from __future__ import annotations

from collections import deque
from threading import Lock
from types import TracebackType

from kinesis_video_configuration import timing


class Pace:
    """Lets so many calls through that the service sees no more than this number of them in any second.

    Evenly spaced calls can arrive together if one was delayed on its way. So a call counts from its start until a
    second after its answer: whenever the service counts it, no second has more calls than allowed.
    """

    def __init__(self, calls_per_second: int) -> None:
        self._calls_per_second = calls_per_second
        self._lock = Lock()
        self._running = 0
        self._ended: deque[float] = deque(maxlen=calls_per_second)
        # Not at once: the function that ran before may just have made its last call.
        self._next = timing.now() + 1 / calls_per_second

    def __enter__(self) -> None:
        """Wait until the call is allowed."""
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
