"""Sets, or removes, the configuration of a batch of streams.

Streams follow the rules of the custom resource for one stream: what differs from the declaration and from the earlier
ones is somebody else's and is left alone, unless it is to be adopted.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ParamValidationError

from kinesis_video_configuration import IMAGE_GENERATION, Deadline, differences, timing
from kinesis_video_configuration.retries import THROTTLED_OR_BUSY, CallError
from kinesis_video_configuration.service import KinesisVideo
from kinesis_video_contract.fleets import DENIED, EQUAL, FOREIGN, GONE, NOT_TRIED, REMOVED, SET, WITHOUT_RETENTION

from .declaration import FleetDeclaration
from .pace import PacedRetries, Paces

THREADS = 20
"""Of which each waits for one call: enough for a reply time of 100 ms while every tenth call gets no reply."""
FIRST_READ_SECONDS = 2.0
"""How long the first attempt waits for a reply: until it is over, the call counts in the pace. The second one waits
longer, and sees what became of the first."""
LOOK_SECONDS = 1
"""How often a pass looks whether it may still work."""
THROTTLED_ATTEMPTS = 6
"""How often one stream is tried while other callers use up the quota."""
LONGEST_THROTTLED_WAIT_SECONDS = 1.0

KEPT = "it keeps what an earlier deployment of this fleet declared"
_THROTTLED = THROTTLED_OR_BUSY - {"ResourceInUseException"}


@dataclass(frozen=True)
class Rules:
    """What a pass does with each stream."""

    declaration: FleetDeclaration | None
    """What the streams shall have; None to remove what they have."""
    earlier: tuple[tuple[FleetDeclaration, frozenset[str] | None], ...] = ()
    """What they may have of this fleet, each with the ARNs of the streams that may have it; None for all."""

    @classmethod
    def parse(cls, declaration: Mapping[str, Any] | None, earlier: Iterable[Mapping[str, Any]]) -> Rules:
        """Read them as a pass has them in S3."""
        wanted = None if declaration is None else FleetDeclaration.parse(declaration)
        return cls(
            wanted,
            tuple(
                (FleetDeclaration.parse(each["properties"]), each["streams"] and frozenset(each["streams"]))
                for each in earlier
            ),
        )

    def apply(self, calls: PacedRetries, client: Any, stream_arn: str, before: Callable[[], object]) -> tuple[str, str]:
        """Have one stream follow; say what that took, and what else there is to say. It raises as `calls` and `before`.

        One description decides: the API has no conditional write, so what was read is at most a call old.
        """
        found = KinesisVideo(client, calls).configuration(IMAGE_GENERATION, stream_arn)
        wanted = None if self.declaration is None else self.declaration.of(stream_arn)
        if found is None and wanted is None:
            return EQUAL, ""
        if found is not None and wanted is not None and not differences(IMAGE_GENERATION, wanted, found):
            before()
            return EQUAL, ""
        adopts = self.declaration is not None and self.declaration.adopts
        if found is not None and not adopts and not self._is_own(stream_arn, found):
            return FOREIGN, ""
        before()
        try:
            # Left out, the API deletes the configuration.
            parameters = {} if wanted is None else {IMAGE_GENERATION.configuration: wanted}
            calls.once(client, IMAGE_GENERATION.update, StreamARN=stream_arn, **parameters)
        except CallError as error:
            if error.code != "NoDataRetentionException":
                raise
            return WITHOUT_RETENTION, KEPT if found is not None and self._is_own(stream_arn, found) else ""
        return (REMOVED if wanted is None else SET), ""

    def _is_own(self, stream_arn: str, found: Mapping[str, Any]) -> bool:
        for earlier, streams in self.earlier:
            if streams is None or stream_arn in streams:
                # What can't be read was never set.
                with suppress(ValueError):
                    if not differences(IMAGE_GENERATION, earlier.of(stream_arn, ignore_unknown=True), found):
                        return True
        return False


@dataclass
class Report:
    """What came of a batch."""

    counts: Counter[str] = field(default_factory=Counter)
    named: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By their ARNs the streams that were not set: what came of each, or the service's name of the error, and why."""
    again: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The streams that are not in `counts`, since another attempt may succeed; with the failure of this one."""

    def add(self, stream_arn: str, outcome: str, text: str = "") -> None:
        """Note what came of one stream."""
        self.counts[outcome] += 1
        if outcome not in (SET, REMOVED, EQUAL, GONE):
            self.named[stream_arn] = (outcome, text)

    def give_up(self) -> Report:
        """Count as failed what would be tried again."""
        for stream_arn, failure in self.again.items():
            self.add(stream_arn, *failure)
        self.again.clear()
        return self


class TurnLostError(Exception):
    """The pass must set nothing more; the message says why."""


class _Calls(PacedRetries):
    """Calls that are made one time, and that remember which operations are allowed, and since when others are not."""

    def __init__(self, deadline: Deadline, paces: Paces) -> None:
        super().__init__(deadline, paces)
        self.succeeded: set[str] = set()
        self.denied: dict[str, float] = {}

    def once(self, client: Any, operation: str, **parameters: Any) -> dict[str, Any]:
        name = client.meta.method_to_api_mapping[operation]
        try:
            response = super().once(client, operation, **parameters)
        except CallError as error:
            if error.denied:
                self.denied.setdefault(name, timing.now())
            raise
        self.succeeded.add(name)
        return response

    def repeat(self, unit: Callable[[], Any], calls: int = 1) -> Any:
        return unit()


class Worker:
    """Works on one batch. A stream gets one attempt: what is sick never takes the time of the others.

    Parameters
    ----------
    client
        Of Kinesis Video Streams, what `create_client` makes.
    rules
        What is done with each stream.
    calls_per_second
        How often each operation is called at the most.
    deadline
        When the batch must be over.
    stop
        Says why this pass must set nothing more; empty while it may.
    touch
        Is called before the first stream is set, or is found to be set.
    waits_for_access
        Whether access that is denied to all calls is waited for: a new permission takes a while to reach all of IAM.
    """

    def __init__(
        self,
        client: Any,
        rules: Rules,
        calls_per_second: int,
        deadline: Deadline,
        stop: Callable[[], str] = lambda: "",
        touch: Callable[[], object] = lambda: None,
        *,
        waits_for_access: bool = True,
    ) -> None:
        self._client = client
        self._rules = rules
        self._threads = min(THREADS, calls_per_second)
        self._deadline = deadline
        self._calls = _Calls(deadline, Paces(calls_per_second))
        self._stop = stop
        self._touch: Callable[[], object] | None = touch
        self._patience = timing.ACCESS_DENIED_SECONDS if waits_for_access else 0
        self._look_at = timing.now()
        self._is_through = False
        self.denied = ""
        """Why the pass can't go on: nobody could make one of the calls."""
        self.stopped = ""

    def work(self, stream_arns: Iterable[str]) -> Report:
        """Have the streams follow. Those that there was no time for, or no turn, are reported as not tried."""
        report = Report()
        with ThreadPoolExecutor(self._threads) as pool:
            for stream_arn, again, outcome in pool.map(self._one, stream_arns):
                if again:
                    report.again[stream_arn] = outcome
                else:
                    report.add(stream_arn, *outcome)
        return report

    def _one(self, stream_arn: str) -> tuple[str, bool, tuple[str, str]]:
        attempt = 0
        while True:
            attempt += 1
            try:
                self._require_turn()
                outcome = self._rules.apply(self._calls, self._client, stream_arn, self._before_setting)
            except TurnLostError as error:
                return stream_arn, False, (NOT_TRIED, str(error))
            except (ParamValidationError, ValueError) as error:
                return stream_arn, False, (type(error).__name__, str(error))
            except CallError as error:
                code, failure = error.code, (DENIED if error.denied else error.code, str(error))
                if code == "ResourceNotFoundException":
                    return stream_arn, False, (GONE, "")
                if error.denied:
                    if error.operation in self._calls.succeeded or not self._patience:
                        # The permission is there, but not for this stream.
                        return stream_arn, True, failure
                    if timing.now() - self._calls.denied[error.operation] >= self._patience:
                        if self._is_through:
                            # Others need no such call: a pass that finds all set but one must not end for that one.
                            return stream_arn, True, failure
                        self.denied = self.stopped = str(error)
                        return stream_arn, True, failure
                    wait = min(timing.FIRST_WAIT_SECONDS * 2**attempt, timing.LONGEST_WAIT_SECONDS)
                elif code in _THROTTLED and attempt < THROTTLED_ATTEMPTS:
                    wait = min(timing.FIRST_WAIT_SECONDS * 2**attempt, LONGEST_THROTTLED_WAIT_SECONDS)
                elif code == "OutOfTime":
                    return stream_arn, False, (NOT_TRIED, str(error))
                else:
                    return stream_arn, error.passing, failure
                timing.sleep(random.uniform(0, wait))
            else:
                self._is_through = self._is_through or outcome[0] in (SET, EQUAL, REMOVED)
                return stream_arn, False, outcome

    def _before_setting(self) -> None:
        self._require_turn()
        if self._touch is not None:
            # Before it is set: what comes later must know. Two threads may do so at the same time.
            self._touch()
            self._touch = None

    def _require_turn(self) -> None:
        # Two threads may look at the same time, which does no harm.
        if not self.stopped and timing.now() >= self._look_at:
            self._look_at = timing.now() + LOOK_SECONDS
            self.stopped = self._stop()
        if not self.stopped and self._deadline.remaining() <= timing.CALL_SECONDS:
            # Without waiting for one's turn to call.
            self.stopped = "no time was left for it"
        if self.stopped:
            raise TurnLostError(self.stopped)
