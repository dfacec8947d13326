"""Threads in a time that passes only while all of them wait."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from threading import Lock, Thread
from typing import Any, Self


class VirtualClock:
    """A clock whose hands jump to the next moment at which a thread has something to do. One thread runs at a time."""

    def __init__(self) -> None:
        self.time = 0.0
        self._lock = Lock()
        self._running = 1
        self._waiting: list[tuple[float, int, Lock]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.queue(seconds)

    def queue(self, seconds: float) -> None:
        """Let every thread run that is due before this one."""
        with self._lock:
            due = self.time + seconds
            if self._running == 1 and (not self._waiting or due < self._waiting[0][0]):
                self.time = due
                return
            wake = Lock()
            wake.acquire()
            heapq.heappush(self._waiting, (due, next(self._order), wake))
            self._leave()
        wake.acquire()

    def join(self, count: int) -> None:
        """Count further threads that run."""
        with self._lock:
            self._running += count

    def leave(self) -> None:
        """Count one thread less."""
        with self._lock:
            self._leave()

    def _leave(self) -> None:
        self._running -= 1
        if self._running == 0 and self._waiting:
            self.time, _, wake = heapq.heappop(self._waiting)
            self._running = 1
            wake.release()

    def pool(self, max_workers: int) -> VirtualPool:
        return VirtualPool(self, max_workers)


class VirtualPool:
    """A ThreadPoolExecutor in the time of a clock."""

    def __init__(self, clock: VirtualClock, max_workers: int) -> None:
        self._clock = clock
        self._max_workers = max_workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End; `map` has waited already."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        to_do = list(items)
        results: list[Any] = [None] * len(to_do)
        numbered = iter(enumerate(to_do))

        def run() -> None:
            self._clock.queue(0)
            # Only one thread runs at a time.
            for number, item in numbered:
                try:
                    results[number] = (function(item), None)
                except Exception as error:
                    results[number] = (None, error)
            self._clock.leave()

        threads = [Thread(target=run, daemon=True) for _ in range(self._max_workers)]
        self._clock.join(len(threads))
        for thread in threads:
            thread.start()
        self._clock.leave()
        for thread in threads:
            thread.join()
        self._clock.join(1)
        for result, error in results:
            if error is not None:
                raise error
            yield result
