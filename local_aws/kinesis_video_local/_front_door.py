"""Admits programs on this machine, and refuses web pages.

A browser sends requests for any page, also to 127.0.0.1, and this AWS runs code. A request is therefore refused if it
names another host, as after DNS rebinding; if it comes from a page whose origin isn't allowed; if a page of another
site causes it without an origin; or if it calls an operation by its URL alone, as a link does. Programs send neither
``Origin`` nor ``Sec-Fetch-Site``, and sign their calls in a header, which a page can't send without a preflight.

Some requests of browsers have no ``Sec-Fetch-Site``: Safari's to ``localhost.``, and those of its video player.

See https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site and
https://fetch.spec.whatwg.org/#cors-protocol
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

Headers = Sequence[tuple[bytes, bytes]]

CONTROL_PATH = "/_local_aws/"
_MINISTACK_PATH = "/_ministack/"
# Open without the key: the health check, and the unguessable addresses to which custom resources answer.
_OPEN_PATHS = re.compile(rf"{_MINISTACK_PATH}(?:health|ready|cfn-(?:response|signal)/[^/]+)")
# 127.0.0.1 and localhost, with the names below them, which address buckets.
_OWN_HOST = re.compile(
    r"(?:(?:[a-z0-9_-]+\.)*(?:localhost|127\.0\.0\.1)|\[::1\])(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE
)
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?", re.IGNORECASE
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
# A page in a bucket would read everything here.
_NO_SCRIPTS = (b"content-security-policy", b"script-src 'none'; object-src 'none'")
# The links in the messages of Amazon SNS, with a token or an ARN that nobody guesses.
_LINKS = ("ConfirmSubscription", "Unsubscribe")
_PREFLIGHT_SECONDS = 600
# How long a client that is still sending has to read the refusal.
_LINGER_SECONDS = 3


def parse_origin(text: str) -> str:
    """Check an origin, and return it as browsers send it."""
    match = _ORIGIN.fullmatch(text)
    if not match:
        raise ValueError(
            f"The allowed origin {text!r} is not an origin, give a scheme, a host and a port, such as http://localhost:3000"
        )
    scheme, host, port = match["scheme"].lower(), match["host"].lower(), match["port"]
    return f"{scheme}://{host}" + (f":{port}" if port and port != _DEFAULT_PORTS[scheme] else "")


class FrontDoor:
    """An ASGI application before another one, for HTTP and for websockets.

    Each allowed origin is as `parse_origin` returns it. The control key is the bearer token in ``Authorization`` that
    opens the control paths, ministack's among them; None opens them for every program.
    """

    def __init__(self, application: Any, allowed_origins: Iterable[str] = (), control_key: str | None = None) -> None:
        self._application = application
        self._allowed_origins = frozenset(allowed_origins)
        self._control_key = control_key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Admit a connection, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        if why := self._refusal(scope):
            await _refuse(scope, receive, send, why)
            return
        headers = scope["headers"]
        # Origins that aren't allowed were refused above.
        cors = [answer for origin in _values(headers, b"origin")[:1] for answer in _cors(origin)]
        if cors and _values(headers, b"access-control-request-method") and scope.get("method") == "OPTIONS":
            await _answer(send, 204, [*cors, *_preflight(headers)])
            return

        added = list(cors)
        if (
            scope["type"] == "http"
            and f"{scope['scheme']}://{_values(headers, b'host')[0]}" not in self._allowed_origins
        ):
            added.append(_NO_SCRIPTS)

        async def send_on(message: Any) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                # ministack allows every origin to read its answers.
                own = [(n, v) for n, v in message.get("headers", ()) if not n.lower().startswith(b"access-control-")]
                message = {**message, "headers": [*own, *added]}
            await send(message)

        await self._application(scope, receive, send_on)

    def _refusal(self, scope: Mapping[str, Any]) -> str | None:
        """Return why a request is refused; None admits it."""
        headers: Headers = scope["headers"]
        hosts = _values(headers, b"host")
        if len(hosts) != 1 or not _is_own(hosts[0]):
            named = " and ".join(hosts) or "missing"
            return f"Host is {named}, address the local AWS as 127.0.0.1, localhost or a name below localhost"
        # An absolute URL would override the Host header.
        if not scope["raw_path"].startswith(b"/"):
            return "The local AWS is no proxy, send a path instead of a URL"
        origins = _values(headers, b"origin")
        if foreign := [origin for origin in origins if origin not in self._allowed_origins]:
            return (
                f"Origin is {foreign[0]}, and no web page may use the local AWS; "
                "start it with `--allow-origin` to let the pages of an origin use it"
            )
        sites = [] if origins else _values(headers, b"sec-fetch-site")
        if others := [site for site in sites if site not in ("none", "same-origin")]:
            return f"Sec-Fetch-Site is {others[0]}, and no web page of another site may use the local AWS"
        if _values(headers, b"sec-purpose"):
            # Chromium sends it for the speculation rules of any page, with `Sec-Fetch-Site: none`.
            return "Nothing is fetched in advance from the local AWS, since a page may have asked for it"
        signed = any(value.startswith("AWS") for value in _values(headers, b"authorization"))
        if not (origins or signed) and _names_operation(scope):
            return "A link may open what is here, and not call an operation: sign the call in `Authorization`"
        path: str = scope["path"]
        if self._control_key and path.startswith((CONTROL_PATH, _MINISTACK_PATH)) and not _OPEN_PATHS.fullmatch(path):
            shown = "".join(_values(headers, b"authorization")).encode()
            if not hmac.compare_digest(shown, f"Bearer {self._control_key}".encode()):
                return "Only the program that started the local AWS may control it, since it enforces IAM"
        return None


def _names_operation(scope: Mapping[str, Any]) -> bool:
    # Behind a link in a mail, or a redirect from an address that was typed, the browser says that nobody sent it.
    query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    # In the path of a remote procedure call; that of an object can have such a folder.
    path: str = scope["path"].lower()
    is_call = "/service/" in path or "monitoring." in _values(scope["headers"], b"host")[0].lower()
    actions = [value for name, value in query if name.lower() == "action"]
    return any(action not in _LINKS for action in actions) or ("/operation/" in path and is_call)


def _is_own(host: str) -> bool:
    match = _OWN_HOST.fullmatch(host)
    return match is not None and 0 < int(match["port"] or 80) < 2**16


def _values(headers: Headers, wanted: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for name, value in headers if name.lower() == wanted]


def _cors(origin: str) -> Headers:
    return (
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", b"*"),
        (b"vary", b"Origin"),
    )


def _preflight(headers: Headers) -> Headers:
    asked = {name: ", ".join(_values(headers, b"access-control-request-" + name)) for name in (b"method", b"headers")}
    return (
        (b"access-control-allow-methods", asked[b"method"].encode("latin-1")),
        (b"access-control-allow-headers", asked[b"headers"].encode("latin-1")),
        (b"access-control-allow-private-network", b"true"),
        (b"access-control-max-age", str(_PREFLIGHT_SECONDS).encode()),
    )


async def _refuse(scope: Mapping[str, Any], receive: Any, send: Any, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        # A handshake that is closed like this gets 403.
        await send({"type": "websocket.close"})
        return
    body = b"" if scope["method"] == "HEAD" else f"{why}\n".encode()
    await _answer(send, 403, [(b"content-type", b"text/plain; charset=utf-8")], body, more_body=True)
    # A client that is sending doesn't see an answer if the connection is closed.
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while (await receive()).get("more_body"):
                pass
    await send({"type": "http.response.body", "body": b""})


async def _answer(send: Any, status: int, headers: Headers, body: bytes = b"", *, more_body: bool = False) -> None:
    length = [(b"content-length", str(len(body)).encode())] if body else []
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body, "more_body": more_body})
