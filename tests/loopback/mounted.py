"""What the tests of mounted applications share, of whatever make these are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession

from aiointercept_connector import aiointercept
from tests.loopback.http_support import raw_connections

API = "https://api.example.com"
BIG = bytes(range(256)) * 2**12


@asynccontextmanager
async def mocked(wire: Any) -> AsyncGenerator[tuple[aiointercept, ClientSession], None]:
    """Enter a mock, and give it with a session that asks it."""
    async with aiointercept(wire=wire) as mock, mock.session() as session:
        yield mock, session


async def told_of(session: ClientSession, url: str, method: str = "GET", **kwargs: Any) -> Any:
    """Return what the application has told of a request."""
    async with session.request(method, url, **kwargs) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def two_pieces(between: asyncio.Event) -> AsyncIterator[bytes]:
    """Give a piece, and another one when the event has come."""
    yield b"one"
    await between.wait()
    yield b"two"


class Endless:
    """A handler that never answers, and tells of its beginning and end."""

    def __init__(self) -> None:
        self.began, self.ended = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: Any) -> Any:
        """Wait until it is cancelled."""
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def continued_answer(mock: aiointercept) -> tuple[bytes, bytes]:
    """Ask with `Expect: 100-continue`; return what is said before the body is sent, and after."""
    async with raw_connections(mock) as opened:
        reader, writer = await opened()
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n")
        writer.write(b"Connection: close\r\nExpect: 100-continue\r\n\r\n")
        before = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"x")
        return before, await reader.read()
