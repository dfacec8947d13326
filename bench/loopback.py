"""The places that CloudFormation has on AWS and not on this machine: https servers on 127.0.0.1.

crhelper answers over https only; AWS CDK's own functions over https and on port 443 only, whatever the URL says.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import uuid
from collections.abc import Mapping
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock, Thread
from typing import Any, Self

import botocore

_HOST = "127.0.0.1"
HTTPS_PORT = 443


@cache
def certificate() -> Path:
    """Make a certificate for 127.0.0.1, with its key in the same file."""
    path = Path(mkdtemp(), "loopback.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=loopback", "-addext", f"subjectAltName=IP:{_HOST}"]
    subprocess.run([*command, "-keyout", path, "-out", path.with_suffix(".crt")], check=True, capture_output=True)
    with path.open("a") as file:
        file.write(path.with_suffix(".crt").read_text())
    return path


@cache
def trust() -> Mapping[str, str]:
    """Make the environment variables by which a function trusts that certificate.

    It is added to the usual authorities, since reading those is part of what an answer costs.
    """
    own = certificate().with_suffix(".crt")
    bundle = own.with_name("bundle.pem")
    shutil.copy(Path(botocore.__file__).with_name("cacert.pem"), bundle)
    with bundle.open("a") as file:
        file.write(own.read_text())
    return {"SSL_CERT_FILE": str(bundle), "NODE_EXTRA_CA_CERTS": str(own)}


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate())
    return context


class Answers:
    """Takes the functions' answers, as the bucket behind CloudFormation's presigned URLs does."""

    def __init__(self) -> None:
        self.only_python = ""
        """Why the functions of AWS CDK can't answer here; nothing if they can."""
        self._server = self._listen()
        self._server.socket = _server_context().wrap_socket(self._server.socket, server_side=True)
        self._lock = Lock()
        self._bodies: dict[str, list[bytes]] = {}
        self._statuses: dict[str, list[int]] = {}

    def _listen(self) -> ThreadingHTTPServer:
        try:
            return ThreadingHTTPServer((_HOST, HTTPS_PORT), self._handler())
        except OSError as error:
            self.only_python = f"port {HTTPS_PORT} of {_HOST} can't be listened on: {error.strerror}"
            return ThreadingHTTPServer((_HOST, 0), self._handler())

    def __enter__(self) -> Self:
        """Start."""
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def url(self, *statuses: int) -> str:
        """Make a new ResponseURL, whose first answers get these statuses and all later ones 200."""
        path = f"/{uuid.uuid4()}"
        self._bodies[path], self._statuses[path] = [], list(statuses)
        port = self._server.server_port
        return f"https://{_HOST}{'' if port == HTTPS_PORT else f':{port}'}{path}"

    def taken(self, url: str) -> list[bytes]:
        """List the answers that a ResponseURL took with status 200."""
        return self._bodies["/" + url.rpartition("/")[2]]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                path = self.path.partition("?")[0]
                with answers._lock:
                    status = answers._statuses[path].pop(0) if answers._statuses[path] else 200
                    if status == 200:
                        answers._bodies[path].append(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler


class OverTls:
    """Passes what comes over TLS on to a port that speaks plain text, and back."""

    def __init__(self, port: int) -> None:
        self._to = (_HOST, port)
        self._listener = socket.create_server((_HOST, 0))
        self.url = f"https://{_HOST}:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Start."""
        Thread(target=self._accept, args=(_server_context(),), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop taking connections."""
        self._listener.close()

    def _accept(self, context: ssl.SSLContext) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._pass_on, args=(context, connection), daemon=True).start()

    def _pass_on(self, context: ssl.SSLContext, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as near, socket.create_connection(self._to) as far:
            back = Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
