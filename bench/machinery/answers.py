"""Where functions answer CloudFormation: an https server in the place of the bucket behind its presigned URLs."""

from __future__ import annotations

import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from aiohttp import web

from .loopback import HOST, serving

HTTPS_PORT = 443


class Answers:
    """The answers that were taken, by their ResponseURL."""

    def __init__(self) -> None:
        self._address = ""
        self._bodies: dict[str, list[bytes]] = {}
        self._statuses: dict[str, list[int]] = {}

    @classmethod
    @asynccontextmanager
    async def taking(cls) -> AsyncIterator[Self]:
        """Take answers over https: crhelper knows nothing else, and AWS CDK's own functions no port but 443."""
        answers = cls()
        async with serving(answers._take, 0 if why_not_443() else HTTPS_PORT, tls=True) as address:
            answers._address = address.removesuffix(f":{HTTPS_PORT}")
            yield answers

    def url(self, *statuses: int) -> str:
        """Make a new ResponseURL, whose first answers get these statuses and all later ones 200."""
        path = f"/{uuid.uuid4()}"
        self._bodies[path], self._statuses[path] = [], list(statuses)
        return self._address + path

    def taken(self, url: str) -> list[bytes]:
        """List the answers that a ResponseURL took with status 200."""
        return self._bodies[url.removeprefix(self._address)]

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        status = self._statuses[request.path].pop(0) if self._statuses[request.path] else 200
        if status == 200:
            self._bodies[request.path].append(await request.read())
        return web.Response(status=status)


def why_not_443() -> str:
    """Say why the functions of AWS CDK can't answer on this machine; nothing if they can."""
    try:
        socket.create_server((HOST, HTTPS_PORT)).close()
    except OSError as error:
        return f"port {HTTPS_PORT} of {HOST} can't be listened on: {error.strerror}"
    return ""
