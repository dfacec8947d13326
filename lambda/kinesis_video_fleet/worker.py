"""Sets, or removes, the configuration of some streams. A stream that fails doesn't delay the others."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ParamValidationError

from kinesis_video_configuration import IMAGE_GENERATION, Deadline, timing
from kinesis_video_configuration.retries import THROTTLED_OR_BUSY, CallError, Retries
from kinesis_video_contract.fleets import DENIED, EQUAL, GONE, NOT_TRIED, REMOVED, SET

from .declaration import Rules
from .outcome import Outcome
from .pace import Pace

THREADS = 20
"""Each waits for one call: enough for a reply time of 100 ms while every tenth call gets no reply."""
FIRST_READ_SECONDS = 2.0
"""How long the first attempt waits for a reply: until then the call counts in the pace. The second one waits longer,
and sees the result of the first."""
LOOK_SECONDS = 1
"""How often a pass checks whether it still has the turn."""
LONGEST_UNSEEN_SECONDS = LOOK_SECONDS + 0.5
"""After that long nothing is set without a further check, such as while Amazon S3 is slow."""
THROTTLED_ATTEMPTS = 6
"""How often one stream is tried while other callers use up the quota."""
LONGEST_THROTTLED_WAIT_SECONDS = 1.0

_THROTTLED = THROTTLED_OR_BUSY - {"ResourceInUseException"}


class TurnLostError(Exception):
    """The pass must not set anything more; the message says why."""


class _Calls(Retries):
    """Makes calls once, each in the pace of its operation; keeps which operations succeeded or were denied."""

    def __init__(self, deadline: Deadline, calls_per_second: int) -> None:
        super().__init__(deadline)
        # The quota of one operation is not used up by calls of the other.
        self._paces = {name: Pace(calls_per_second) for name in (IMAGE_GENERATION.describe, IMAGE_GENERATION.update)}
        self.succeeded: set[str] = set()
        self.denied: dict[str, float] = {}
        """When they were denied first."""

    def once(self, client: Any, operation: str, **parameters: Any) -> dict[str, Any]:
        name = client.meta.method_to_api_mapping[operation]
        try:
            with self._paces[operation]:
                response = super().once(client, operation, **parameters)
        except CallError as error:
            if error.denied:
                self.denied.setdefault(name, timing.now())
            raise
        self.succeeded.add(name)
        return response

    def repeat(self, unit: Callable[[], Any], calls: int = 1) -> Any:
        return unit()


@dataclass
class Worker:
    """Works on one batch, with one attempt for each stream."""

    client: Any
    """A client of Kinesis Video Streams, as `create_client` makes it."""
    rules: Rules
    calls_per_second: int
    """The maximum number of calls of each operation."""
    deadline: Deadline
    stop: Callable[[], str] = lambda: ""
    """Returns why this pass must not set anything more; empty while it may."""
    touch: Callable[[], object] = lambda: None
    """Is called before the first stream is set, or when one is found to be set."""
    waits_for_access: bool = True
    """Whether to wait for access if all calls are denied: a new permission takes a while to reach all of IAM."""
    denied: str = field(default="", init=False)
    """The error, if the pass can't continue because one of the calls is denied to it."""
    stopped: str = field(default="", init=False)
    """Why it has stopped before its end."""

    def work(self, stream_arns: Iterable[str]) -> Outcome:
        """Work on streams. Those that no time or no turn was left for have the outcome "not tried"."""
        self._calls = _Calls(self.deadline, self.calls_per_second)
        self._look_at = self._seen = timing.now()
        self._has_touched = self._has_set = False
        whole = Outcome()
        with ThreadPoolExecutor(min(THREADS, self.calls_per_second)) as pool:
            for stream_arn, again, outcome in pool.map(self._one, stream_arns):
                if again:
                    whole.again[stream_arn] = outcome
                else:
                    whole.add(stream_arn, *outcome)
        return whole

    def _one(self, stream_arn: str) -> tuple[str, bool, tuple[str, str]]:
        attempt = 0
        while True:
            attempt += 1
            try:
                self._require_turn()
                outcome = self.rules.apply(self._calls, self.client, stream_arn, self._before_setting)
            except TurnLostError as error:
                return stream_arn, False, (NOT_TRIED, str(error))
            except (ParamValidationError, ValueError) as error:
                return stream_arn, False, (type(error).__name__, str(error))
            except CallError as error:
                if error.code == "ResourceNotFoundException":
                    return stream_arn, False, (GONE, "")
                if error.code == "OutOfTime":
                    return stream_arn, False, (NOT_TRIED, str(error))
                wait = self._wait(error, attempt)
                if not wait:
                    return (
                        stream_arn,
                        error.passing or error.denied,
                        (DENIED if error.denied else error.code, str(error)),
                    )
                timing.sleep(random.uniform(0, wait))
            else:
                self._has_set = self._has_set or outcome[0] in (SET, EQUAL, REMOVED)
                return stream_arn, False, outcome

    def _wait(self, error: CallError, attempt: int) -> float:
        """Decide how long to wait before the stream is tried again; 0 if it must not delay the others."""
        longest: float = timing.FIRST_WAIT_SECONDS * 2**attempt
        if not error.denied:
            is_throttled = error.code in _THROTTLED and attempt < THROTTLED_ATTEMPTS
            return min(longest, LONGEST_THROTTLED_WAIT_SECONDS) if is_throttled else 0
        if error.operation in self._calls.succeeded or not self.waits_for_access:
            # The permission is there, but not for this stream.
            return 0
        if timing.now() - self._calls.denied[error.operation] < timing.ACCESS_DENIED_SECONDS:
            return min(longest, timing.LONGEST_WAIT_SECONDS)
        if not self._has_set:
            # Otherwise others need no such call: a pass that finds all set except one must not end because of that one.
            self.denied = self.stopped = str(error)
        return 0

    def _before_setting(self) -> None:
        self._require_turn()
        if not self._has_touched:
            # Before it is set: later passes must know. Two threads may do so at the same time.
            self.touch()
            self._has_touched = True
            # Amazon S3 may have taken its time.
            self._require_turn()

    def _require_turn(self) -> None:
        now = timing.now()
        # Two threads may look at the same time, which does no harm. While a look takes long, the others look, too.
        if not self.stopped and (now >= self._look_at or now >= self._seen + LONGEST_UNSEEN_SECONDS):
            self._look_at = now + LOOK_SECONDS
            self.stopped = self.stop() or self.stopped
            self._seen = now
        if not self.stopped and self.deadline.remaining() <= timing.CALL_SECONDS:
            # Without waiting for the pace.
            self.stopped = "no time was left for it"
        if self.stopped:
            raise TurnLostError(self.stopped)
