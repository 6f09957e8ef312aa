"""The floor: aiohttp's client, answered with canned bytes by a protocol that parses nothing.

It is what a request costs in the client alone. Nothing that answers at the connector can be
faster; what is above the floor is ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from aiohttp import ClientSession, TCPConnector

# The one place where the package's own parts are used: both sides are to have the same wire.
from aiointercept_connector.loopback.memory import memory_pair

from .exchange import URL, Exchange, Opened

if TYPE_CHECKING:
    from aiohttp import ClientRequest, ClientTimeout
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

__all__ = ("memory_floor", "tcp_floor")


class Canned(asyncio.Protocol):
    """Answers with the same bytes whenever what has arrived ends as the request does."""

    def __init__(self, exchange: Exchange) -> None:
        self._ending = exchange.request_ending
        self._answer = exchange.canned
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.endswith(self._ending):
            self._transport.write(self._answer)


class CannedConnector(TCPConnector):
    """Gives every request a wire in memory to a ``Canned``."""

    def __init__(self, exchange: Exchange) -> None:
        # pyright does not know one of the types in aiohttp's own signature.
        super().__init__(limit=exchange.limit)  # pyright: ignore[reportUnknownMemberType]
        self._exchange = exchange

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        near, far = memory_pair(self._loop)
        server, client = Canned(self._exchange), self._factory()
        far.set_protocol(server)
        server.connection_made(far)
        near.set_protocol(client)
        client.connection_made(near)
        return client


@asynccontextmanager
async def memory_floor(exchange: Exchange) -> AsyncGenerator[Opened]:
    """Open the floor over the memory wire."""
    async with ClientSession(connector=CannedConnector(exchange)) as session:
        yield Opened(session, URL)


@asynccontextmanager
async def tcp_floor(exchange: Exchange) -> AsyncGenerator[Opened]:
    """Open the floor over loopback TCP."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Canned(exchange), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connector = TCPConnector(limit=exchange.limit)
    try:
        async with ClientSession(connector=connector) as session:
            yield Opened(session, f"http://127.0.0.1:{port}/users/1")
    finally:
        server.close()
        await server.wait_closed()
