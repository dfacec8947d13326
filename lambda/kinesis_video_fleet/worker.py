"""Sets, or removes, the configuration of a batch of streams.

Streams follow the rules of the custom resource for one stream: what differs from the declaration and from the earlier
ones is somebody else's and is left alone, unless it is to be adopted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ParamValidationError

from kinesis_video_configuration import IMAGE_GENERATION, Deadline, differences, timing
from kinesis_video_configuration.retries import CallError
from kinesis_video_configuration.service import KinesisVideo
from kinesis_video_contract.fleets import EQUAL, FOREIGN, GONE, REMOVED, SET, WITHOUT_RETENTION

from .declaration import FleetDeclaration, name_of
from .pace import PacedRetries, Paces

THREADS = 10
"""Of which each waits for one call: enough for a reply time of 100 ms, and what botocore keeps connections for."""
PATIENCE_SECONDS = 180
"""How long throttling, a stream that is not ACTIVE yet, or an error of the service is waited for."""
TURN_SECONDS = 1
"""How often a pass looks whether another one has taken its turn."""

_NO_FAILURES = {"NoDataRetentionException": WITHOUT_RETENTION, "ResourceNotFoundException": GONE}


@dataclass(frozen=True)
class Rules:
    """What a pass does with each stream."""

    declaration: FleetDeclaration | None
    """What the streams shall have; None to remove what they have."""
    earlier: tuple[FleetDeclaration, ...]
    """What they may have of this fleet."""

    @classmethod
    def parse(cls, declaration: Mapping[str, Any] | None, earlier: Iterable[Mapping[str, Any]]) -> Rules:
        """Read them as a pass has them in S3."""
        wanted = None if declaration is None else FleetDeclaration.parse(declaration)
        return cls(wanted, tuple(FleetDeclaration.parse(properties) for properties in earlier))

    def apply(self, streams: KinesisVideo, stream_arn: str, before: Callable[[], object]) -> str:
        """Have one stream follow, and say what that took. It raises as `KinesisVideo` does, and as `before`."""
        own = list(self._own(stream_arn))
        if self.declaration is None:
            return _remove(streams, stream_arn, own)
        wanted = self.declaration.of(stream_arn)
        found = streams.configuration(IMAGE_GENERATION, stream_arn)
        if found is not None:
            if not differences(IMAGE_GENERATION, wanted, found):
                return EQUAL
            if not self.declaration.adopts and all(differences(IMAGE_GENERATION, each, found) for each in own):
                return FOREIGN
        streams.configure(IMAGE_GENERATION, stream_arn, wanted, before=before)
        return SET

    def _own(self, stream_arn: str) -> Iterator[Mapping[str, Any]]:
        for earlier in self.earlier:
            # What can't be read was never set.
            with suppress(ValueError):
                yield earlier.of(stream_arn, ignore_unknown=True)


def _remove(streams: KinesisVideo, stream_arn: str, own: Iterable[Mapping[str, Any]]) -> str:
    for configuration in own:
        fields = streams.remove(IMAGE_GENERATION, stream_arn, configuration)
        if fields is None:
            return EQUAL
        if not fields:
            return REMOVED
    return FOREIGN


@dataclass
class Report:
    """What came of a batch."""

    counts: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    """The names of the streams that failed, and why: the service's name of the error, and its words."""


class TurnLostError(Exception):
    """Another pass works now, and this one must not go on."""


class Worker:
    """Works on one batch.

    Parameters
    ----------
    client
        Of Kinesis Video Streams, what `create_client` makes.
    rules
        What is done with each stream.
    calls_per_second
        How often each operation is called at the most.
    deadline
        When the batch must be over; what isn't done by then has failed, and is for the next pass.
    has_turn
        Whether this pass may still work.
    """

    def __init__(
        self,
        client: Any,
        rules: Rules,
        calls_per_second: int,
        deadline: Deadline,
        has_turn: Callable[[], bool] = lambda: True,
    ) -> None:
        self._client = client
        self._rules = rules
        self._threads = min(THREADS, calls_per_second)
        self._paces = Paces(calls_per_second)
        self._deadline = deadline
        self._denied = Deadline(timing.ACCESS_DENIED_SECONDS)
        self._has_turn = has_turn
        self._look_at_turn = timing.now()
        self._has_lost_turn = False

    def work(self, stream_arns: Iterable[str]) -> Report:
        """Have the streams follow.

        Raises
        ------
        TurnLostError
            If another pass works now; nothing is begun any more then.
        """
        report = Report()
        with ThreadPoolExecutor(self._threads) as pool:
            for stream_arn, (outcome, problem) in pool.map(self._one, stream_arns):
                report.counts[outcome] += 1
                if problem:
                    report.failed[name_of(stream_arn)] = problem
        if not self._has_turn():
            raise TurnLostError
        return report

    def _one(self, stream_arn: str) -> tuple[str, tuple[str, str]]:
        self._require_turn()
        if self._deadline.remaining() <= timing.CALL_SECONDS:
            # Without waiting for one's turn to call.
            return stream_arn, ("OutOfTime", "no time was left for it")
        deadline = Deadline(min(PATIENCE_SECONDS, self._deadline.remaining()))
        retries = PacedRetries(deadline, self._paces, self._denied)
        try:
            return stream_arn, (
                self._rules.apply(KinesisVideo(self._client, retries), stream_arn, self._require_turn),
                "",
            )
        except CallError as error:
            if error.code in _NO_FAILURES:
                return stream_arn, (_NO_FAILURES[error.code], "")
            return stream_arn, (error.code, str(error))
        except (ParamValidationError, ValueError) as error:
            return stream_arn, (type(error).__name__, str(error))

    def _require_turn(self) -> None:
        # Two threads may look at the same time, which does no harm.
        if timing.now() >= self._look_at_turn:
            self._look_at_turn = timing.now() + TURN_SECONDS
            if not self._has_turn():
                self._has_lost_turn = True
        if self._has_lost_turn:
            raise TurnLostError
