"""HTTP servers on 127.0.0.1, with TLS where AWS has it."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import aiohttp
import botocore
import trustme
from aiohttp import web

HOST = "127.0.0.1"

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer, port: int = 0, *, tls: bool = False) -> AsyncIterator[str]:
    """Serve every request by `answer`; yield the address. Port 0 takes a free one."""
    runner = web.ServerRunner(web.Server(answer, handler_cancellation=True), shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port, ssl_context=_server_side() if tls else None).start()
        yield f"http{'s' if tls else ''}://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def over_tls(url: str) -> AsyncIterator[str]:
    """Pass what comes over TLS on to a server that speaks plain text; yield the address."""

    async def pass_on(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        async with session.request(request.method, url + request.path_qs, data=body) as answer:
            return web.Response(status=answer.status, body=await answer.read())

    async with aiohttp.ClientSession() as session, serving(pass_on, tls=True) as address:
        yield address


@cache
def trust() -> dict[str, str]:
    """Make the environment variables by which a function trusts these servers.

    Their authority is added to the usual ones, since reading those is part of what an answer costs.
    """
    own, bundle = (Path(mkdtemp(), name) for name in ("own.pem", "bundle.pem"))
    shutil.copy(Path(botocore.__file__).with_name("cacert.pem"), bundle)
    _authority().cert_pem.write_to_path(own)
    _authority().cert_pem.write_to_path(bundle, append=True)
    return {"SSL_CERT_FILE": str(bundle), "NODE_EXTRA_CA_CERTS": str(own)}


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def _server_side() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert(HOST).configure_cert(context)
    return context
