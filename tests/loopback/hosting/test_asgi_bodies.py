from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept
from tests.loopback.mounted import API, BIG, continued_answer, told_of, two_pieces

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.loopback.hosting.asgi_applications import one_route

pytestmark = pytest.mark.anyio


class TestBodies:
    async def test_an_upload_arrives_while_it_is_sent(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The application reads a piece before the client makes the next one."""
        arrived = asyncio.Event()

        async def endpoint(request: Any) -> Response:
            pieces = []
            async for piece in request.stream():
                pieces.append(piece)
                arrived.set()
            return Response(b"|".join(filter(None, pieces)))

        route = mock.mount(API, one_route(endpoint))
        async with session.post(API, data=two_pieces(arrived)) as response:
            assert await response.read() == b"one|two"
        assert route.calls[0].captured_body == b"onetwo"

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_a_large_body_goes_both_ways(
        self, mock: aiointercept, session: ClientSession, *, chunked: bool
    ) -> None:
        """Nothing is lost in either direction, of whatever length it is said to be."""

        async def echo(request: Any) -> Response:
            return Response(await request.body())

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(BIG), 50_000):
                yield BIG[start : start + 50_000]

        mock.mount(API, one_route(echo))
        async with session.post(API, data=pieces() if chunked else BIG) as response:
            assert await response.read() == BIG

    async def test_an_upload_is_held_up(self, mock: aiointercept, session: ClientSession) -> None:
        """A client cannot send much more than the application reads."""
        sent = 0
        go = asyncio.Event()

        async def endpoint(request: Any) -> Response:
            await go.wait()
            return Response(str(len(await request.body())))

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(256):
                sent += 2**16
                yield bytes(2**16)

        mock.mount(API, one_route(endpoint))
        call = asyncio.ensure_future(session.post(API, data=pieces()))
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.03)
        held_at = sent
        go.set()
        async with await call as response:
            assert await response.text() == str(256 * 2**16)
        assert held_at < 256 * 2**16

    async def test_a_response_is_streamed(self, mock: aiointercept, session: ClientSession) -> None:
        """The client has a piece before the application makes the next one."""
        read = asyncio.Event()

        async def endpoint(request: Any) -> Response:
            return StreamingResponse(two_pieces(read))

        mock.mount(API, one_route(endpoint))
        async with session.get(API) as response:
            assert await response.content.readany() == b"one"
            read.set()
            assert await response.read() == b"two"

    async def test_a_response_is_held_up(self, mock: aiointercept, session: ClientSession) -> None:
        """An application cannot write much more than the client reads."""
        made = 0

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal made
            for _ in range(256):
                made += 1
                yield bytes(2**16)

        async def endpoint(request: Any) -> Response:
            return StreamingResponse(pieces())

        mock.mount(API, one_route(endpoint))
        async with session.get(API) as response:
            before = -1
            while made != before:
                before = made
                await asyncio.sleep(0.03)
            assert made < 256
            assert len(await response.read()) == 256 * 2**16

    async def test_a_compressed_body_arrives_unpacked(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """It has been unpacked on the way; no header says otherwise."""
        mock.mount(API, one_route())
        packed = gzip.compress(b"hello")
        sent = {"Content-Encoding": "gzip"}
        seen = await told_of(session, API, "POST", data=packed, headers=sent)
        assert seen["body"] == "hello"
        assert "content-encoding" not in dict(seen["headers"])

    async def test_a_client_that_waits_for_continue(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """It is told to go on when the application reads."""
        mock.mount(API, one_route())
        assert (await told_of(session, API, "POST", data=b"x", expect100=True))["body"] == "x"

    async def test_no_other_server_says_continue(self, mock: aiointercept) -> None:
        """It is on the wire once."""

        async def echo(request: Any) -> Response:
            return Response(await request.body())

        mock.mount("/", one_route(echo))
        before, after = await continued_answer(mock)
        assert b" 100 " in before
        assert after.startswith(b"HTTP/1.1 200 OK\r\n")

    async def test_head_has_no_body(self, mock: aiointercept, session: ClientSession) -> None:
        """The headers of GET alone, and the connection goes on."""
        mock.mount(API, one_route())
        async with session.head(f"{API}/x") as response:
            assert response.headers["Content-Length"] != "0"
        assert (await told_of(session, f"{API}/y"))["path"] == "/y"

    async def test_one_connection_serves_many_requests(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """It is kept alive, unless the application closes it."""
        mock.mount(API, one_route())
        transports = set()
        for _ in range(3):
            async with session.post(API, data=b"x") as response:
                transports.add(response.connection and id(response.connection.transport))
                await response.read()
        assert len(transports) == 1

    async def test_connection_close_closes(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The client is told, and the next request has a connection of its own."""
        mock.mount(API, one_route())
        for _ in range(2):
            async with session.get(API, headers={"Connection": "close"}) as response:
                assert response.headers["Connection"] == "close"
                assert (await response.json())["method"] == "GET"


class TestWebSockets:
    async def test_frames_go_both_ways(self, mock: aiointercept, session: ClientSession) -> None:
        """Text, bytes and the close code; the scope is a WebSocket's."""

        async def endpoint(ws: WebSocket) -> None:
            await ws.accept(subprotocol="chat")
            await ws.send_text(f"{ws.url} {await ws.receive_text()}")
            await ws.send_bytes(await ws.receive_bytes())
            await ws.close(code=4000)

        mock.mount(f"{API}/v2", Starlette(routes=[WebSocketRoute("/ws", endpoint)]))
        async with session.ws_connect(f"{API}/v2/ws", protocols=("chat",)) as ws:
            assert ws.protocol == "chat"
            await ws.send_str("hi")
            assert await ws.receive_str() == "wss://api.example.com/v2/ws hi"
            await ws.send_bytes(BIG)
            assert await ws.receive_bytes() == BIG
            await ws.receive()
            assert ws.close_code == 4000

    async def test_the_application_hears_that_the_client_has_gone(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """With the code of the client's close frame."""
        codes: asyncio.Queue[int] = asyncio.Queue()

        async def endpoint(ws: WebSocket) -> None:
            await ws.accept()
            try:
                await ws.receive_text()
            except WebSocketDisconnect as gone:
                await codes.put(gone.code)

        mock.mount(API, Starlette(routes=[WebSocketRoute("/ws", endpoint)]))
        async with session.ws_connect(f"{API}/ws") as ws:
            await ws.close(code=4001)
        assert await asyncio.wait_for(codes.get(), 5) == 4001

    async def test_a_refused_handshake(self, mock: aiointercept, session: ClientSession) -> None:
        """The client sees the 403 that uvicorn answers."""

        async def endpoint(ws: WebSocket) -> None:
            await ws.close()

        mock.mount(API, Starlette(routes=[WebSocketRoute("/ws", endpoint)]))
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{API}/ws")
        assert caught.value.status == 403
