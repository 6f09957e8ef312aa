"""What the tests of HTTP over the wires share: a mock, raw bytes to it, a real server beside it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeAlias

import pytest
from aiohttp import web

from aiointercept_connector import aiointercept
from aiointercept_connector.loopback.link import Link
from aiointercept_connector.loopback.memory import memory_pair
from aiointercept_connector.loopback.protocol import ServerProtocol
from aiointercept_connector.loopback.server import OPTIONS, Server
from aiointercept_connector.routing.route import Route

URL = "https://api.example.com/x"

Handler: TypeAlias = Callable[[Any], Awaitable[web.StreamResponse]]
Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
OpenRaw: TypeAlias = Callable[[], Awaitable[Streams]]


def handle(
    mock: aiointercept, handler: Handler, url: str = URL, method: str = "GET", **kwargs: Any
) -> Route:
    """Register an aiohttp handler as the reply of a route."""
    route: Any = mock.add(url, method, **kwargs)
    route.reply = handler
    return route  # type: ignore[no-any-return]  # Any, so that `reply` may be of any type


@asynccontextmanager
async def entered_mock(
    wire: Any, caplog: pytest.LogCaptureFixture
) -> AsyncGenerator[aiointercept, None]:
    """Enter a mock; what aiohttp's server logs meanwhile as an error fails the test."""
    async with aiointercept(wire=wire) as entered:
        yield entered
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


@asynccontextmanager
async def raw_connections(mock: aiointercept) -> AsyncGenerator[OpenRaw, None]:
    """Give a function that connects to the mock with no client in between, over its wire."""
    loop = asyncio.get_running_loop()
    server = Server(mock.interceptor, loop)
    port = await server.listen() if mock.wire == "tcp" else 0
    writers: list[asyncio.StreamWriter] = []

    async def opened() -> Streams:
        if port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        else:
            reader, writer = _open_memory(server, loop)
        writers.append(writer)
        return reader, writer

    yield opened
    for task in server.close(ConnectionError("the test is over")):
        await asyncio.wait([task])
    for writer in writers:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def _open_memory(server: Server, loop: asyncio.AbstractEventLoop) -> Streams:
    near, far = memory_pair(loop, {}, {"sockname": ("127.0.0.1", 80)})
    link = Link(lambda call: None)
    link.protocol = ServerProtocol(server, link, loop, **OPTIONS)
    far.set_protocol(link.protocol)
    link.protocol.connection_made(far)
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    near.set_protocol(protocol)
    protocol.connection_made(near)
    return reader, asyncio.StreamWriter(near, protocol, reader, loop)


@asynccontextmanager
async def real_server(handler: Handler) -> AsyncGenerator[int, None]:
    """Run *handler* in aiohttp's own low-level server, and give its port."""
    loop = asyncio.get_running_loop()
    server = web.Server(handler, **OPTIONS)
    async with AsyncExitStack() as stack:
        listener = await loop.create_server(server, "127.0.0.1", 0)
        stack.push_async_callback(server.shutdown, 0.1)
        stack.callback(listener.close)
        yield int(listener.sockets[0].getsockname()[1])


async def exchange(streams: Streams, *segments: bytes) -> bytes:
    """Send *segments* one at a time, and return all that is answered until the other end closes."""
    reader, writer = streams
    answer = asyncio.create_task(_read_all(reader))
    for segment in segments:
        if not answer.done():
            writer.write(segment)
            await asyncio.sleep(0.002)
    return await asyncio.wait_for(answer, 5)


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    received = b""
    # An end that is closed before it has read everything is reset.
    with suppress(ConnectionError):
        while piece := await reader.read(2**20):
            received += piece
    return received


def without_names(answer: bytes) -> bytes:
    """Leave out of an answer the headers that say who gave it, and when."""
    return re.sub(rb"(?:Date|Server): [^\r]*\r\n", b"", answer)
