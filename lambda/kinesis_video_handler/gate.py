"""Returns an answer in time, whatever the work is doing, and prevents that anything is sent to AWS after it.

Some delays of a call have no common timeout: the look-up of a name, and several addresses that don't answer, each with
a timeout of its own. So a connection asks when it is ready to write, and a request that is too late is not written.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from kinesis_video_configuration import Deadline, timing

_T = TypeVar("_T")


class Gate:
    """Lets the requests of one event pass if their replies can arrive before the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._lock = Lock()
        self._closed = False

    def run(self, work: Callable[[], _T]) -> _T:
        """Do the work of the event in the current thread. All its requests go through this gate."""
        _gate.set(self)
        return work()

    def close(self) -> None:
        """Let no further request pass. A request that is being written is complete when this returns."""
        with self._lock:
            self._closed = True

    def pass_through(self, connection: AWSHTTPConnection, write: Callable[[], None]) -> None:
        """Write, or raise an error if it is too late."""
        with self._lock:
            if self._closed or self._deadline.remaining() < timing.READ_SECONDS:
                # botocore reports it as a connection that failed, so the caller knows that nothing was sent.
                raise NewConnectionError(connection, "it was too late to send anything")
            write()


_gate: ContextVar[Gate | None] = ContextVar("gate", default=None)


class _Gated:
    """A connection that asks the gate of its event before it writes."""

    sock: socket.socket | None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]  # of the connection that this is mixed into
        if self.sock is not None:
            # Closing discards unsent data; otherwise the system keeps sending what the peer has not confirmed.
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def send(self, data: Any) -> None:
        gate = _gate.get()
        write = super().send  # type: ignore[misc]
        if gate is None:
            write(data)
            return
        if self.sock is None:
            # Connect before asking, since connecting takes the time.
            self.connect()
        gate.pass_through(self, lambda: write(data))  # type: ignore[arg-type]


class _HTTPConnection(_Gated, AWSHTTPConnection):  # type: ignore[misc]  # botocore's own bases disagree
    pass


class _HTTPSConnection(_Gated, AWSHTTPSConnection):  # type: ignore[misc]  # the same
    pass


def guard_connections() -> None:
    """Make every connection of botocore in this process ask its gate. The answer isn't sent through botocore."""
    AWSHTTPConnectionPool.ConnectionCls = _HTTPConnection
    AWSHTTPSConnectionPool.ConnectionCls = _HTTPSConnection


def answer_in_time(work: Callable[[], _T], deadline: Deadline) -> _T:
    """Do the work in a second thread, and return at the deadline at the latest.

    Only a thread can abandon a call that blocks in C code, such as a DNS look-up. Abandoned work sends nothing any
    more, even if Lambda thaws it for another event.

    Raises
    ------
    TimeoutError
        If the deadline came first.
    """
    outcome: SimpleQueue[_T | BaseException] = SimpleQueue()
    gate = Gate(deadline)

    def run() -> None:
        try:
            outcome.put(gate.run(work))
        except BaseException as error:  # nothing may end the thread without an outcome
            outcome.put(error)

    Thread(target=run, name="work", daemon=True).start()
    try:
        result = outcome.get(timeout=deadline.remaining())
    except Empty:
        raise TimeoutError("no answer from AWS in the time that the function has") from None
    finally:
        gate.close()
    if isinstance(result, BaseException):
        raise result
    return result
