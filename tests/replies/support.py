"""Clients of every make for one reply: what they get, and the bytes that are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from aiohttp import ClientSession
from multidict import CIMultiDictProxy
from yarl import URL

from aiointercept_connector import aiointercept
from aiointercept_connector.replies.static import StaticReply

API = "https://api.example.com"

WAYS = ("memory", "tcp", "install", "server_url")
"""How a client comes to a mock: by a connector on either wire, by an install, by a real port."""


@dataclass
class Answer:
    """What a client was answered."""

    status: int
    reason: str | None
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The content type, parameters and all."""
        return self.headers["Content-Type"]


Ask: TypeAlias = Callable[..., Awaitable[Answer]]


@asynccontextmanager
async def asking(way: str) -> AsyncGenerator[tuple[aiointercept, Ask], None]:
    """Give a mock, and a function that asks it for a path: ``ask(path, method, **kwargs)``."""
    wire: Any = "tcp" if way == "tcp" else "memory"
    mock = aiointercept(way == "install", wire=wire)
    async with mock, mock.session() if way in {"memory", "tcp"} else ClientSession() as session:

        async def ask(path: str = "/x", method: str = "GET", **kwargs: Any) -> Answer:
            url = URL((mock.server_url if way == "server_url" else API) + path, encoded=True)
            async with session.request(method, url, **kwargs) as response:
                body = await response.read()
            return Answer(response.status, response.reason, response.headers, body)

        yield mock, ask


async def asked_of(reply: Any, way: str = "memory", **kwargs: Any) -> Answer:
    """Return what one request is answered that *reply* is registered for."""
    async with asking(way) as (mock, ask):
        mock.add("/x", kwargs.get("method", "GET"), reply=reply)
        return await ask(**kwargs)


async def exchanged(mock: aiointercept, request: bytes) -> bytes:
    """Send bytes to the mock's port, and return all that comes back until it closes."""
    url = URL(str(mock.server_url))
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        await writer.wait_closed()


def sent_by(reply: Any) -> bytes:
    """Return the bytes of a static reply on the express lane."""
    assert isinstance(reply, StaticReply)
    assert reply.wire is not None
    return reply.wire


def recorded_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the waits of replies, none of which is waited for."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def slept(seconds: float) -> None:
        if seconds:
            waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("aiointercept_connector.replies.delay.asyncio.sleep", slept)
    return waits
