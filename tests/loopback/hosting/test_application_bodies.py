from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, web

from aiointercept_connector import aiointercept
from tests.loopback.hosting.applications import one_route, told
from tests.loopback.mounted import API, BIG, continued_answer, told_of, two_pieces

pytestmark = pytest.mark.anyio


class TestBodies:
    async def test_an_upload_arrives_while_it_is_sent(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The application reads a piece before the client makes the next one."""
        arrived = asyncio.Event()

        async def handler(request: web.Request) -> web.Response:
            pieces = []
            async for piece in request.content.iter_any():
                pieces.append(piece)
                arrived.set()
            return web.Response(body=b"|".join(pieces))

        route = mock.mount(API, one_route(handler))
        async with session.post(API, data=two_pieces(arrived)) as response:
            assert await response.read() == b"one|two"
        assert route.calls[0].captured_body == b"onetwo"

    async def test_a_large_body_goes_both_ways(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Nothing is lost in either direction."""

        async def echo(request: web.Request) -> web.Response:
            return web.Response(body=await request.read())

        mock.mount(API, one_route(echo, client_max_size=2**30))
        async with session.post(API, data=BIG) as response:
            assert await response.read() == BIG

    async def test_uploaded_files_are_closed_behind_the_answer(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """As aiohttp's server does."""
        files = []

        async def handler(request: web.Request) -> web.Response:
            field: Any = (await request.post())["file"]
            files.append(field.file)
            return web.Response(text=str(field.file.closed))

        mock.mount(API, one_route(handler))
        form = aiohttp.FormData()
        form.add_field("file", b"hello", filename="a.txt")
        async with session.post(API, data=form) as response:
            assert await response.text() == "False"
        assert files[0].closed

    async def test_an_answer_can_come_before_the_body(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Who does not read the body has not captured it."""

        async def refuse(request: web.Request) -> web.Response:
            return web.Response(status=413)

        async def endless() -> AsyncIterator[bytes]:
            yield b"x"
            await asyncio.Event().wait()

        mock.mount(API, one_route(refuse))
        async with session.post(API, data=endless()) as response:
            assert response.status == 413

    async def test_a_response_is_streamed(self, mock: aiointercept, session: ClientSession) -> None:
        """The client has a piece before the application writes the next one."""
        read = asyncio.Event()

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"one")
            await read.wait()
            await response.write(b"two")
            return response

        mock.mount(API, one_route(handler))
        async with session.get(API) as response:
            assert await response.content.readany() == b"one"
            read.set()
            assert await response.read() == b"two"

    async def test_head_has_no_body(self, mock: aiointercept, session: ClientSession) -> None:
        """The headers of GET alone, and the connection goes on."""
        mock.mount(API, one_route())
        async with session.head(f"{API}/x") as response:
            assert response.headers["Content-Length"] != "0"
            assert await response.read() == b""
        assert (await told_of(session, f"{API}/y"))["path"] == "/y"

    async def test_a_client_that_waits_for_continue_is_told_once(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The application says it, as an application does."""
        mock.mount(API, one_route())
        assert (await told_of(session, API, "POST", data=b"x", expect100=True))["body"] == "x"

    async def test_no_other_server_says_continue(self, mock: aiointercept) -> None:
        """It is on the wire once."""
        mock.mount("/", one_route())
        before, after = await continued_answer(mock)
        assert before == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert after.startswith(b"HTTP/1.1 200 OK\r\n")

    async def test_an_application_may_refuse_to_continue(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Its own `expect_handler` is asked."""

        async def refuse(request: web.Request) -> web.Response:
            return web.Response(status=417, text="no")

        app = web.Application()
        app.router.add_post("/", told, expect_handler=refuse)
        mock.mount(API, app)
        async with session.post(API, data=b"x", expect100=True) as response:
            assert (response.status, await response.text()) == (417, "no")


class TestWebSockets:
    async def test_frames_go_both_ways(self, mock: aiointercept, session: ClientSession) -> None:
        """A WebSocket of the application's works, with its subprotocol and close code."""

        async def handler(request: web.Request) -> web.WebSocketResponse:
            ws = web.WebSocketResponse(protocols=("chat",))
            await ws.prepare(request)
            async for message in ws:
                await ws.send_str(f"{message.data}!")
                await ws.close(code=4000)
            return ws

        mock.mount(API, one_route(handler))
        async with session.ws_connect(f"{API}/ws", protocols=("chat",)) as ws:
            assert ws.protocol == "chat"
            await ws.send_str("hi")
            assert await ws.receive_str() == "hi!"
            await ws.receive()
            assert ws.close_code == 4000

    async def test_a_refused_handshake(self, mock: aiointercept, session: ClientSession) -> None:
        """The application's answer reaches the client, and its connection goes on."""

        async def handler(request: web.Request) -> web.Response:
            raise web.HTTPForbidden

        mock.mount(API, one_route(handler))
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{API}/ws")
        assert caught.value.status == 403
