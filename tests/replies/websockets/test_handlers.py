"""What a handler is given, and what answers beside it."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from aiointercept_connector import (
    Match,
    UnmatchedRequestError,
    aiointercept,
    install,
    replies,
    uninstall,
)
from tests.replies.websockets.conversing import URL, connected, failing

pytestmark = pytest.mark.anyio


SECURE = {"wss", "https"}


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
