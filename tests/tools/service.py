"""A small Kinesis Video Streams on 127.0.0.1 that answers PutMedia as a test tells it, while the body arrives."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

import h11

from kinesis_video_matroska import Cluster, Fragment, FragmentCollector, Reader

ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ROLE_ACCESS_KEY, ROLE_TOKEN = "ASIAEXAMPLE", "role/token=="

ASSUMED = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{ROLE_ACCESS_KEY}</AccessKeyId><SecretAccessKey>role/secret</SecretAccessKey>
<SessionToken>{ROLE_TOKEN}</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""


@dataclass
class Answer:
    """How a PutMedia request is answered. Fragments count from 0 in each request."""

    refusal: tuple[int, str, str] | None = None
    """Status, error and message instead of acknowledgements."""
    retention: bool = True
    """Whether PERSISTED is sent."""
    error_in: int | None = None
    """The fragment that is answered with an ERROR, at its end."""
    error: str = '"ErrorId":4500,"ErrorCode":"KMS_KEY_ACCESS_DENIED"'
    error_has_timecode: bool = True
    cut_in: int | None = None
    """The fragment within which the connection is cut."""
    end_after: int | None = None
    """The fragment after which the answer ends, though the body goes on."""


@dataclass
class Received:
    """A PutMedia request."""

    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)
    fragments: list[Fragment] = field(default_factory=list)
    ended: bool = False
    """Whether the body was ended as HTTP has it."""


class Service(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answers: Iterable[Answer], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.answers = iter(answers)
        self.tls = tls
        self.put_media: list[Received] = []
        self.calls: list[tuple[str, str]] = []
        """The other requests: their paths, or actions, and their access keys."""
        self.throttled = 0
        """How many requests for the endpoint are refused first."""
        self.begun = Event()
        """Set with the first frame of the first fragment."""

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serve(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Service]:
    """Answer the PutMedia requests with the given answers in turn, and accept further ones."""
    with Service(answers, tls) as service:
        thread = Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield service
        service.shutdown()


class Connection(socketserver.BaseRequestHandler):
    server: Service

    def handle(self) -> None:
        self.socket: socket.socket = self.request
        try:
            if self.server.tls:
                self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)
            self.http = h11.Connection(h11.SERVER)
            request = self.next_event()
            if not isinstance(request, h11.Request):
                return
            headers = {name.decode(): value.decode() for name, value in request.headers}
            if request.target == b"/putMedia":
                self.answer_put_media(headers, next(self.server.answers, Answer()))
            else:
                self.answer_call(request, headers)
        except (OSError, h11.RemoteProtocolError):
            return
        finally:
            self.socket.close()

    def next_event(self) -> object:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            self.http.receive_data(self.socket.recv(10_000))
        return event

    def send(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        self.socket.sendall(self.http.send(event) or b"")

    def respond(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
        length = ("content-length", str(len(body)))
        self.send(h11.Response(status_code=status, headers=[length, ("connection", "close"), *headers]))
        self.send(h11.Data(body))
        self.send(h11.EndOfMessage())

    def answer_call(self, request: h11.Request, headers: dict[str, str]) -> None:
        body = b""
        while isinstance(event := self.next_event(), h11.Data):
            body += event.data
        access_key = headers["authorization"].split("Credential=")[1].split("/")[0]
        if b"Action=AssumeRole" in body:
            self.server.calls.append(("AssumeRole", access_key))
            self.respond(200, ASSUMED.encode(), [("content-type", "text/xml")])
        else:
            self.server.calls.append((request.target.decode(), access_key))
            if self.server.throttled:
                self.server.throttled -= 1
                self.respond(400, b'{"Message": "later"}', [("x-amzn-errortype", "ClientLimitExceededException")])
                return
            self.respond(200, json.dumps({"DataEndpoint": self.server.url}).encode(), [])

    def answer_put_media(self, headers: dict[str, str], answer: Answer) -> None:
        received = Received(headers)
        self.server.put_media.append(received)
        if answer.refusal:
            status, code, message = answer.refusal
            self.respond(status, json.dumps({"Message": message}).encode(), [("x-amzn-errortype", f"{code}:http://x/")])
            self.socket.shutdown(socket.SHUT_WR)
            while self.socket.recv(10_000):
                pass
            return
        self.send(h11.Response(status_code=200, headers=[("content-type", "application/json")]))
        reader, collector = Reader(), FragmentCollector()
        while isinstance(event := self.next_event(), h11.Data):
            received.body += event.data
            for element in reader.feed(event.data):
                fragment = collector.add(element)
                number = len(received.fragments)
                if collector.open and collector.open.frames:
                    self.server.begun.set()
                    if number == answer.cut_in:
                        # A reset instead of an orderly end.
                        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                if isinstance(element, Cluster):
                    self.acknowledge("BUFFERING", element.timecode, number)
                if fragment:
                    received.fragments.append(fragment)
                    if number == answer.error_in:
                        timecode = fragment.timecode if answer.error_has_timecode else None
                        self.acknowledge("ERROR", timecode, number, f",{answer.error}")
                        continue
                    self.acknowledge("RECEIVED", fragment.timecode, number)
                    if answer.retention:
                        self.acknowledge("PERSISTED", fragment.timecode, number)
                    if number == answer.end_after:
                        self.send(h11.EndOfMessage())
                        self.next_event()
                        return
        received.ended = True
        self.send(h11.EndOfMessage())

    def acknowledge(self, event: str, timecode: int | None, number: int, more: str = "") -> None:
        time = "" if timecode is None else f',"FragmentTimecode":{timecode}'
        text = f'{{"EventType":"{event}"{time},"FragmentNumber":"{number:047d}"{more}}}'
        self.send(h11.Data(text.encode() + b"\r\n"))
