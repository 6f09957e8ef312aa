from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from http.client import HTTPConnection
from typing import Any

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from aiointercept_connector import aiointercept
from tests.loopback.conftest import until

pytestmark = pytest.mark.anyio

PIECE = b"x" * 2**16
COUNT = 100


@pytest.fixture
async def mock(wire: Any) -> AsyncIterator[aiointercept]:
    """Give a mock that is entered on the test's loop, where its coroutines run."""
    async with aiointercept(wire=wire) as entered:
        yield entered


@pytest.fixture
async def foreign(mock: aiointercept) -> AsyncIterator[ClientSession]:
    """Give a session that the mock does not know: it asks ``server_url`` over real sockets."""
    async with ClientSession(mock.server_url) as session:
        yield session


async def pieces() -> AsyncIterator[bytes]:
    """Give a body that no buffer holds."""
    for _ in range(COUNT):
        yield PIECE


async def in_pieces(request: Any) -> dict[str, int]:
    """Read as a handler does that measures uploads."""
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
    return {"size": size}


async def whole(request: Any) -> dict[str, int]:
    """Read all at once."""
    return {"size": len(await request.read())}


async def by_the_way(request: Any) -> dict[str, int]:
    """Read what has arrived without waiting, and then the rest."""
    first = await request.content.readexactly(10)
    more = request.content.read_nowait(5)
    return {"size": len(first + more) + len(await request.content.read())}


async def in_chunks(request: Any) -> dict[str, int]:
    """Read as the client cut it."""
    size = 0
    async for piece, _ in request.content.iter_chunks():
        size += len(piece)
    return {"size": size}


READERS = (in_pieces, whole, by_the_way, in_chunks)


class TestReading:
    @pytest.mark.parametrize("callback", READERS)
    async def test_arriving(
        self,
        mock: aiointercept,
        foreign: ClientSession,
        callback: Callable[[Any], Awaitable[dict[str, int]]],
    ) -> None:
        """A callback on the test's loop reads a body that is still arriving on the listener's."""
        mock.post("/up", callback=callback, read_body=False)
        async with foreign.post("/up", data=pieces()) as response:
            assert response.status == 200
            assert await response.json() == {"size": COUNT * len(PIECE)}

    async def test_it_runs_at_home(self, mock: aiointercept, foreign: ClientSession) -> None:
        """It is on the test's thread, and may use what belongs to the test's loop."""
        event = asyncio.Event()
        threads: list[threading.Thread] = []

        async def callback(request: Any) -> bytes:
            threads.append(threading.current_thread())
            await event.wait()
            body: bytes = await request.read()
            return body

        mock.post("/up", callback=callback, read_body=False)
        asyncio.get_running_loop().call_soon(event.set)
        async with foreign.post("/up", data=b"abc") as response:
            assert await response.read() == b"abc"
        assert threads == [threading.current_thread()]
        assert mock.calls[0].captured_body == b"abc"

    async def test_blocking_client(self, mock: aiointercept) -> None:
        """A client in another thread uploads in chunks."""
        mock.post("/up", callback=in_pieces, read_body=False)
        port = URL(str(mock.server_url)).port

        def ask() -> bytes:
            connection = HTTPConnection("127.0.0.1", port or 0)
            connection.request("POST", "/up", body=iter([b"ab", b"c"]), encode_chunked=True)
            with connection.getresponse() as response:
                body = response.read()
            connection.close()
            return body

        assert await asyncio.to_thread(ask) == b'{"size": 3}'

    async def test_expectation(self, mock: aiointercept) -> None:
        """A client that waits for `100 Continue` gets it when the callback reads."""
        mock.post("/up", callback=whole, read_body=False)
        port = URL(str(mock.server_url)).port

        def ask() -> bytes:
            head = (
                b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n"
                b"Expect: 100-continue\r\n\r\n"
            )
            with socket.create_connection(("127.0.0.1", port or 0), 5) as client:
                client.sendall(head)
                received = client.recv(2**16)
                client.sendall(b"abc")
                with client.makefile("rb") as rest:
                    return received + rest.read()

        lines = (await asyncio.to_thread(ask)).split(b"\r\n")
        assert (lines[0], lines[2], lines[-1]) == (
            b"HTTP/1.1 100 Continue",
            b"HTTP/1.1 200 OK",
            b'{"size": 3}',
        )

    async def test_refused_unread(self, mock: aiointercept, foreign: ClientSession) -> None:
        """A callback that reads nothing answers all the same."""

        async def refuse(request: Any) -> int:
            return 413

        mock.post("/up", callback=refuse, read_body=False)
        async with foreign.post("/up", data=b"abc") as response:
            assert response.status == 413


async def left_open(request: Any) -> web.StreamResponse:
    """Answer by a response that is begun, and not ended."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"ab")
    return response


class TestAtHome:
    async def test_its_own_response(self, mock: aiointercept, foreign: ClientSession) -> None:
        """A handler that writes its own response is held up as the client reads, and ends."""

        async def handler(request: Any) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            async for piece in pieces():
                await response.write(piece)
            await response.write_eof()
            return response

        mock.get("/down", reply=handler)
        async with foreign.get("/down") as response:
            body = await response.read()
        assert (response.status, len(body)) == (200, COUNT * len(PIECE))

    async def test_not_ended(self, mock: aiointercept, foreign: ClientSession) -> None:
        """The server ends what a handler has left open, and the connection is used again."""
        mock.get("/down", reply=left_open, repeat=True)
        for _ in range(2):
            async with foreign.get("/down") as response:
                assert await response.read() == b"ab"

    async def test_head(self, mock: aiointercept, foreign: ClientSession) -> None:
        """A handler that streams a body to HEAD sends its headers alone."""
        mock.head("/down", reply=left_open)
        mock.get("/after", body="after")
        async with foreign.head("/down") as response:
            assert response.status == 200
        async with foreign.get("/after") as response:
            assert await response.text() == "after"

    async def test_websocket(self, mock: aiointercept, foreign: ClientSession) -> None:
        """A handler that makes its own WebSocketResponse talks, both ways, to the close."""
        codes: list[int | None] = []

        async def handler(request: Any) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(f"{message.data}!")
            codes.append(socket.close_code)
            return socket

        mock.get("/talk", reply=handler)
        async with foreign.ws_connect("/talk") as socket:
            for said in ("a", "b" * 2**20):
                await socket.send_str(said)
                assert await socket.receive_str() == f"{said}!"
            await socket.close(code=4000)
        await until(lambda: codes == [4000])

    async def test_websocket_is_closed(self, mock: aiointercept, foreign: ClientSession) -> None:
        """A WebSocket whose handler returns is closed with 1000."""

        async def handler(request: Any) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_str("bye")
            return socket

        mock.get("/talk", reply=handler)
        async with foreign.ws_connect("/talk") as socket:
            assert await socket.receive_str() == "bye"
            await socket.receive()
            assert socket.close_code == 1000

    async def test_error_in_the_middle(
        self, mock: aiointercept, foreign: ClientSession, reports: list[dict[str, Any]]
    ) -> None:
        """What a handler raises in the middle of its response ends the connection."""

        async def handler(request: Any) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"ab")
            raise RuntimeError("boom")

        mock.get("/down", reply=handler)
        with pytest.raises(Exception, match=r"payload|Server disconnected") as info:
            async with foreign.get("/down") as response:
                await response.read()
        assert type(info.value).__name__ in {"ClientPayloadError", "ServerDisconnectedError"}
        reports.clear()

    async def test_client_gone(self, mock: aiointercept, foreign: ClientSession) -> None:
        """A handler whose client goes is cancelled, on the test's loop."""
        ended: list[threading.Thread] = []
        begun = asyncio.Event()

        async def handler(request: Any) -> None:
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                ended.append(threading.current_thread())

        mock.get("/down", reply=handler)
        asking = asyncio.ensure_future(foreign.get("/down"))
        await begun.wait()
        asking.cancel()
        await until(lambda: ended == [threading.current_thread()])
        with pytest.raises(asyncio.CancelledError):
            await asking
