"""PutMedia: receives the video of one producer and acknowledges it while it arrives.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_dataplane_PutMedia.html
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from kinesis_video_tools.camera.acknowledgements import ERRORS

from ...service.errors import ServiceError, invalid_argument
from ...service.faults import Faults
from ...service.http import Answer, Caller, ClientGoneError, ConnectionCutError, Request
from ...service.operation import Operation
from ...service.quotas import Quota
from ..streams import Stream, Streams
from . import limits
from .fragments import FragmentStore, MediaFragment
from .images import ImageGenerator
from .metrics import Record, StreamMetrics
from .notifications import notify
from .protocol import Begun, Ended, FragmentError, Protocol

FAULT = "PutMedia.Fragment"
CONNECTION_CUT = "CONNECTION_CUT"
FAULT_CODES = (*ERRORS, CONNECTION_CUT)

_ERRORS = {
    "ClientLimitExceededException": 400,
    "ConnectionLimitExceededException": 400,
    "InvalidArgumentException": 400,
    "InvalidEndpointException": 400,
    "NotAuthorizedException": 401,
    "ResourceNotFoundException": 404,
    "InternalFailure": 500,
    "ServiceUnavailable": 503,
}


@dataclass
class PutMedia:
    """The operation."""

    find_streams: Callable[[Caller], Streams]
    """Finds the streams of a caller's account and Region."""
    store: FragmentStore
    """Keeps the fragments."""
    images: ImageGenerator
    """Makes their images."""
    faults: Faults
    """The faults to inject."""
    record: Record
    """Records the metrics."""
    paced: bool
    """Whether a connection is read no faster than the service reads one."""
    count_event_pairs: bool = True
    """Whether the pairs of image and notification events are among the ten tags of a fragment."""
    connections: dict[str, asyncio.Task[None]] = field(default_factory=dict, init=False)
    """The open connections, by the ARNs of their streams."""

    def operation(self) -> Operation:
        """Return it as an operation of the service."""
        return Operation(
            name="PutMedia",
            method="POST",
            path="/putMedia",
            errors=_ERRORS,
            quota=Quota(per_stream=5),
            streams=True,
            members=lambda request, _body: _address(request.headers),
            run=self._run,
        )

    async def _run(self, request: Request, _body: bytes) -> Answer:
        begun = time.monotonic()
        address = _address(request.headers)
        if len(address) != 1:
            raise invalid_argument("Either x-amzn-stream-name or x-amzn-stream-arn must be given")
        start = _start(request.headers)
        streams = self.find_streams(request.caller)
        stream = streams.find(address)
        if stream.status != "ACTIVE":
            raise ServiceError("ResourceNotFoundException", f"The stream {stream.name} is {stream.status}, not ACTIVE")
        metrics = StreamMetrics(self.record, stream)
        metrics.count("Requests")
        if stream.arn in self.connections:
            metrics.count("ConnectionErrors")
            raise ServiceError(
                "ConnectionLimitExceededException", f"The stream {stream.name} has a connection of PutMedia already"
            )
        metrics.count("ActiveConnections")
        protocol = Protocol(start, count_event_pairs=self.count_event_pairs)
        connection = _Connection(self, request, streams, stream, protocol, metrics)
        receiving = self.connections[stream.arn] = asyncio.create_task(connection.receive())
        receiving.add_done_callback(lambda _: self.connections.pop(stream.arn, None))
        metrics.latency("Latency", time.monotonic() - begun)
        acknowledged = request.headers.get("x-amzn-fragment-acknowledgment-required") != "0"
        return Answer(200, {"Content-Type": "application/json"}, connection.answer(receiving, acknowledged))


@dataclass
class _Connection:
    """One connection: what it receives, and its acknowledgements."""

    put_media: PutMedia
    request: Request
    streams: Streams
    stream: Stream
    protocol: Protocol
    metrics: StreamMetrics

    def __post_init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        # Each with the time at which it is due; None is the end.
        self._acknowledgements: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
        self._begun = self._now()
        self._delay = 0.0
        self._bytes = 0

    async def answer(self, receiving: asyncio.Task[None], acknowledged: bool) -> AsyncGenerator[bytes, None]:
        """Send the acknowledgements until the connection ends."""
        try:
            while entry := await self._acknowledgements.get():
                due, written = entry
                await asyncio.sleep(due - self._now())
                if acknowledged:
                    yield written
            await receiving
        finally:
            receiving.cancel()

    async def receive(self) -> None:
        """Receive until the body ends, or an error ends the connection."""
        try:
            with suppress(ClientGoneError):
                await self._receive()
        except FragmentError as error:
            self._refuse(str(error))
        finally:
            self.metrics.bytes("IncomingBytes", self._bytes)
            self._acknowledgements.put_nowait(None)

    async def _receive(self) -> None:
        end = self._now() + limits.CONNECTION_SECONDS
        ready = self._now() - 1
        async with aclosing(self._pieces(end)) as pieces:
            async for piece in pieces:
                self._bytes += len(piece)
                fragments = 0
                for event in self.protocol.feed(piece):
                    fragments += isinstance(event, Begun)
                    self._take(event)
                if self.put_media.paced:
                    bytes_cost = len(piece) / limits.BYTES_PER_SECOND
                    ready = max(ready, self._now() - 1)
                    ready += max(bytes_cost, fragments / limits.FRAGMENTS_PER_SECOND)
                    await asyncio.sleep(ready - self._now())
        for event in self.protocol.close():
            self._take(event)

    async def _pieces(self, end: float) -> AsyncGenerator[bytes, None]:
        """Yield the pieces of the body, acknowledge pauses with IDLE, and end when the connection is to end."""
        body = aiter(self.request.body)
        heard = self._now()
        while True:
            told = min(self._now() + limits.IDLE_ACKNOWLEDGEMENT_SECONDS, heard + limits.IDLE_SECONDS)
            try:
                async with asyncio.timeout_at(min(told, end)):
                    piece = await anext(body)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if self._now() >= end:
                    raise FragmentError("MAX_CONNECTION_DURATION_REACHED") from None
                self._acknowledge("IDLE", self.protocol.open)
                if self._now() >= heard + limits.IDLE_SECONDS:
                    return
            else:
                heard = self._now()
                yield piece
                if heard >= end:
                    raise FragmentError("MAX_CONNECTION_DURATION_REACHED")

    def _take(self, event: Begun | Ended) -> None:
        if isinstance(event, Begun):
            self._begin(event.fragment)
        else:
            self._end(event.fragment)

    def _begin(self, fragment: MediaFragment) -> None:
        self._begun = self._now()
        self._acknowledge("BUFFERING", fragment)
        fault = self.put_media.faults.take(FAULT)
        self._delay = fault.delay_seconds if fault else 0
        if fault and fault.error == CONNECTION_CUT:
            raise ConnectionCutError
        if fault and fault.error:
            raise FragmentError(fault.error)
        if self.streams.get(self.stream.name) is not self.stream:
            raise FragmentError("STREAM_NOT_ACTIVE")
        if error := self.request.caller.key_error(self.stream.kms_key_id, "kms:GenerateDataKey"):
            raise FragmentError(error)

    def _end(self, fragment: MediaFragment) -> None:
        metrics = self.metrics
        metrics.bytes("IncomingBytes", self._bytes)
        self._bytes = 0
        metrics.count("IncomingFragments")
        metrics.count("IncomingFrames", len(fragment.media.frames))
        metrics.latency("FragmentIngestionLatency", self._now() - self._begun)
        metrics.count("Success")
        self._acknowledge("RECEIVED", fragment)
        if self.stream.data_retention_in_hours:
            self.put_media.store.add(self.stream, fragment)
            self._acknowledge("PERSISTED", fragment)
            metrics.latency("FragmentPersistLatency", self._delay)
            notify(self.stream, fragment, self.request.caller)
            self.put_media.images.submit(self.stream, fragment, self.request.caller)

    def _refuse(self, error: str) -> None:
        self.metrics.count("ErrorAckCount")
        self.metrics.count("Success", 0)
        self._acknowledge("ERROR", self.protocol.open, error=error)

    def _acknowledge(self, event_type: str, fragment: MediaFragment | None, *, error: str | None = None) -> None:
        fields: dict[str, Any] = {"EventType": event_type}
        if fragment:
            fields |= {"FragmentTimecode": fragment.media.timecode, "FragmentNumber": fragment.number}
        if error:
            fields |= {"ErrorId": ERRORS[error][0], "ErrorCode": error}
        written = json.dumps(fields, separators=(",", ":")).encode() + b"\r\n"
        delay = self._delay if event_type in ("RECEIVED", "PERSISTED") else 0
        self._acknowledgements.put_nowait((self._now() + delay, written))
        if event_type in ("BUFFERING", "RECEIVED", "PERSISTED"):
            self.metrics.latency(f"{event_type.capitalize()}AckLatency", delay)


def _address(headers: Mapping[str, str]) -> dict[str, Any]:
    named = {"StreamName": "x-amzn-stream-name", "StreamARN": "x-amzn-stream-arn"}
    return {member: headers[header] for member, header in named.items() if headers.get(header)}


def _start(headers: Mapping[str, str]) -> int:
    """Return the time from which the timecodes of a request count, in milliseconds since 1970."""
    timecode_type = headers.get("x-amzn-fragment-timecode-type")
    if timecode_type not in ("ABSOLUTE", "RELATIVE"):
        raise invalid_argument("x-amzn-fragment-timecode-type must be ABSOLUTE or RELATIVE")
    given = headers.get("x-amzn-producer-start-timestamp")
    if timecode_type == "ABSOLUTE" and given is None:
        return 0
    try:
        # A number that is too large for a date becomes an ERROR acknowledgement.
        start = round(min(Decimal(given or ""), Decimal(10**12)) * 1000)
    except (InvalidOperation, ValueError, OverflowError):
        start = -1
    if start < 0:
        raise invalid_argument(f"x-amzn-producer-start-timestamp must be seconds since 1970, not {given}")
    return 0 if timecode_type == "ABSOLUTE" else start
