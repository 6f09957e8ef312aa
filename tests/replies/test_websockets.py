from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from aiointercept_connector import (
    Match,
    UnmatchedRequestError,
    VerificationError,
    aiointercept,
    install,
    replies,
    uninstall,
)
from aiointercept_connector.reporting import transcript
from tests.loopback.conftest import settle, until
from tests.test_readme import BLOCK, ROOT, run

pytestmark = pytest.mark.anyio

URL = "wss://api.example.com/chat"
SECURE = {"wss", "https"}
LARGE = b"0123456789abcdef" * 65_536

Talk = Callable[[web.WebSocketResponse, Any], Awaitable[None]]
Open = Callable[..., Any]


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"debug": True}), id="asyncio"),
        pytest.param(("asyncio", {"debug": True, "use_uvloop": True}), id="uvloop"),
    ],
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run every test on both event loops, in debug mode."""
    return request.param


@pytest.fixture
async def mock(wire: Any) -> AsyncIterator[aiointercept]:
    """Give a mock on the wire of this run."""
    async with aiointercept(wire=wire) as entered:
        yield entered


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


@pytest.fixture(params=["mock", "real"])
async def talking(request: pytest.FixtureRequest, wire: Any) -> AsyncIterator[Open]:
    """Give a function that opens a WebSocket to a handler: ours, and in aiohttp's own server.

    What a test of this says holds for both.
    """
    async with AsyncExitStack() as stack:

        async def opened(
            talk: Talk, options: dict[str, Any] | None = None, **kwargs: Any
        ) -> ClientWebSocketResponse[Any]:
            if request.param == "real":
                real = connected_for_real(talk, options or {}, **kwargs)
                return await stack.enter_async_context(real)
            mock = await stack.enter_async_context(aiointercept(wire=wire))
            mock.ws(URL, talk, **(options or {}))
            return await stack.enter_async_context(connected(mock, **kwargs))

        if request.param == "real" and wire == "tcp":
            pytest.skip("the same server as on the other wire")
        yield opened


async def greet(ws: web.WebSocketResponse, request: Any) -> None:
    """Send one message, and wait until the client closes."""
    await ws.send_str("hello")
    await ws.receive()


def seen(message: aiohttp.WSMessage) -> tuple[WSMsgType, Any, Any]:
    """Return a message as a tuple."""
    return message.type, message.data, message.extra


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


class TestHandler:
    async def test_what_it_is_given(self, mock: aiointercept) -> None:
        """A handler gets aiohttp's own response, prepared, and the recorded request."""
        given: list[Any] = []

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            given.extend((type(ws), ws.prepared, request.url.path, request.match_info))

        route = mock.ws("ws://*.example.com/{room}", talk)
        async with connected(mock, "ws://api.example.com/tea") as socket:
            await socket.receive()
        assert given == [web.WebSocketResponse, True, "/tea", {"room": "tea"}]
        assert route.call_count == 1

    async def test_any_number_of_connections(self, mock: aiointercept) -> None:
        """A handler serves every client that connects, at the same time too."""
        route = mock.ws(URL, replies.echo)
        async with connected(mock) as one, connected(mock) as other:
            for socket in (one, other, one):
                await socket.send_str("x")
                assert await socket.receive_str() == "x"
        async with connected(mock):
            pass
        assert (route.call_count, route.remaining) == (3, None)

    @pytest.mark.parametrize("options", [{"repeat": 2}, {"times": 2}], ids=["repeat", "times"])
    async def test_so_many_connections(self, mock: aiointercept, options: dict[str, int]) -> None:
        """`repeat=` and `times=` say how many connections a handler is for."""
        route = mock.ws(URL, replies.echo, **options)  # type: ignore[arg-type] # any of them
        assert route.remaining == 2
        for _ in range(2):
            async with connected(mock):
                pass
        with pytest.raises(UnmatchedRequestError):
            await _connect(mock)

    async def test_kinds(self, mock: aiointercept) -> None:
        """Whatever gives a coroutine may be a handler."""

        async def say(word: str, ws: web.WebSocketResponse, request: Any) -> None:
            await ws.send_str(word)

        class Callable:
            async def __call__(self, ws: web.WebSocketResponse, request: Any) -> None:
                await ws.send_str("object")

        handlers: list[Any] = [
            functools.partial(say, "partial"),
            lambda ws, request: say("lambda", ws, request),
            Callable(),
        ]
        for handler, word in zip(handlers, ("partial", "lambda", "object"), strict=True):
            mock.ws(URL, handler, repeat=1)
            async with connected(mock) as socket:
                assert await socket.receive_str() == word

    async def test_as_reply(self, mock: aiointercept) -> None:
        """`replies.websocket` is a reply as any other, for `add`, callbacks and sequences."""
        hello = replies.websocket([replies.send("hello"), replies.close()])
        mock.get(URL, reply=hello)
        mock.get(URL, callback=lambda request: hello)
        for _ in range(2):
            async with connected(mock) as socket:
                assert await socket.receive_str() == "hello"

    async def test_recorded_with_a_condition(self, mock: aiointercept) -> None:
        """A route for the same URL without `Upgrade` is answered beside a WebSocket."""
        mock.ws(URL, replies.echo, match=Match(headers={"Upgrade": "websocket"}))
        mock.get(URL, body="plain", repeat=True)
        async with mock.session() as session:
            async with session.get(URL.replace("wss", "https")) as response:
                assert await response.text() == "plain"
            async with session.ws_connect(URL) as socket:
                await socket.send_str("x")
                assert await socket.receive_str() == "x"

    @pytest.mark.parametrize("registered", ["ws", "wss", "http", "https"])
    @pytest.mark.parametrize("asked", ["ws", "wss", "http", "https"])
    async def test_schemes(self, mock: aiointercept, registered: str, asked: str) -> None:
        """The scheme may be spelled either way; it says whether the connection is encrypted."""
        mock.ws(f"{registered}://api.example.com/x", replies.echo)
        async with mock.session() as session:
            if (registered in SECURE) is (asked in SECURE):
                async with session.ws_connect(f"{asked}://api.example.com/x") as socket:
                    assert not socket.closed
            else:
                with pytest.raises(UnmatchedRequestError):
                    await session.ws_connect(f"{asked}://api.example.com/x")

    async def test_installed(self, wire: Any) -> None:
        """A session that knows nothing of the mock reaches it too."""
        mock = install(wire=wire)
        try:
            mock.ws(URL, replies.echo)
            async with ClientSession() as session, session.ws_connect(URL) as socket:
                await socket.send_json({"a": 1})
                assert await socket.receive_json() == {"a": 1}
        finally:
            uninstall(mock)


async def _connect(mock: aiointercept) -> None:
    async with connected(mock):
        pass


class TestNoUpgrade:
    async def test_plain_request(self, mock: aiointercept) -> None:
        """A request that asks for no WebSocket is told so, with 426."""
        mock.ws(URL, replies.echo)
        async with mock.session() as session, session.get("https://api.example.com/chat") as answer:
            assert (answer.status, answer.headers["Upgrade"]) == (426, "websocket")
            assert await answer.text() == (
                "GET https://api.example.com/chat is a WebSocket, and this request asks for none: "
                "it has no header 'Upgrade: websocket'. A client asks with session.ws_connect(). "
                "To answer requests beside the WebSocket, register it with "
                'match=Match(headers={"Upgrade": "websocket"}).'
            )

    @pytest.mark.parametrize("name", ["Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key"])
    async def test_bad_handshake(self, mock: aiointercept, name: str) -> None:
        """A request whose handshake is wrong is refused as aiohttp's own server refuses it."""
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        del headers[name]
        mock.ws(URL, replies.echo)

        async def handler(request: web.Request) -> web.StreamResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            return socket

        app = web.Application()
        app.router.add_get("/chat", handler)
        async with TestServer(app) as server, ClientSession() as session, mock.session() as ours:
            async with session.get(server.make_url("/chat"), headers=headers) as real:
                wanted = real.status, await real.text()
            async with ours.get(URL.replace("wss", "https"), headers=headers) as answer:
                assert (answer.status, await answer.text()) == wanted
        assert wanted[0] == 400

    async def test_no_such_route(self, mock: aiointercept) -> None:
        """`ws_connect` to what no route is for raises the error that says what there is."""
        mock.ws(URL, replies.echo)
        async with mock.session() as session:
            with pytest.raises(UnmatchedRequestError, match=r"wss?://api.example.com/chut"):
                await session.ws_connect("wss://api.example.com/chut")


class BoomError(Exception):
    """What a handler under test raises."""


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


class TestForeignClients:
    async def test_websockets_library(self, wire: Any) -> None:
        """Another library's client talks to `server_url`, compressed, to the closing code."""
        client: Any = pytest.importorskip("websockets.asyncio.client")
        async with aiointercept(wire=wire) as mock:
            script = [replies.expect({"a": 1}), replies.send(b"x"), replies.close(4000, "bye")]
            route = mock.ws("/chat", script, protocols=["v1"])
            url = mock.server_url.replace("http", "ws") + "/chat"
            async with client.connect(url, subprotocols=["v1"], proxy=None) as socket:
                assert socket.subprotocol == "v1"
                await socket.send('{"a": 1}')
                assert await socket.recv() == b"x"
                await socket.wait_closed()
                assert (socket.close_code, socket.close_reason) == (4000, "bye")
            route.assert_frames(script)

    async def test_unmet_script(self, wire: Any) -> None:
        """A script that is not met closes the connection of every client."""
        client: Any = pytest.importorskip("websockets.asyncio.client")
        async with failing(wire, match="Got text 'y'") as (mock, _):
            mock.ws("/chat", [replies.expect("x")])
            url = mock.server_url.replace("http", "ws") + "/chat"
            async with client.connect(url, proxy=None) as socket:
                await socket.send("y")
                await socket.wait_closed()
                assert socket.close_code == 1008

    async def test_leaving(self, wire: Any) -> None:
        """Leaving ends the connection of a client that waits."""
        client: Any = pytest.importorskip("websockets.asyncio.client")
        exceptions: Any = pytest.importorskip("websockets.exceptions")
        mock = aiointercept(wire=wire)
        await mock.start()
        mock.ws("/chat", replies.echo)
        url = mock.server_url.replace("http", "ws") + "/chat"
        async with client.connect(url, proxy=None) as socket:
            await mock.stop()
            with pytest.raises(exceptions.ConnectionClosedError):
                await socket.recv()


class TestFrames:
    async def test_in_order(self, mock: aiointercept) -> None:
        """Messages and control frames are recorded both ways, in the order of the handler."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await ws.send_json({"b": 2})
            await ws.ping(b"p")
            async for message in ws:
                await ws.send_bytes(message.data.encode())

        route = mock.ws(URL, talk)
        async with connected(mock) as socket:
            await socket.send_json({"a": 1})
            assert await socket.receive_json() == {"b": 2}
            assert await socket.receive_bytes() == b'{"a": 1}'
            await until(lambda: len(mock.calls[0].frames) == 5)
            await socket.close(code=4000, message=b"bye")
        (call,) = route.calls
        assert [repr(frame) for frame in call.frames] == [
            """<Frame sent text '{"b": 2}'>""",
            "<Frame sent ping b'p'>",
            """<Frame received text '{"a": 1}'>""",
            """<Frame sent binary b'{"a": 1}'>""",
            "<Frame received pong b'p'>",
            "<Frame received close 4000 'bye'>",
            "<Frame sent close 1000>",
        ]
        assert [frame.json() for frame in call.received_frames[:1]] == [{"a": 1}]
        assert call.sent_frames[0].text == '{"b": 2}'
        times = [frame.time for frame in call.frames]
        assert times == sorted(times)
        assert times[0] >= call.received_at

    async def test_heartbeat(self, mock: aiointercept) -> None:
        """The pings of a heartbeat are recorded, and their pongs."""
        route = mock.ws(URL, greet, heartbeat=0.02)
        async with connected(mock) as socket:
            await socket.receive()
            reading = asyncio.create_task(socket.receive())
            await until(lambda: len(route.calls[0].frames) > 2)
            await socket.close()
            await reading
        kinds = [frame.type for frame in route.calls[0].frames[1:3]]
        assert kinds == [WSMsgType.PING, WSMsgType.PONG]

    async def test_compressed(self, mock: aiointercept) -> None:
        """Of compressed messages the content is recorded."""
        route = mock.ws(URL, replies.echo)
        async with connected(mock, compress=15) as socket:
            await socket.send_str("x" * 50_000)
            await socket.receive()
        assert [frame.data for frame in route.calls[0].frames[:2]] == ["x" * 50_000] * 2

    async def test_what_could_not_be_sent(self, mock: aiointercept) -> None:
        """A message to a client that has closed was not sent."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await ws.receive()
            with pytest.raises(ConnectionResetError):
                await ws.send_str("x")

        route = mock.ws(URL, talk)
        async with connected(mock):
            pass
        assert [str(frame) for frame in route.calls[0].frames] == [
            "received close 1000",
            "sent close 1000",
        ]

    async def test_transcript(self, mock: aiointercept) -> None:
        """The report of a failed test shows the last twenty."""
        mock.ws(URL, replies.echo)
        async with connected(mock) as socket:
            for number in range(10):
                await socket.send_str(str(number))
                await socket.receive()
        lines = transcript(mock).splitlines()
        assert lines[3:5] == ["   … 2 frames before these", "   received text '1'"]
        assert lines[-1] == "   sent close 1000"

    async def test_of_other_requests(self, mock: aiointercept) -> None:
        """A request that is no WebSocket has none."""
        mock.get("/x")
        async with mock.session() as session, session.get("https://api.example.com/x"):
            pass
        assert mock.calls[0].frames == mock.calls[0].sent_frames == []

    async def test_data_that_is_written_to_again(self, mock: aiointercept) -> None:
        """A buffer is recorded as it was when it was sent."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            data = bytearray(b"x")
            await ws.send_bytes(data)  # type: ignore[arg-type] # aiohttp takes more than it says
            data[0] = 0

        route = mock.ws(URL, talk)
        async with connected(mock) as socket:
            await socket.receive()
        assert route.calls[0].frames[0].data == b"x"


class TestRefused:
    @pytest.mark.parametrize(
        ("handler", "options", "error"),
        [
            (5, {}, TypeError("handler must be a coroutine function of (ws, request), or a list "
                              "of steps, not 5")),
            (replies.ping(), {}, TypeError("A script is a list of steps: [ping()]")),
            ([], {}, ValueError("An empty script would close at once: [close()] says so.")),
            ([replies.ping], {}, TypeError(
                "script: step 1 must be expect(...), send(...), ping(), close() or another of "
                "replies' steps, not function: <function ping at 0x")),
            ([replies.send(1), "x"], {}, TypeError(
                "script: step 2 must be expect(...), send(...), ping(), close() or another of "
                "replies' steps, not str: 'x'")),
            ([replies.close(), replies.send(1)], {}, ValueError(
                "script: step 1, close(1000), ends it; leave out what stands behind it.")),
            (replies.echo, {"protocols": "v1"}, TypeError(
                "protocols must be a sequence of str, not 'v1'")),
            (replies.echo, {"protocols": [1]}, TypeError(
                "protocols must be a sequence of str, not of 1")),
            (replies.echo, {"protocols": ["a b"]}, ValueError(
                "protocols: 'a b' cannot stand in a header's list of names")),
            (replies.echo, {"compress": "x"}, TypeError(
                "compress must be a bool or an int, not 'x'")),
            (replies.echo, {"compress": 8}, ValueError(
                "compress must be from 9 to 15 (bits), True or False, not 8")),
            (replies.echo, {"heartbeat": "x"}, TypeError(
                "heartbeat must be a number of seconds, not 'x'")),
            (replies.echo, {"heartbeat": 0}, ValueError(
                "heartbeat must be more than 0 seconds, not 0")),
            (replies.echo, {"max_msg_size": 1.5}, TypeError(
                "max_msg_size must be a number of bytes, not 1.5")),
            (replies.echo, {"max_msg_size": -1}, ValueError(
                "max_msg_size must be 0 (no limit) or more bytes, not -1")),
            (replies.echo, {"protocol": "x"}, TypeError(
                "ws() has no argument 'protocol': did you mean 'protocols'?")),
        ],
    )  # fmt: skip
    def test_bad_input(self, handler: Any, options: dict[str, Any], error: Exception) -> None:
        """What could not work is refused at registration, with what to write instead."""
        mock = aiointercept()
        with pytest.raises(type(error)) as caught:
            mock.ws(URL, handler, **options)
        assert str(caught.value).startswith(str(error))
        assert list(mock.interceptor.registry) == []

    def test_handler_of_aiohttp_s(self) -> None:
        """An aiohttp handler, which makes its own response, is told where it belongs."""

        async def handler(request: web.Request) -> web.StreamResponse:
            raise NotImplementedError

        with pytest.raises(TypeError) as caught:
            aiointercept().ws(URL, handler)  # type: ignore[arg-type] # takes a request alone
        assert str(caught.value).endswith(
            "handler(ws, request), and takes (request: 'web.Request') -> 'web.StreamResponse'. "
            "A handler that makes a WebSocketResponse of its own is for add(..., reply=)."
        )

    def test_values(self) -> None:
        """A reply that is a WebSocket is a value: compared by what it says, and printed."""
        script = [replies.expect({"a": 1}), replies.send("x")]
        assert replies.websocket(script) == replies.websocket(tuple(script))
        assert replies.websocket(script) != replies.websocket(script, autoping=False)
        assert repr(replies.websocket(script)) == ("<WebSocketReply [expect({'a': 1}), send('x')]>")
        assert repr(replies.websocket(replies.echo)) == "<WebSocketReply echo>"


def test_the_page_shows_what_is_said() -> None:
    """What docs/websockets.md shows of a script that is not met is what its program prints."""
    text = (ROOT / "docs" / "websockets.md").read_text(encoding="utf-8")
    source = next(block for block in BLOCK.findall(text) if "VerificationError" in block)
    assert run(source) == text.split("```text\n")[1].split("```")[0]
