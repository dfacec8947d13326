"""Serves ministack and one streaming operation, like the media plane's: ``python echo.py`` prints its address.

It answers each piece of the body with the piece and, if its caller is allowed to put objects, an exclamation mark.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator

from hypercorn.asyncio import serve
from hypercorn.config import Config

from kinesis_video_local._gateway import Gateway
from kinesis_video_local.service.http import Answer, DeniedError, Request
from kinesis_video_local.service.operation import Operation
from kinesis_video_local.service.quotas import Quota
from kinesis_video_local.service.services import Addressed, Services

STREAM = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/echo/1"


async def echo(request: Request, _body: bytes) -> Answer:
    async def pieces() -> AsyncGenerator[bytes, None]:
        async for piece in request.body:
            try:
                request.caller.check("s3:PutObject", "arn:aws:s3:::images/one.jpg")
                yield piece + b"!"
            except DeniedError:
                yield piece

    return Answer(200, {}, pieces())


OPERATION = Operation(
    name="Echo",
    method="POST",
    path="/echo",
    errors={"NotAuthorizedException": 401, "ClientLimitExceededException": 400},
    denied="NotAuthorizedException",
    quota=Quota(per_account=50, per_stream=2),
    streams=True,
    members=lambda request, _body: request.headers,
    run=echo,
)


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    services = Services(
        "kinesisvideo",
        {(OPERATION.method, OPERATION.path): OPERATION},
        lambda _caller, members: Addressed(members.get("x-amzn-stream-name"), STREAM),
        audit=lambda _caller, _event: None,
        quotas=True,
    )
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    asyncio.run(serve(Gateway(services), config))


if __name__ == "__main__":
    main()
