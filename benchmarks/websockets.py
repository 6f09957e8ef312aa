"""A WebSocket that echoes: ours, and the same handler in aiohttp's own TestServer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeAlias

from aiohttp import ClientWebSocketResponse, web
from aiohttp.test_utils import TestClient, TestServer

from aiointercept_connector import aiointercept, replies

from .harness import Call, WrongAnswerError

__all__ = ("conversing", "mocked_echo", "served_echo")

MESSAGE: Final = "x" * 100

Echo: TypeAlias = "Callable[[], AbstractAsyncContextManager[ClientWebSocketResponse[Any]]]"


@asynccontextmanager
async def mocked_echo() -> AsyncGenerator[ClientWebSocketResponse[Any]]:
    """Open a WebSocket to a mock, which records every frame."""
    url = "ws://api.example.com/echo"
    async with aiointercept() as mock, mock.session() as session:
        mock.ws(url, replies.echo)
        async with session.ws_connect(url) as socket:
            yield socket


@asynccontextmanager
async def served_echo() -> AsyncGenerator[ClientWebSocketResponse[Any]]:
    """Open a WebSocket to aiohttp's server for tests, over loopback TCP."""

    async def handler(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    app = web.Application()
    app.router.add_get("/echo", handler)
    async with TestClient(TestServer(app)) as client, client.ws_connect("/echo") as socket:
        yield socket


def conversing(echo: Echo) -> Callable[[], AbstractAsyncContextManager[Call]]:
    """Return what opens *echo*; a call of it sends a message, and waits for it to come back."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Call]:
        async with echo() as socket:

            async def call() -> None:
                await socket.send_str(MESSAGE)
                message = await socket.receive()
                if message.data != MESSAGE:
                    raise WrongAnswerError(f"{message!r}, not the message that was sent")

            yield call

    return opened
