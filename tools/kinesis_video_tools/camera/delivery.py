"""The delivery of fragments to one stream: when each is sent, which are sent again, and when it is complete."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from kinesis_video_configuration.retries import waits
from kinesis_video_matroska import (
    Fragment,
    SimpleTag,
    TagName,
    Tags,
    Track,
    write_cluster,
    write_frame,
    write_header,
    write_tags,
)

from .acknowledgements import Acknowledgement
from .put_media import LOST, PutMedia, PutMediaError

# The service accepts 5 fragments a second.
_MIN_SECONDS_BETWEEN_FRAGMENTS = 0.2
_LAST_ACKNOWLEDGEMENT_SECONDS = 15
# Fragments without an acknowledgement must not fill the memory.
_MAX_UNACKNOWLEDGED = 100
# A producer has no deadline, and the network of a camera may be down for hours: longer pauses than for other calls.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0

Connect: TypeAlias = Callable[[int, Callable[[Acknowledgement], None]], Awaitable[PutMedia]]
"""Opens a connection, given its start in milliseconds since 1970 and a callback for each acknowledgement."""

_END_OF_FRAGMENT = Tags((SimpleTag(TagName.END_OF_FRAGMENT),))


@dataclass
class Report:
    """The results of the fragments that were sent."""

    fragments: int = 0
    """The number of fragments that were sent, each counted once."""
    acknowledged: int = 0
    """The number of fragments that the service has received or stored."""
    persisted: int = 0
    """The number of fragments that the service has stored: 0 for a stream without retention."""
    connections: int = 0
    """The number of PutMedia requests that were opened."""
    errors: list[Acknowledgement] = field(default_factory=list)
    """The ERROR acknowledgements. The fragment of each was given up."""

    @property
    def complete(self) -> bool:
        """Whether all fragments have arrived, and none with an error."""
        return self.acknowledged == self.fragments and not self.errors


@dataclass
class Delivery:
    """Sends fragments over as many connections as needed. `Producer` explains the parameters."""

    track: Track
    fragments: Iterator[Fragment]
    connect: Connect
    tags: Sequence[Tags]
    absolute_timecodes: bool
    speed: float
    connection_seconds: float
    attempts: int
    on_acknowledgement: Callable[[Acknowledgement], None]
    on_reconnect: Callable[[str], None]
    report: Report = field(default_factory=Report, init=False)

    def __post_init__(self) -> None:
        """Start with nothing sent; needs a running event loop."""
        loop = asyncio.get_running_loop()
        self._now = loop.time
        self._stopping: asyncio.Future[None] = loop.create_future()
        self._written_tags = b"".join(write_tags(element) for element in (*self.tags, _END_OF_FRAGMENT))
        self._next: Fragment | None = None
        self._unacknowledged: deque[Fragment] = deque(maxlen=_MAX_UNACKNOWLEDGED)
        self._begin: tuple[float, int] | None = None
        self._earliest = 0.0
        # The state of the open connection.
        self._base = 0
        self._error: Acknowledgement | None = None
        self._last_timecode: int | None = None
        self._last_persisted: asyncio.Future[None] = loop.create_future()

    def stop(self) -> None:
        """End the fragment that is being sent, and start no other."""
        if not self._stopping.done():
            self._stopping.set_result(None)

    async def run(self) -> None:
        """Send the fragments until there are no more, and wait for the last acknowledgement."""
        failures = 0
        pauses = waits(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        while not self._stopping.done() and (first := self._first()):
            acknowledged = self.report.acknowledged
            try:
                reason = await self._use_connection(first)
            except PutMediaError as error:
                if not error.retryable:
                    raise
                reason = str(error)
            except LOST as error:
                reason = f"the connection was lost: {error or type(error).__name__}"
            if self._stopping.done() or not self._first():
                return
            failures += 1
            if self.report.acknowledged > acknowledged:
                failures, pauses = 0, waits(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
            if failures >= self.attempts:
                raise PutMediaError(
                    f"the producer gives up after {failures} connections without an acknowledgement; the last: {reason}"
                )
            self.on_reconnect(reason)
            await asyncio.wait([self._stopping], timeout=next(pauses) if failures else 0)

    def _first(self) -> Fragment | None:
        """Return the first fragment for a new connection."""
        return self._unacknowledged[0] if self._unacknowledged else self._peek()

    def _peek(self) -> Fragment | None:
        """Return the next fragment that has not been sent yet."""
        if self._next is None:
            self._next = next(self.fragments, None)
        return self._next

    async def _use_connection(self, first: Fragment) -> str:
        """Open a connection, send fragments over it, and return why it has ended."""
        self._base = 0 if self.absolute_timecodes else first.timecode
        self._error = None
        put_media = await self.connect(first.timecode, self._acknowledge)
        end = self._now() + self.connection_seconds
        try:
            self.report.connections += 1
            await put_media.send(write_header([self.track]))
            self._begin = self._begin or (self._now(), first.timecode)
            again = deque(self._unacknowledged)
            while (fragment := again[0] if again else self._peek()) and self._now() < end:
                if not await self._wait_until(max(self._due(fragment.timecode), self._earliest), put_media):
                    break
                if again:
                    again.popleft()
                else:
                    self._next = None
                    self._unacknowledged.append(fragment)
                    self.report.fragments += 1
                self._earliest = self._now() + _MIN_SECONDS_BETWEEN_FRAGMENTS
                await self._send(fragment, put_media)
            if not put_media.ended.done():
                await put_media.end_body()
                await asyncio.wait(
                    [put_media.ended, self._last_persisted],
                    timeout=_LAST_ACKNOWLEDGEMENT_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            ended = put_media.ended.done()
            if ended:
                put_media.ended.result()
        finally:
            await put_media.close()
        if self._error:
            return f"the service reports an error: {self._error.meaning}"
        if ended:
            return "the service has ended the connection"
        if self._now() >= end:
            return f"the connection is {self.connection_seconds:g} seconds old"
        return f"no acknowledgement came in {_LAST_ACKNOWLEDGEMENT_SECONDS} seconds"

    async def _send(self, fragment: Fragment, put_media: PutMedia) -> None:
        self._last_timecode = fragment.timecode
        self._last_persisted = asyncio.get_running_loop().create_future()
        data = write_cluster(fragment.timecode - self._base)
        for index, frame in enumerate(fragment.frames):
            if index and not await self._wait_until(self._due(frame.timecode), put_media):
                break
            await put_media.send(data + write_frame(frame, fragment.timecode))
            data = b""
        if not put_media.ended.done():
            await put_media.send(self._written_tags)

    def _due(self, timecode: int) -> float:
        begin, first = self._begin or (self._now(), timecode)
        return begin + (timecode - first) / 1000 / self.speed

    async def _wait_until(self, time: float, put_media: PutMedia) -> bool:
        """Wait, and return whether to go on: False if the connection has ended or the producer is to stop."""
        await asyncio.wait(
            [put_media.ended, self._stopping],
            timeout=max(time - self._now(), 0),
            return_when=asyncio.FIRST_COMPLETED,
        )
        return not put_media.ended.done() and not self._stopping.done()

    def _acknowledge(self, acknowledgement: Acknowledgement) -> None:
        timecode = acknowledgement.fragment_timecode
        if timecode is not None:
            timecode += self._base
        sent = [fragment for fragment in self._unacknowledged if timecode in (None, fragment.timecode)]
        match acknowledgement.event_type:
            case "RECEIVED" | "PERSISTED" if sent and timecode is not None:
                self._unacknowledged.remove(sent[0])
                self.report.acknowledged += 1
            case "ERROR":
                # Without a timecode it is about the last fragment.
                for fragment in sent[-1:]:
                    self._unacknowledged.remove(fragment)
                self._error = acknowledgement
                self.report.errors.append(acknowledgement)
        if acknowledgement.event_type == "PERSISTED":
            self.report.persisted += 1
            if timecode == self._last_timecode and not self._last_persisted.done():
                self._last_persisted.set_result(None)
        self.on_acknowledgement(acknowledgement)
