"""Nothing is sent to AWS after the answer.

A call can be held up where no timeout ends it: by the look-up of a name, or by several addresses that don't answer,
each with a timeout of its own. So a connection asks when it is ready to write, and what comes too late is not written.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextvars import ContextVar
from threading import Lock
from typing import Any, TypeVar

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from kinesis_video_configuration import Deadline, timing

_T = TypeVar("_T")


class Gate:
    """Lets the calls of one event out, if their replies can come before the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._lock = Lock()
        self._closed = False

    def run(self, work: Callable[[], _T]) -> _T:
        """Do the work of the event, in a thread of its own: all that it sends goes through this gate."""
        _gate.set(self)
        return work()

    def close(self) -> None:
        """Let nothing out from now on. What is being written is out when this returns."""
        with self._lock:
            self._closed = True

    def pass_through(self, connection: AWSHTTPConnection, write: Callable[[], None]) -> None:
        """Write, or raise if it is too late for it."""
        with self._lock:
            if self._closed or self._deadline.remaining() < timing.READ_SECONDS:
                # botocore takes it for what it is to its caller: nothing was sent.
                raise NewConnectionError(connection, "it was too late to send anything")
            write()


_gate: ContextVar[Gate | None] = ContextVar("gate", default=None)


class _Gated:
    """A connection that asks the gate of the event on whose behalf it writes."""

    sock: socket.socket | None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]  # of the connection that this is mixed into
        if self.sock is not None:
            # Close at once and for good: else the system goes on to send what a peer has not confirmed.
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def send(self, data: Any) -> None:
        gate = _gate.get()
        write = super().send  # type: ignore[misc]
        if gate is None:
            write(data)
            return
        if self.sock is None:
            # First, since it is what takes the time.
            self.connect()
        gate.pass_through(self, lambda: write(data))  # type: ignore[arg-type]


class _HTTPConnection(_Gated, AWSHTTPConnection):  # type: ignore[misc]  # botocore's own bases disagree
    pass


class _HTTPSConnection(_Gated, AWSHTTPSConnection):  # type: ignore[misc]  # the same
    pass


def guard_connections() -> None:
    """Make every connection of botocore in this process ask. The answer itself is not sent by botocore."""
    AWSHTTPConnectionPool.ConnectionCls = _HTTPConnection
    AWSHTTPSConnectionPool.ConnectionCls = _HTTPSConnection
