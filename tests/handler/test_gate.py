"""Nothing is sent after the answer. The connections to a server on this machine are real."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSHTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from kinesis_video_configuration import IMAGE_GENERATION, Deadline, timing
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import KinesisVideo, create_client
from kinesis_video_handler.gate import Gate, answer_in_time, guard_connections
from kinesis_video_handler.protocol import Answer

from .conftest import DECLARED, STREAM_ARN, FakeClock

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
DONE = Answer.success("done")


class Server:
    """Records what arrives on its connections, and how each of them ends."""

    def __init__(self, reply: bytes = OK) -> None:
        self._reply = reply
        self._last: tuple[str, int] | None = None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.received: list[bytes] = []
        self.endings: list[str] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            connection, address = self._listening.accept()
            if address == self._last:
                connection.close()
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(10)
            try:
                while data := connection.recv(65536):
                    self.received.append(data)
                    if data.endswith(b"}"):
                        connection.sendall(self._reply)
                self.endings.append("closed")
            except ConnectionResetError:
                self.endings.append("reset")

    def close(self) -> None:
        """Wait until all connections have ended. The last one is its own."""
        if self._last is None:
            with socket.socket() as last:
                last.bind(("127.0.0.1", 0))
                self._last = last.getsockname()
                last.connect(("127.0.0.1", self.port))
                self._threads[0].join(10)
            self._listening.close()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _guarded() -> None:
    guard_connections()


def client_of(server: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS_VIDEO", f"http://kinesisvideo.test:{server.port}")
    return create_client(boto3.Session(region_name="us-east-1"))


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    made = client_of(server, monkeypatch)
    yield made
    made.close()


class Names:
    """Looks up the server's name: an address of this machine, after some time."""

    def __init__(self) -> None:
        self.before: Callable[[], object] = lambda: None
        self.asked = threading.Event()

    def __call__(self, host: str, port: int, *_: object, **__: object) -> list[Any]:
        assert host == "kinesisvideo.test"
        self.asked.set()
        self.before()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    found = Names()
    monkeypatch.setattr(socket, "getaddrinfo", found)
    return found


def configure(client: Any, deadline: Deadline) -> Answer:
    KinesisVideo(client, Retries(deadline)).configure(IMAGE_GENERATION, STREAM_ARN, DECLARED)
    return DONE


def join_work() -> None:
    for thread in threading.enumerate():
        if thread.name == "work":
            thread.join(10)


def test_calls_in_time_are_sent_whole_on_one_connection(
    client: Any, server: Server, names: Names, clock: FakeClock
) -> None:
    # One event after the other.
    for _ in range(3):
        deadline = Deadline(60)
        assert answer_in_time(lambda d=deadline: configure(client, d), deadline) == DONE  # type: ignore[misc]
    client.close()
    server.close()
    sent = b"".join(server.received)
    assert sent.startswith(b"POST /updateImageGenerationConfiguration HTTP/1.1\r\n")
    assert sent.endswith(b"}")
    assert sent.count(b"POST /") == 3
    assert len(server.endings) == 1


@pytest.mark.parametrize("late", [59, 60 - timing.READ_SECONDS + 0.5])
def test_after_a_slow_look_up_nothing_is_sent(
    client: Any, server: Server, names: Names, clock: FakeClock, late: float
) -> None:
    # It is also too late if the service has less than its time to reply.
    names.before = lambda: clock.sleep(late)
    deadline = Deadline(60)
    with pytest.raises(CallError, match="EndpointConnectionError") as raised:
        answer_in_time(lambda: configure(client, deadline), deadline)
    assert not raised.value.outcome_unknown
    server.close()
    assert server.received == []
    assert server.endings in (["reset"], ["closed"])


def test_just_in_time_is_sent(client: Any, server: Server, names: Names, clock: FakeClock) -> None:
    names.before = lambda: clock.sleep(60 - timing.READ_SECONDS)
    deadline = Deadline(60)
    assert answer_in_time(lambda: configure(client, deadline), deadline) == DONE


def once(client: Any, deadline: Deadline) -> Answer:
    Retries(deadline).once(client, IMAGE_GENERATION.describe, StreamARN=STREAM_ARN)
    return DONE


def test_what_is_still_connecting_at_the_answer_sends_nothing(
    client: Any, server: Server, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AsItConnects(Deadline):
        def remaining(self) -> float:
            assert names.asked.wait(10)
            return 0

    answered = threading.Event()
    names.before = lambda: answered.wait(10)
    # Only the gate prevents it: the durations are set so that they don't.
    monkeypatch.setattr(timing, "READ_SECONDS", -100)
    with pytest.raises(TimeoutError):
        answer_in_time(lambda: once(client, Deadline(60)), AsItConnects(60))
    answered.set()
    join_work()
    server.close()
    assert server.received == []


def test_what_the_peer_has_not_confirmed_is_not_sent_once_more(
    names: Names, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A reset shows that the system discarded the data. After an ordinary close it keeps sending for minutes.
    silent = Server(reply=b"")
    monkeypatch.setattr(timing, "READ_SECONDS", 0.1)
    made = client_of(silent, monkeypatch)
    monkeypatch.setattr(timing, "READ_SECONDS", 59)
    deadline = Deadline(60)
    with pytest.raises(CallError, match="ReadTimeoutError") as raised:
        answer_in_time(lambda: once(made, deadline), deadline)
    assert raised.value.outcome_unknown
    silent.close()
    assert silent.endings == ["reset"]


def test_what_belongs_to_no_event_is_not_asked(client: Any, server: Server, names: Names) -> None:
    gate = Gate(Deadline(0))
    gate.close()
    assert configure(client, Deadline(60)) == DONE


def test_a_closed_gate_lets_nothing_through_an_encrypted_connection_either() -> None:
    here, there = socket.socketpair()
    connection: Any = AWSHTTPSConnectionPool("kinesisvideo.test").ConnectionCls("kinesisvideo.test")
    connection.sock = here
    gate = Gate(Deadline(60))

    def write() -> None:
        connection.send(b"before")
        gate.close()
        connection.send(b"after")

    def work() -> None:
        with pytest.raises(NewConnectionError, match=r"^_HTTPSConnection\(.*\): it was too late to send anything$"):
            gate.run(write)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    here.close()
    with there:
        assert there.recv(100) == b"before"
        assert there.recv(100) == b""


def test_closing_waits_for_what_is_being_written() -> None:
    gate = Gate(Deadline(60))
    writing, closing, written = threading.Event(), threading.Event(), []

    def write() -> None:
        writing.set()
        closing.wait(10)
        written.append("all")

    connection: Any = None
    writer = threading.Thread(target=lambda: gate.pass_through(connection, write))
    writer.start()
    writing.wait(10)

    def close() -> None:
        gate.close()
        written.append("closed")

    closer = threading.Thread(target=close)
    closer.start()
    closing.set()
    writer.join(10)
    closer.join(10)
    assert written == ["all", "closed"]
