"""Threads in a time that passes only while all of them wait."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Lock, Thread
from types import SimpleNamespace
from typing import Any


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
            self._running -= 1
            self._wake()
        wake.acquire()

    def pool(self, max_workers: int) -> AbstractContextManager[Any]:
        """Make a ThreadPoolExecutor in this time, as far as `map` goes."""
        return nullcontext(SimpleNamespace(map=partial(self._map, max_workers)))

    def _map(self, max_workers: int, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        to_do = list(items)
        results: list[Any] = [None] * len(to_do)
        numbered = iter(enumerate(to_do))

        def run() -> None:
            self.queue(0)
            # Only one thread runs at a time.
            for number, item in numbered:
                try:
                    results[number] = (function(item), None)
                except Exception as error:
                    results[number] = (None, error)
            self._count(-1)

        threads = [Thread(target=run, daemon=True) for _ in range(max_workers)]
        self._count(len(threads))
        for thread in threads:
            thread.start()
        # This one waits for them, which takes none of this time.
        self._count(-1)
        for thread in threads:
            thread.join()
        self._count(1)
        for result, error in results:
            if error is not None:
                raise error
            yield result

    def _count(self, more: int) -> None:
        """Count the threads that run."""
        with self._lock:
            self._running += more
            self._wake()

    def _wake(self) -> None:
        if self._running == 0 and self._waiting:
            self.time, _, wake = heapq.heappop(self._waiting)
            self._running = 1
            wake.release()
