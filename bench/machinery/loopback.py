"""HTTP servers on 127.0.0.1, with TLS where AWS has it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import botocore
from aiohttp import web

from kinesis_video_local import certificates
from tests.cloudformation import CloudFormation

HOST = "127.0.0.1"


@asynccontextmanager
async def serving(answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """Serve every request by `answer`; yield the address."""
    runner = web.ServerRunner(web.Server(answer, handler_cancellation=True), shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextmanager
def taking_answers() -> Iterator[tuple[CloudFormation, dict[str, str]]]:
    """Take answers over https, as crhelper knows nothing else; yield the environment of those who answer, too."""
    certificate, own = certificates.issue(HOST, Path(mkdtemp()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    with CloudFormation.running() as answers:
        answers.socket = context.wrap_socket(answers.socket, server_side=True)
        yield answers, {**trusting(certificate), "ANSWER_PORT": str(answers.server_port)}


def trusting(certificate: Path) -> dict[str, str]:
    """Make the environment variables by which a function trusts a server of this machine.

    The usual authorities stay, since reading those is part of what an answer costs.
    """
    bundle = Path(mkdtemp(), "bundle.pem")
    usual = Path(botocore.__file__).with_name("cacert.pem")
    bundle.write_bytes(usual.read_bytes() + certificate.read_bytes())
    return {"SSL_CERT_FILE": str(bundle), "NODE_EXTRA_CA_CERTS": str(certificate)}
