"""What the tests of WebSockets share: connections to a mock, and to aiohttp's own server."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from aiointercept_connector import VerificationError, aiointercept

URL = "wss://api.example.com/chat"


LARGE = b"0123456789abcdef" * 65_536


Talk = Callable[[web.WebSocketResponse, Any], Awaitable[None]]


Open = Callable[..., Any]


@asynccontextmanager
async def connected(
    mock: aiointercept, url: str = URL, **kwargs: Any
) -> AsyncGenerator[ClientWebSocketResponse[Any]]:
    """Connect to a WebSocket of *mock*."""
    async with mock.session() as session, session.ws_connect(url, **kwargs) as socket:
        yield socket


@asynccontextmanager
async def failing(wire: Any, match: str = "") -> AsyncGenerator[tuple[aiointercept, list[str]]]:
    """Enter a mock that fails on leaving; give it, and a list that gets what it says."""
    said: list[str] = []
    try:
        async with aiointercept(wire=wire) as mock:
            yield mock, said
    except VerificationError as error:
        said.append(str(error))
    assert said
    assert re.search(match, said[0])


@asynccontextmanager
async def connected_for_real(
    talk: Talk, options: dict[str, Any], **kwargs: Any
) -> AsyncGenerator[ClientWebSocketResponse[Any]]:
    """Connect to a WebSocket of aiohttp's own server."""

    async def handler(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(**options)
        await socket.prepare(request)
        await talk(socket, request)
        return socket

    app = web.Application()
    app.router.add_get("/chat", handler)
    async with (
        TestClient(TestServer(app)) as client,
        client.ws_connect("/chat", **kwargs) as socket,
    ):
        yield socket


async def greet(ws: web.WebSocketResponse, request: Any) -> None:
    """Send one message, and wait until the client closes."""
    await ws.send_str("hello")
    await ws.receive()


def seen(message: aiohttp.WSMessage) -> tuple[WSMsgType, Any, Any]:
    """Return a message as a tuple."""
    return message.type, message.data, message.extra


class BoomError(Exception):
    """What a handler under test raises."""
