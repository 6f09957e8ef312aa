"""What a handler raises, and what leaving the mock makes of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from aiointercept_connector import aiointercept, replies
from tests.loopback.conftest import settle, until
from tests.replies.websockets.conversing import URL, BoomError, connected, failing

pytestmark = pytest.mark.anyio


class TestHandlerRaises:
    async def test_reaches_the_client_and_the_test(self, wire: Any) -> None:
        """What a handler raises is what the client receives, and leaving fails with its text."""
        exc = BoomError("x")

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await ws.receive()
            raise exc

        async with failing(wire) as (mock, said):
            mock.ws(URL, talk, name="chat")
            async with connected(mock) as socket:
                await socket.send_str("go")
                message = await socket.receive()
                assert (message.type, message.data) == (WSMsgType.ERROR, exc)
        text = said[0].splitlines()
        assert text[0].endswith(
            "talk of 'chat' (GET https://api.example.com/chat) raised an exception."
        )
        assert text[1] == "Traceback (most recent call last):"
        assert "in talk" in text[2]
        assert text[-1].endswith("BoomError: x")

    async def test_cancelled_inside(self, wire: Any) -> None:
        """A handler that awaits something cancelled has failed; its client is not cancelled."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            inner = asyncio.ensure_future(asyncio.sleep(10))
            inner.cancel()
            await inner

        async with failing(wire, match=r"talk of .* raised an exception") as (mock, said):
            mock.ws(URL, talk)
            async with connected(mock) as socket:
                receiving = asyncio.ensure_future(socket.receive())
                await asyncio.wait({receiving})
                assert not receiving.cancelled()
        assert said[0].endswith("CancelledError")

    async def test_assertion_of_a_message(self, wire: Any) -> None:
        """An assertion in a handler fails the test, whatever the client makes of it."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            said = await ws.receive_json()
            assert said == {"a": 1}, "said something else"

        async with failing(wire, match="said something else") as (mock, _):
            mock.ws(URL, talk)
            async with connected(mock) as socket:
                await socket.send_json({"a": 2})
                await socket.receive()

    async def test_before_its_client_hears_of_it(self, wire: Any) -> None:
        """What the block raises itself is left as it is, with the handler's text as a note."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            raise BoomError("x")

        async def block() -> None:
            async with aiointercept(wire=wire) as mock:
                mock.ws(URL, talk)
                async with connected(mock) as socket:
                    await socket.receive()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError) as caught:
            await block()
        assert "BoomError: x" in caught.value.__notes__[0]  # type: ignore[attr-defined]

    async def test_client_that_went(self, mock: aiointercept) -> None:
        """Sending to a client that has closed is no fault of the handler's."""
        ended = asyncio.Event()

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await ws.receive()
            ended.set()
            await ws.send_str("still there?")

        mock.ws(URL, talk)
        async with connected(mock) as socket:
            await socket.close()
        await until(ended.is_set)
        assert mock.problems() == []

    async def test_http_exception(self, wire: Any) -> None:
        """An answer in HTTP is too late for a WebSocket, which is closed with 1011 instead."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            raise web.HTTPForbidden

        async with failing(wire, match="HTTPForbidden: Forbidden") as (mock, _):
            mock.ws(URL, talk)
            async with connected(mock) as socket:
                message = await socket.receive()
                assert (message.type, message.data) == (WSMsgType.CLOSE, 1011)

    async def test_plain_function(self, wire: Any) -> None:
        """A handler that is no coroutine function is told to be one."""
        async with failing(wire, match="must be a coroutine function: async def") as (mock, _):
            mock.ws(URL, lambda ws, request: None)  # type: ignore[arg-type, return-value]
            async with connected(mock) as socket:
                assert (await socket.receive()).type is WSMsgType.ERROR


class TestLeaving:
    async def test_client_that_waits(self, wire: Any) -> None:
        """Leaving cancels the handler, and ends what the client waits for."""
        ended = asyncio.Event()

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            try:
                await ws.receive()
            finally:
                ended.set()

        mock = aiointercept(wire=wire)
        await mock.start()
        mock.ws(URL, talk)
        async with connected(mock) as socket:
            waiting = asyncio.create_task(socket.receive())
            await settle()
            await mock.stop()
            await until(ended.is_set)
            assert (await waiting).type is WSMsgType.CLOSED

    async def test_client_that_closes_afterwards(self, wire: Any) -> None:
        """A client may close what is over already."""
        async with AsyncExitStack() as stack:
            mock = aiointercept(wire=wire)
            await mock.start()
            mock.ws(URL, replies.echo)
            socket = await stack.enter_async_context(connected(mock))
            await mock.stop()
            await settle()
            await socket.close()
            assert socket.closed

    async def test_handler_that_never_reads(self, wire: Any) -> None:
        """What a client has sent and nobody took is on record too, once it is over."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await asyncio.Event().wait()

        mock = aiointercept(wire=wire)
        await mock.start()
        route = mock.ws(URL, talk)
        async with connected(mock) as socket:
            await socket.send_str("x")
            await settle()
            await mock.stop()
            await settle()
        route.assert_frames([replies.expect("x")])
