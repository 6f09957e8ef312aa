from __future__ import annotations

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from aiointercept_connector import aiointercept
from tests.loopback.http_requests import LARGE, MEGABYTE, text
from tests.loopback.http_support import URL, handle

pytestmark = pytest.mark.anyio


class TestUpgrade:
    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_declined(self, mock: aiointercept, called: bool) -> None:
        """A reply that is no WebSocket answers a request to upgrade, and the connection goes on."""
        mock.get(URL, body="x", callback=(lambda *_, **__: None) if called else None, repeat=True)
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        async with mock.session() as session:
            for _ in range(2):
                assert await text(session, headers=upgrade) == "x"
                assert await text(session) == "x"

    async def test_refused_handshake(self, mock: aiointercept) -> None:
        """`ws_connect` to a route that is no WebSocket fails as it does with any server."""
        mock.get(URL, body="x")
        async with mock.session() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(URL)
        assert caught.value.status == 200


class TestWebSocket:
    @pytest.mark.parametrize("size", [0, 5, MEGABYTE])
    async def test_echo(self, mock: aiointercept, size: int) -> None:
        """A handler may upgrade, and then frames of any size go both ways."""

        async def repeat(request: web.Request) -> web.StreamResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_bytes(message.data)
            return socket

        handle(mock, repeat)
        async with mock.session() as session, session.ws_connect(URL) as socket:
            for _ in range(3):
                await socket.send_bytes(LARGE[:size])
                assert await socket.receive_bytes() == LARGE[:size]

    async def test_closed_by_the_handler(self, mock: aiointercept) -> None:
        """The handler's close code and reason reach the client."""

        async def hang_up(request: web.Request) -> web.StreamResponse:
            socket = web.WebSocketResponse(protocols=("chat",))
            await socket.prepare(request)
            await socket.close(code=4001, message=b"enough")
            return socket

        handle(mock, hang_up)
        async with (
            mock.session() as session,
            session.ws_connect(URL, protocols=("chat",)) as socket,
        ):
            message = await socket.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4001, "enough")
        assert (socket.protocol, socket.close_code) == ("chat", 4001)
