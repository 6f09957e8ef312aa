"""The frames of WebSockets that somebody else than the mock talks over."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from aiohttp.test_utils import TestServer

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.journal.overheard import Overheard
from aiointercept_connector.replies import close, expect, expect_close, ping, send
from tests.loopback.conftest import until
from tests.loopback.mounted import API

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

pytestmark = pytest.mark.anyio

LARGE = "0123456789abcdef" * 20_000
PATH = "/chat"
URL = API + PATH


@pytest.fixture
def anyio_backend() -> Any:
    """Run async tests on asyncio, not in debug mode: uvicorn's part of it is no part of ours."""
    return "asyncio"


@pytest.fixture
async def mock(wire: Any) -> AsyncIterator[aiointercept]:
    """Give a mock on the wire of this run."""
    async with aiointercept(wire=wire) as entered:
        yield entered


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Send back what comes; with a close of its own for `bye`."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.data == "bye":
            await socket.close(code=4000, message=b"enough")
        elif message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket


async def starlette_echo(socket: WebSocket) -> None:
    """Do the same with Starlette."""
    await socket.accept()
    while True:
        event = await socket.receive()
        if event["type"] == "websocket.disconnect":
            return
        if event.get("text") == "bye":
            await socket.close(4000, "enough")
            return
        if event.get("text") is not None:
            await socket.send_text(event["text"])
        else:
            await socket.send_bytes(event["bytes"])


def application() -> web.Application:
    """Make an application of aiohttp's with `echo`."""
    app = web.Application()
    app.router.add_get(PATH, echo)
    return app


def asgi() -> Any:
    """Make an ASGI application with `starlette_echo`."""
    return Starlette(routes=[WebSocketRoute(PATH, starlette_echo)])


async def callback(request: Any) -> Any:
    """Answer as a callback does."""
    return await echo(request)


KINDS: dict[str, Callable[[aiointercept], Any]] = {
    "application": lambda mock: mock.mount("/", application()),
    "test server": lambda mock: mock.mount("/", TestServer(application())),
    "mounted handler": lambda mock: mock.mount("/", echo),
    "asgi": lambda mock: mock.mount("/", asgi()),
    "reply": lambda mock: mock.get(PATH, reply=echo),
    "callback": lambda mock: mock.get(PATH, callback=callback),
    "callback that reads": lambda mock: mock.get(PATH, callback=callback, read_body=False),
    "in a sequence": lambda mock: mock.get(PATH, reply=replies.sequence([echo])),
    "delayed": lambda mock: mock.get(PATH, reply=echo, delay=0.001),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Callable[[aiointercept], Any]:
    """Give what registers a WebSocket that echoes, of one kind."""
    return KINDS[request.param]


async def conversed(socket: ClientWebSocketResponse[Any]) -> None:
    """Say something of every kind, and let the server close."""
    await socket.send_json({"a": 1})
    assert await socket.receive_json() == {"a": 1}
    await socket.send_bytes(b"\x00\xff")
    assert await socket.receive_bytes() == b"\x00\xff"
    await socket.send_str(LARGE)
    assert await socket.receive_str() == LARGE
    await socket.ping(b"p")
    await socket.send_str("bye")
    message = await socket.receive()
    assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4000, "enough")


SAID = [
    """<Frame received text '{"a": 1}'>""",
    """<Frame sent text '{"a": 1}'>""",
    r"<Frame received binary b'\x00\xff'>",
    r"<Frame sent binary b'\x00\xff'>",
]


class TestRecorded:
    @pytest.mark.parametrize("compress", [0, 15], ids=["plain", "compressed"])
    async def test_both_ways(
        self, mock: aiointercept, kind: Callable[[aiointercept], Any], compress: int
    ) -> None:
        """Messages, pings and closes are recorded both ways, in order, and unpacked."""
        route = kind(mock)
        async with mock.session() as session:
            async with session.ws_connect(URL, compress=compress) as socket:
                await conversed(socket)
            (call,) = route.calls
            await until(lambda: len(call.frames) >= 10)
        frames = call.frames
        assert [repr(frame) for frame in frames[:4]] == SAID
        assert [frame.text for frame in frames[4:6]] == [LARGE, LARGE]
        # The pong may be sent before or after `bye` is taken; the client's close comes last.
        assert sorted(map(repr, frames[6:9])) == [
            "<Frame received ping b'p'>",
            "<Frame received text 'bye'>",
            "<Frame sent pong b'p'>",
        ]
        assert repr(frames[9]) == "<Frame sent close 4000 'enough'>"
        assert all(frame.type is WSMsgType.CLOSE for frame in frames[10:])
        times = [frame.time for frame in frames]
        assert times == sorted(times)
        assert times[0] >= call.received_at

    async def test_asserted(self, mock: aiointercept, kind: Callable[[aiointercept], Any]) -> None:
        """They are compared with steps, as those of a WebSocket of the mock's own are."""
        route = kind(mock)
        async with mock.session() as session, session.ws_connect(URL) as socket:
            await socket.send_json({"a": 1})
            await socket.receive()
            await socket.close()
        expected = [expect({"a": 1}), send({"a": 1})]
        route.assert_frames([*expected, expect_close(1000)])
        with pytest.raises(AssertionError, match=r"✗ 2\. sent text '{\"a\": 1}', where nothing"):
            route.assert_frames(expected[:1])

    async def test_while_it_goes_on(
        self, mock: aiointercept, kind: Callable[[aiointercept], Any]
    ) -> None:
        """They can be looked at while there are more to come, and again."""
        route = kind(mock)
        async with mock.session() as session, session.ws_connect(URL) as socket:
            (call,) = route.calls
            for number in range(1, 4):
                await socket.send_str(str(number))
                await socket.receive()
                received = [frame.text for frame in call.received_frames]
                assert received == ["1", "2", "3"][:number]
                assert [frame.text for frame in call.sent_frames] == received
                assert call.frames == call.frames
        assert mock.interceptor.journal.conversations == [call.conversation]

    async def test_another_loop_s_client(self, kind: Callable[[aiointercept], Any]) -> None:
        """So are those of a client of `server_url`, which is served on a thread of its own."""
        async with aiointercept() as mock, ClientSession() as session:
            kind(mock)
            async with session.ws_connect(f"{mock.server_url}{PATH}") as socket:
                await conversed(socket)
            (call,) = mock.calls
            await until(lambda: len(call.frames) >= 10)
            assert [repr(frame) for frame in call.frames[:4]] == SAID

    async def test_passthrough(self, mock: aiointercept) -> None:
        """So are those that a real host and its client say to each other."""
        async with TestServer(application()) as server:
            url = server.make_url(PATH)
            route = mock.get(url, reply=replies.passthrough())
            async with mock.session() as session, session.ws_connect(url) as socket:
                await conversed(socket)
            assert [repr(frame) for frame in route.calls[0].frames[:4]] == SAID

    async def test_an_abrupt_end(self, mock: aiointercept) -> None:
        """A connection that is lost has no closes."""

        async def lost(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_str("one")
            assert request.transport is not None
            request.transport.abort()
            return socket

        route = mock.get(URL, reply=lost)
        async with mock.session() as session, session.ws_connect(URL) as socket:
            assert (await socket.receive()).type in {WSMsgType.TEXT, WSMsgType.CLOSED}
        assert [repr(frame) for frame in route.calls[0].frames] == ["<Frame sent text 'one'>"]


class TestNotRecorded:
    @pytest.mark.parametrize("status", [200, 403])
    async def test_a_refusal(self, mock: aiointercept, status: int) -> None:
        """A handshake that is answered by a response has no frames."""

        async def refuse(request: web.Request) -> web.Response:
            return web.Response(status=status, text="no")

        route = mock.mount(API, refuse)
        async with mock.session() as session:
            headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
            async with session.get(URL, headers=headers) as response:
                assert (response.status, await response.text()) == (status, "no")
        assert route.calls[0].frames == []

    async def test_a_refusal_by_an_asgi_application(self, mock: aiointercept) -> None:
        """So has one that is refused through uvicorn, which writes to the connection by itself."""

        async def refuse(socket: WebSocket) -> None:
            # Its body would be a frame.
            await socket.send_denial_response(Response(b"\x81\x01a", status_code=403))

        route = mock.mount(API, Starlette(routes=[WebSocketRoute(PATH, refuse)]))
        async with mock.session() as session:
            with pytest.raises(WSServerHandshakeError, match="403"):
                await session.ws_connect(URL)
        assert route.calls[0].frames == []

    async def test_a_reply_that_is_one_of_ours(self, mock: aiointercept) -> None:
        """What a callback returns of ours is recorded as its handler takes it, and once."""

        async def talk(ws: Any, request: Any) -> None:
            assert type(request.protocol).__name__ == "ServerProtocol"

        mock.get(f"{API}/other", callback=lambda request: replies.websocket(talk))
        async with mock.session() as session, session.ws_connect(f"{API}/other") as socket:
            assert (await socket.receive()).type is WSMsgType.CLOSE
        script = replies.websocket([ping(b"p"), send("x"), close()])
        route = mock.get(URL, callback=lambda request: script)
        async with mock.session() as session, session.ws_connect(URL) as socket:
            await socket.receive()
        assert [frame.content for frame in route.calls[0].sent_frames] == [
            "ping b'p'",
            "text 'x'",
            "close 1000",
        ]
        assert not isinstance(route.calls[0].conversation, Overheard)

    async def test_other_requests(self, mock: aiointercept) -> None:
        """Requests that ask for no WebSocket have the connection itself."""
        seen: list[type] = []

        async def look(request: web.Request) -> web.Response:
            seen.append(type(request.protocol))
            return web.Response()

        mock.mount(API, look)
        async with mock.session() as session:
            for headers in ({}, {"Connection": "Upgrade", "Upgrade": "tcp"}):
                async with session.get(URL, headers=headers):
                    pass
        assert {kind.__name__ for kind in seen} == {"ServerProtocol"}


class TestBounds:
    async def test_cut(self, wire: Any) -> None:
        """Of a conversation so many bytes are kept as of a body; what is cut is not compared."""
        async with aiointercept(wire=wire, max_body=40) as mock, mock.session() as session:
            route = mock.mount(API, echo)
            async with session.ws_connect(URL, compress=0) as socket:
                for _ in range(3):
                    await socket.send_str("0123456789")
                    await socket.receive()
            (call,) = route.calls
            # A frame of the client's has six bytes more, one of the server's two.
            assert [frame.content for frame in call.frames] == ["text '0123456789'"] * 2
            with pytest.raises(AssertionError) as raised:
                route.assert_frames([expect("0123456789")])
        size = 3 * (16 + 12) + 8 + 4
        assert str(raised.value) == (
            f"The frames of GET {URL} cannot be compared: 40 of {size} bytes kept (max_body=40)"
        )

    async def test_not_cut(self, wire: Any) -> None:
        """What is not longer is kept whole."""
        async with aiointercept(wire=wire, max_body=1000) as mock, mock.session() as session:
            route = mock.mount(API, echo)
            async with session.ws_connect(URL) as socket:
                await socket.send_str("x")
                await socket.receive()
            route.assert_frames([expect("x"), send("x")])


async def test_another_websocket_library(mock: aiointercept) -> None:
    """Other implementations that uvicorn has are overheard as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
    route = mock.mount(API, asgi())
    host: Any = route.reply
    host._config.ws_protocol_class = WSProtocol
    async with mock.session() as session, session.ws_connect(URL, compress=15) as socket:
        await conversed(socket)
    assert [repr(frame) for frame in route.calls[0].frames[:4]] == SAID
