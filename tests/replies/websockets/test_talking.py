"""What a handler and its client say to each other, and how they end it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, web

from aiointercept_connector import replies
from tests.replies.websockets.conversing import LARGE, Open, greet, seen

pytestmark = pytest.mark.anyio


class TestMessages:
    @pytest.mark.parametrize("compress", [0, 15], ids=["plain", "compressed"])
    @pytest.mark.parametrize("size", [0, 5, len(LARGE)])
    async def test_echo(self, talking: Open, compress: int, size: int) -> None:
        """Text and binary messages of any size go both ways, compressed if the client offers."""
        socket = await talking(replies.echo, compress=compress)
        assert socket.compress == compress
        for _ in range(2):
            await socket.send_bytes(LARGE[:size])
            assert await socket.receive_bytes() == LARGE[:size]
            await socket.send_str(LARGE[:size].decode())
            assert await socket.receive_str() == LARGE[:size].decode()

    async def test_uncompressed(self, talking: Open) -> None:
        """A server may decline compression."""
        socket = await talking(replies.echo, {"compress": False}, compress=15)
        assert socket.compress == 0

    @pytest.mark.parametrize("known", [("v2", "v1"), ("v1",), ("other",), ()])
    async def test_subprotocol(self, talking: Open, known: tuple[str, ...]) -> None:
        """The first of the client's subprotocols that both know is agreed on, or none."""
        agreed: list[str | None] = []

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            agreed.append(ws.ws_protocol)

        socket = await talking(talk, {"protocols": known}, protocols=("v1", "v2"))
        expected = next((name for name in ("v1", "v2") if name in known), None)
        assert socket.protocol == expected
        await socket.receive()
        assert agreed == [expected]

    async def test_too_long(self, talking: Open) -> None:
        """The client of a message that is too long is closed with 1009."""
        socket = await talking(replies.echo, {"max_msg_size": 10})
        await socket.send_bytes(b"x" * 11)
        message = await socket.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1009)

    async def test_many_at_once(self, talking: Open) -> None:
        """A client that writes without reading is held up, and loses nothing."""
        socket = await talking(replies.echo)
        sending = asyncio.create_task(_send_all(socket, 64))
        assert [await socket.receive_bytes() for _ in range(64)] == [LARGE] * 64
        await sending


async def _send_all(socket: ClientWebSocketResponse[Any], times: int) -> None:
    for _ in range(times):
        await socket.send_bytes(LARGE)


class TestPings:
    async def test_of_the_server(self, talking: Open) -> None:
        """The client answers the server's ping with a pong of the same data."""
        pongs: list[bytes] = []

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await ws.ping(b"there?")
            pongs.append(bytes((await ws.receive()).data))
            await ws.send_str("done")

        socket = await talking(talk, {"autoping": False})
        assert await socket.receive_str() == "done"
        assert pongs == [b"there?"]

    async def test_of_the_client(self, talking: Open) -> None:
        """The server answers the client's ping while its handler waits for a message."""
        socket = await talking(greet, autoping=False)
        await socket.ping(b"there?")
        assert await socket.receive_str() == "hello"
        message = await socket.receive()
        assert (message.type, bytes(message.data)) == (WSMsgType.PONG, b"there?")

    async def test_heartbeat(self, talking: Open) -> None:
        """A client that answers no ping of the heartbeat is given up."""
        socket = await talking(greet, {"heartbeat": 0.02}, autoping=False)
        assert await socket.receive_str() == "hello"
        assert (await socket.receive()).type is WSMsgType.PING
        while (await socket.receive()).type is WSMsgType.PING:
            pass
        assert socket.close_code == 1006

    async def test_heartbeat_of_the_client(self, talking: Open) -> None:
        """A server that answers the client's heartbeat keeps its WebSocket."""
        socket = await talking(greet, heartbeat=0.02)
        assert await socket.receive_str() == "hello"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(socket.receive(), 0.05)
        assert not socket.closed

    async def test_unanswered_heartbeat_of_the_client(self, talking: Open) -> None:
        """A server that answers no ping is given up by a client with a heartbeat."""
        socket = await talking(greet, {"autoping": False}, heartbeat=0.02)
        assert await socket.receive_str() == "hello"
        message = await socket.receive()
        while message.type is WSMsgType.PING:
            message = await socket.receive()
        # The handler returns once it has the ping, and so closes; or the client gives up before.
        assert message.type in {WSMsgType.CLOSE, WSMsgType.ERROR}


class TestClosing:
    async def test_by_the_handler(self, talking: Open) -> None:
        """The handler's code and reason reach the client."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await ws.close(code=4001, message=b"enough")

        socket = await talking(talk)
        assert seen(await socket.receive()) == (WSMsgType.CLOSE, 4001, "enough")
        assert socket.close_code == 4001
        assert (await socket.receive()).type is WSMsgType.CLOSED

    async def test_when_the_handler_returns(self, talking: Open) -> None:
        """A handler that returns has closed with 1000."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await ws.send_str("bye")

        socket = await talking(talk)
        assert [message.data async for message in socket] == ["bye"]
        assert socket.close_code == 1000

    async def test_by_the_client(self, talking: Open) -> None:
        """The client's code and reason reach the handler, whose server answers."""
        received: list[tuple[Any, Any, Any]] = []

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            received.append(seen(await ws.receive()))

        socket = await talking(talk)
        await socket.close(code=4002, message=b"tired")
        assert received == [(WSMsgType.CLOSE, 4002, "tired")]
        assert socket.close_code == 1000

    async def test_both_at_once(self, talking: Open) -> None:
        """Closes that cross on the wire end it for both."""
        go = asyncio.Event()

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await go.wait()
            await ws.close(code=4001)

        socket = await talking(talk)
        go.set()
        await socket.close()
        assert socket.close_code == 4001

    async def test_abrupt(self, talking: Open) -> None:
        """A connection that breaks is 1006 for a client that waits."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            request.transport.abort()

        socket = await talking(talk)
        assert (await socket.receive()).type is WSMsgType.CLOSED
        assert socket.closed

    async def test_sending_after_an_abrupt_loss(self, talking: Open) -> None:
        """A client that sends after the connection broke gets the error of a broken one."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await ws.receive()
            request.transport.abort()

        socket = await talking(talk)
        await socket.send_str("go")
        await socket.receive()
        with pytest.raises(ConnectionResetError, match="Cannot write to closing transport"):
            await socket.send_str("x")
