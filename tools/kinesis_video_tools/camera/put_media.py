"""One PutMedia request: sends media while it receives acknowledgements."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import h11
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from kinesis_video_configuration.retries import is_passing

from .acknowledgements import Acknowledgement, AcknowledgementReader

# AWS's C producer sends chunks up to this size.
_MAX_CHUNK = 65_524
_READ_SIZE = 65_536
_CONNECT_SECONDS = 10
# A fragment has at most 20 seconds and several acknowledgements: after this silence, the service is gone.
_SILENCE_SECONDS = 60
_CLOSING_SECONDS = 1

_ADVICE = {
    "AccessDeniedException": "allow the producer kinesisvideo:PutMedia on the stream",
    "ClientLimitExceededException": "send less at a time",
    "ConnectionLimitExceededException": "end the other producer of the stream, which takes one connection",
    "ExpiredTokenException": "renew the producer's credentials",
    "InvalidEndpointException": "ask for the endpoint again",
    "InvalidSignatureException": "look at the credentials and at this machine's clock",
    "NotAuthorizedException": "allow the producer kinesisvideo:PutMedia on the stream",
    "ResourceNotFoundException": "look at the stream's name, the Region and the account",
}

LOST = (OSError, h11.ProtocolError)
"""The exceptions of a connection that breaks or can't be opened."""


class PutMediaError(Exception):
    """The service refuses PutMedia, or the producer has given up.

    Parameters
    ----------
    message
        What the service said, and what to change.
    code
        The service's name of the error, such as ``ResourceNotFoundException``; empty if it gave none.
    retryable
        Whether the same request may succeed later.
    """

    def __init__(self, message: str, *, code: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


def sign_put_media(
    url: str, headers: Mapping[str, str], credentials: ReadOnlyCredentials, region: str
) -> dict[str, str]:
    """Sign a request for a URL as AWS's C producer does, with the hash of an empty body, and return all its headers."""
    request = AWSRequest("POST", url, headers={"host": urlsplit(url).netloc, **headers})
    SigV4Auth(credentials, "kinesisvideo", region).add_auth(request)
    return {**request.headers, "transfer-encoding": "chunked"}


class PutMedia:
    """An open request.

    `open` makes one. Both directions run on the event loop of the caller, so that a TLS connection is safe.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_acknowledgement: Callable[[Acknowledgement], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_acknowledgement = on_acknowledgement
        self._http = h11.Connection(h11.CLIENT)
        self.ended: asyncio.Task[None] = asyncio.ensure_future(self._receive())
        """Ends with an ERROR acknowledgement or with the service's answer. Raises `PutMediaError` if the service
        refuses, and one of `LOST` if the connection breaks."""

    @classmethod
    async def open(
        cls,
        url: str,
        headers: Mapping[str, str],
        on_acknowledgement: Callable[[Acknowledgement], None],
        trust: str | None = None,
    ) -> PutMedia:
        """Connect and send the signed headers.

        `trust` is the file of the certificates to trust; the default is the system's.
        """
        parts = urlsplit(url)
        tls = ssl.create_default_context(cafile=trust) if parts.scheme == "https" else None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(
                    parts.hostname, parts.port or (443 if tls else 80), ssl=tls
                )
        except ssl.SSLCertVerificationError as error:
            raise PutMediaError(
                f"the certificate of {parts.netloc} isn't trusted ({error.verify_message}); "
                "name its issuer's file in AWS_CA_BUNDLE"
            ) from error
        put_media = cls(reader, writer, on_acknowledgement)
        await put_media._write(h11.Request(method="POST", target=parts.path, headers=list(headers.items())))
        return put_media

    async def send(self, data: bytes) -> None:
        """Send the next bytes of the body, and return when the connection can take more or has ended."""
        for begin in range(0, len(data), _MAX_CHUNK):
            await self._write(h11.Data(data[begin : begin + _MAX_CHUNK]))

    async def end_body(self) -> None:
        """End the body: no more fragments follow. The acknowledgements of those that were sent still arrive."""
        await self._write(h11.EndOfMessage())

    async def close(self) -> None:
        """Close the connection; the body is ended if it wasn't."""
        with suppress(OSError, TimeoutError, h11.ProtocolError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                if self._http.our_state is h11.SEND_BODY:
                    await self.end_body()
                self._writer.close()
                await self._writer.wait_closed()
        self._writer.transport.abort()
        self.ended.cancel()
        await asyncio.wait([self.ended])

    async def _write(self, event: h11.Request | h11.Data | h11.EndOfMessage) -> None:
        self._writer.write(self._http.send(event) or b"")
        # A server that has refused may never read the rest, and `ended` knows the reason better than a broken pipe.
        drained = asyncio.ensure_future(self._writer.drain())
        await asyncio.wait([drained, self.ended], return_when=asyncio.FIRST_COMPLETED)
        if not drained.cancel() and drained.exception():
            await asyncio.wait([self.ended])

    async def _receive(self) -> None:
        response: h11.Response | None = None
        refusal = b""
        acknowledgements = AcknowledgementReader()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    self._http.receive_data(await self._reader.read(_READ_SIZE))
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data) and response and response.status_code != 200:
                refusal += event.data
            elif isinstance(event, h11.Data):
                for acknowledgement in acknowledgements.feed(bytes(event.data)):
                    self._on_acknowledgement(acknowledgement)
                    if acknowledgement.event_type == "ERROR":
                        return
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                break
        if response and response.status_code != 200:
            raise _error(response, refusal)


def _error(response: h11.Response, body: bytes) -> PutMediaError:
    status = response.status_code
    try:
        fields = {name.lower(): str(value) for name, value in json.loads(body).items()}
    except (ValueError, AttributeError):
        fields = {}
    header = dict(response.headers).get(b"x-amzn-errortype", b"").decode(errors="replace")
    code = (header or fields.get("__type", "") or fields.get("code", "")).split(":")[0].split("#")[-1]
    words = fields.get("message") or body.decode(errors="replace")[:500] or response.reason.decode(errors="replace")
    advice = f"; {_ADVICE[code]}" if code in _ADVICE else ""
    return PutMediaError(
        f"the service refuses PutMedia with {status} {code}: {words}{advice}",
        code=code,
        retryable=is_passing(code, status),
    )
