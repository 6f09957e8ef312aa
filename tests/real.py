"""A real server on loopback TCP, to be compared with and to be left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


class RealServer:
    """What a real server was asked, and over how many connections."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[web.Request] = []
        self.connections: set[Any] = set()
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    @property
    def url(self) -> str:
        """Where the server is, by address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def named_url(self) -> str:
        """Where the server is, by name."""
        return f"http://localhost:{self.port}"

    async def _answer(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.requests.append(request)
        self.asked.set()
        self.connections.add(request.transport.get_extra_info("peername"))
        await request.read()
        if request.path == "/hold":
            await self.go.wait()
        return web.Response(text="real")


@asynccontextmanager
async def real_server() -> AsyncGenerator[RealServer]:
    """Run a server that answers every request with ``real``; ``/hold`` only once ``go`` is set."""
    real = RealServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", real._answer)
    async with TestServer(app) as server:
        assert server.port is not None
        real.port = server.port
        yield real
