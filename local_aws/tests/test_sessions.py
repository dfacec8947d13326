"""However a producer ends its TLS connection, it ends on this side too, without a line in the log."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
import pytest

from kinesis_video_local import LocalAws, LocalAwsError
from kinesis_video_matroska import SimpleTag, TagName, Tags
from wire import END_OF_FRAGMENT, HEADER, Client, cluster, put_media, request_head

NUMBER = 200
BODY = HEADER + b"".join(cluster(1_000 * number, data=bytes(2_000)) + END_OF_FRAGMENT for number in range(1, 4))
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


WHOLE = chunk(BODY) + END
# It ends within the first fragment.
CUT = chunk(BODY[: len(HEADER) + 400])


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(creating_seconds=0, quotas=False, tls=True) as aws:
        yield aws


def read_all(connection: ssl.SSLSocket, size: int = 65_536, pause: float = 0) -> bytes:
    """Read to the end of the answer, or of the connection."""
    read = b""
    # Python reports a connection that ends in the middle of TLS.
    with contextlib.suppress(OSError):
        while not read.endswith(END) and (piece := connection.recv(size)):
            read += piece
            time.sleep(pause)
    return read


def plainly(connection: ssl.SSLSocket, what: Callable[[socket.socket], object]) -> None:
    """Act on the TCP connection below TLS."""
    with socket.socket(fileno=os.dup(connection.fileno())) as plain:
        what(plain)


def close_without_a_word(connection: ssl.SSLSocket) -> None:
    os.close(connection.detach())


def reset(connection: ssl.SSLSocket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def end_within_a_record(connection: ssl.SSLSocket) -> None:
    plainly(connection, lambda plain: plain.sendall(b"\x17\x03\x03\x40\x00" + bytes(50)))
    os.close(connection.detach())


def half_close(connection: ssl.SSLSocket) -> None:
    plainly(connection, lambda plain: plain.shutdown(socket.SHUT_WR))
    read_all(connection)


def end_tls(connection: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError, ValueError):
        connection.unwrap()


def read_slowly(connection: ssl.SSLSocket) -> None:
    assert read_all(connection, 40, 0.001).count(b"PERSISTED") == 3


def read_nothing(_connection: ssl.SSLSocket) -> None:
    pass


def read_the_answer(connection: ssl.SSLSocket) -> None:
    assert read_all(connection).count(b"PERSISTED") == 3


# What a producer sends, and how it ends the connection.
SESSIONS = (
    (CUT, close_without_a_word),
    (CUT, reset),
    (CUT, end_within_a_record),
    (CUT, half_close),
    (CUT, end_tls),
    (WHOLE, half_close),
    (WHOLE, end_tls),
    (WHOLE, read_slowly),
    (WHOLE, read_nothing),
    (WHOLE, read_the_answer),
)


def connections(aws: LocalAws) -> list[Any]:
    """List the open connections of the process that listens with TLS."""
    assert aws.tls_endpoint_url
    port = urlsplit(aws.tls_endpoint_url).port
    return [
        connection
        for connection in psutil.net_connections("tcp")
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_ESTABLISHED
    ]


def test_each_session_ends_however_its_producer_ends_it(aws: LocalAws, client: Client) -> None:
    assert aws.tls_endpoint_url
    address = urlsplit(aws.tls_endpoint_url)
    context = ssl.create_default_context(cafile=aws.trusted_certificate)

    url = aws.tls_endpoint_url

    def run(number: int) -> None:
        stream = f"session-{number}"
        client("kinesisvideo").create_stream(StreamName=stream, DataRetentionInHours=1)
        head = request_head(url, {"x-amzn-stream-name": stream})
        with (
            socket.create_connection((address.hostname, address.port), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname=address.hostname) as connection,
        ):
            body, end = SESSIONS[number % len(SESSIONS)]
            connection.sendall(head + body)
            end(connection)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(run, range(NUMBER)))
    deadline = time.monotonic() + 60
    while still := connections(aws):
        assert time.monotonic() < deadline, still
        time.sleep(0.2)
    # The streams take the next connection.
    for number in range(len(SESSIONS)):
        body = HEADER + cluster(9_000)
        events = put_media(aws.endpoint_url, {"x-amzn-stream-name": f"session-{number}"}, [body])
        assert [event[0] for event in events] == ["BUFFERING", "RECEIVED", "PERSISTED"]
    log = aws.log.read_text()
    assert "Traceback" not in log
    assert "SSL" not in log


def test_a_producer_that_is_configured_once_comes_back_after_a_restart(tmp_path: Any) -> None:
    issuer = tmp_path / "kept" / "issuer"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    trust = None
    for _ in range(2):
        with LocalAws(creating_seconds=0, tls_port=port, ca=issuer) as aws:
            assert aws.tls_endpoint_url == f"https://127.0.0.1:{port}"
            told = aws.producer_environment
            trust = trust or told["KVSSINK_CA_CERT_PATH"]
            assert told["AWS_KVS_CACERT_PATH"] == told["KVSSINK_CA_CERT_PATH"] == trust == str(issuer / "issuer.pem")
            session = boto3.Session("test", "test", region_name="us-east-1")
            with contextlib.closing(
                session.client("kinesisvideo", endpoint_url=f"https://127.0.0.1:{port}", verify=trust)
            ) as secure:
                secure.create_stream(StreamName="front-door", DataRetentionInHours=1)
            body = [HEADER + cluster(1_000)]
            events = put_media(f"https://127.0.0.1:{port}", {"x-amzn-stream-name": "front-door"}, body, trust=trust)
            assert len(events) == 3
    assert (issuer / "issuer-key.pem").stat().st_mode & 0o077 == 0
    (issuer / "issuer-key.pem").write_text("no key")
    with pytest.raises(LocalAwsError, match=f"can't use the issuer in {issuer}: "):
        LocalAws(ca=issuer).start()
    (issuer / "issuer-key.pem").unlink()
    with pytest.raises(LocalAwsError, match=r"issuer\.pem has no key beside it"):
        LocalAws(ca=issuer).start()


def test_pairs_of_events_count_to_the_ten_tags_unless_they_are_not_to(client: Client, aws: LocalAws) -> None:
    pairs = tuple(SimpleTag(f"pair-{number}", "value") for number in range(10))
    event = Tags((SimpleTag(TagName.IMAGE_GENERATION), *pairs))
    body = [HEADER + cluster(1_000, event) + END_OF_FRAGMENT]
    client("kinesisvideo").create_stream(StreamName="pairs", DataRetentionInHours=1)
    events = put_media(aws.endpoint_url, {"x-amzn-stream-name": "pairs"}, body)
    assert events[-1] == ["ERROR", 1_000, "FRAGMENT_METADATA_LIMIT_REACHED"]
    (line,) = [line for line in aws.log.read_text().splitlines() if "is refused for its tags" in line]
    named = ", ".join([TagName.IMAGE_GENERATION, *(pair.name for pair in pairs), TagName.END_OF_FRAGMENT])
    assert line.endswith(f"is refused for its tags: 12 count, and 10 are allowed: {named}")
    assert " WARNING " in line
    with LocalAws(creating_seconds=0, count_event_pairs=False) as lenient:
        lenient.client("kinesisvideo").create_stream(StreamName="pairs", DataRetentionInHours=1)
        assert put_media(lenient.endpoint_url, {"x-amzn-stream-name": "pairs"}, body)[-1] == ["PERSISTED", 1_000]
        others = [Tags((pair,)) for pair in pairs]
        body = [HEADER + cluster(2_000, event, *others) + END_OF_FRAGMENT]
        events = put_media(lenient.endpoint_url, {"x-amzn-stream-name": "pairs"}, body)
        assert events[-1] == ["ERROR", 2_000, "FRAGMENT_METADATA_LIMIT_REACHED"]
