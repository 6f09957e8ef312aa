"""A real host for what leaves a mock, under a name that leads to it by the connector's resolver."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.abc import AbstractResolver
from aiohttp.test_utils import RawTestServer
from multidict import CIMultiDict

__all__ = ("NAME", "Answer", "RealHost", "ToLoopback", "plain", "real_host")

Answer: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

NAME = "api.example.com"


class ToLoopback(AbstractResolver):
    """Finds every host on this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[Any]:
        """Return the address of this machine."""
        found = {"hostname": host, "host": "127.0.0.1", "port": port, "proto": 0, "flags": 0}
        return [{**found, "family": socket.AF_INET}]

    async def close(self) -> None:
        """There is nothing to close."""


class RealHost:
    """A real server, and what it was asked: the request line, the headers and the body."""

    def __init__(self, answer: Answer, *, reads_body: bool) -> None:
        self._answer = answer
        self._reads_body = reads_body
        self.url = ""
        self.port = 0
        self.asked: list[tuple[str, tuple[tuple[bytes, bytes], ...], bytes]] = []
        self.connections: set[Any] = set()
        self.reached, self.left = asyncio.Event(), asyncio.Event()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Write down what was asked, and answer."""
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        if self._reads_body and "Expect" in request.headers:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        body = await request.read() if self._reads_body else b""
        line = f"{request.method} {request._message.path}"
        self.asked.append((line, request.raw_headers, body))
        self.reached.set()
        try:
            return await self._answer(request)
        except asyncio.CancelledError:
            self.left.set()
            raise


async def plain(request: web.BaseRequest) -> web.StreamResponse:
    """Answer alike every time, with a header that comes twice and one that is spelled oddly."""
    headers = CIMultiDict([("X-Twice", "1"), ("Date", "today"), ("X-Twice", "2"), ("x-oDD", "3")])
    return web.Response(text=f"real {request.method}", headers=headers)


@asynccontextmanager
async def real_host(
    answer: Answer = plain, *, tls: ssl.SSLContext | None = None, reads_body: bool = True
) -> AsyncGenerator[RealHost]:
    """Run a real server that answers as *answer* does."""
    host = RealHost(answer, reads_body=reads_body)
    server = RawTestServer(host.handle)
    await server.start_server(ssl=tls)
    assert server.port is not None
    host.port = server.port
    host.url = f"{'https' if tls else 'http'}://{NAME}:{server.port}"
    try:
        yield host
    finally:
        await server.close()
