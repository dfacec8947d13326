"""PutMedia as bytes on a connection."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from kinesis_video_matroska import (
    Fragment,
    Frame,
    SimpleTag,
    TagName,
    Tags,
    Track,
    write_cluster,
    write_frame,
    write_header,
    write_tags,
)

Client = Callable[[str], Any]

ROOT = Credentials("test", "test")
TRACK = Track(1, "V_MPEG4/ISO/AVC", b"\x01\x42\xc0\x1f", 160, 96)
HEADER = write_header([TRACK])
END_OF_FRAGMENT = write_tags(Tags((SimpleTag(TagName.END_OF_FRAGMENT),)))
IMAGE = Tags((SimpleTag(TagName.IMAGE_GENERATION),))


def cluster(timecode: int, *tags: Tags, frames: int = 2, track: int = 1, data: bytes = b"no picture") -> bytes:
    """Write a fragment of a second or less, with frames that no decoder accepts, and without an end."""
    times = [timecode + index * 100 for index in range(frames)]
    written = [write_frame(Frame(track, time, time == timecode, data), timecode) for time in times]
    return b"".join([write_cluster(timecode), *written, *(write_tags(element) for element in tags)])


def written(tracks: Sequence[Track], fragments: Iterable[Fragment], *tags: Tags) -> bytes:
    """Write a stream as the C producer does: with tags after each fragment, the end-of-fragment tag last."""
    parts = [write_header(tracks)]
    for fragment in fragments:
        parts.append(write_cluster(fragment.timecode))
        parts += [write_frame(frame, fragment.timecode) for frame in fragment.frames]
        parts += [*(write_tags(element) for element in tags), END_OF_FRAGMENT]
    return b"".join(parts)


def signed(endpoint_url: str, headers: dict[str, str], credentials: Credentials = ROOT) -> dict[str, str]:
    """Sign a request, and return its headers."""
    headers = {"x-amzn-fragment-timecode-type": "ABSOLUTE", **headers}
    request = AWSRequest("POST", f"{endpoint_url}/putMedia", headers=headers)
    SigV4Auth(credentials, "kinesisvideo", "us-east-1").add_auth(request)
    return {**request.headers, "Transfer-Encoding": "chunked"}


def request_head(endpoint_url: str, headers: dict[str, str]) -> bytes:
    """Write everything before the body of a request."""
    sent = {"Host": urlsplit(endpoint_url).netloc, **signed(endpoint_url, headers)}
    lines = ["POST /putMedia HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    return "\r\n".join(lines).encode()


class PutMediaRequest:
    """A request that is open until the block ends."""

    def __init__(
        self, endpoint_url: str, headers: dict[str, str], *, credentials: Credentials = ROOT, trust: Path | None = None
    ) -> None:
        address = urlsplit(endpoint_url)
        if address.scheme == "https":
            context = ssl.create_default_context(cafile=trust)
            context.set_alpn_protocols(["h2", "http/1.1"])
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                address.netloc, timeout=20, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(address.netloc, timeout=20)
        self._connection.putrequest("POST", "/putMedia")
        for name, value in signed(endpoint_url, headers, credentials).items():
            self._connection.putheader(name, value)
        self._connection.endheaders()
        self._answer: http.client.HTTPResponse | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._answer:
            self._answer.close()
        self._connection.close()

    @property
    def protocol(self) -> str | None:
        """The negotiated parameters of TLS."""
        assert isinstance(self._connection.sock, ssl.SSLSocket)
        return self._connection.sock.selected_alpn_protocol()

    @property
    def answer(self) -> http.client.HTTPResponse:
        if self._answer is None:
            self._answer = self._connection.getresponse()
        return self._answer

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self) -> None:
        self._connection.send(b"0\r\n\r\n")

    def acknowledgement(self) -> dict[str, Any]:
        """Read the next acknowledgement."""
        acknowledgement: dict[str, Any] = json.loads(self.answer.readline())
        return acknowledgement

    def acknowledgements(self) -> list[dict[str, Any]]:
        """Read the acknowledgements to the answer's end."""
        return [json.loads(line) for line in self.answer.read().splitlines()]

    def refusal(self) -> tuple[int, str | None]:
        """Read the status and the error of a refusal."""
        return self.answer.status, self.answer.getheader("x-amzn-errortype")


def put_media(endpoint_url: str, headers: dict[str, str], pieces: Sequence[bytes], **options: Any) -> list[list[Any]]:
    """Send a body, and return the acknowledgements: type, timecode, and the error's name if it is one."""
    with PutMediaRequest(endpoint_url, headers, **options) as request:
        request.send(*pieces)
        request.end()
        return [summary(acknowledgement) for acknowledgement in request.acknowledgements()]


def summary(acknowledgement: dict[str, Any]) -> list[Any]:
    fields = ("EventType", "FragmentTimecode", "ErrorCode")
    return [acknowledgement[field] for field in fields if field in acknowledgement]
