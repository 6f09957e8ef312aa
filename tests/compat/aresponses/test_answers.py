"""What is answered, on ours and on the original."""

from __future__ import annotations

import asyncio
import contextvars
import math
import ssl
from collections.abc import Callable
from importlib import import_module
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import ClientSession, web

from aiointercept_connector import NetworkBlockedError, block_network
from tests.compat.aresponses.conftest import OURS
from tests.real import real_server
from tests.tls import openssl_server, server_context

pytestmark = pytest.mark.anyio

URL = "http://api.test/"


async def test_a_response(server: Any, session: ClientSession) -> None:
    """A response of aiohttp's is sent with its status, headers, cookies and body."""
    response = server.Response(status=418, reason="Tea", headers={"X-A": "1"}, text="pot")
    response.set_cookie("c", "1")
    server.add(response=response)
    answer = await session.get(URL)
    assert (answer.status, answer.reason, await answer.text()) == (418, "Tea", "pot")
    assert answer.headers["X-A"] == "1"
    assert answer.cookies["c"].value == "1"
    assert answer.headers["Server"].startswith("Python/")


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], {}, []])
async def test_json(server: Any, session: ClientSession, value: Any) -> None:
    """A dict or list is sent as JSON, as it is when it is asked for."""
    server.add(response=value)
    answer = await session.get(URL)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert await answer.json() == value


async def test_a_response_that_is_asked_for_again(server: Any, session: ClientSession) -> None:
    """A response of a route for several requests is sent anew for each."""
    server.add(response=server.Response(text="again"), repeat=3)
    assert [await (await session.get(URL)).text() for _ in range(3)] == ["again"] * 3


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_function(server: Any, session: ClientSession, is_async: bool) -> None:
    """A function is called with the request, or awaited; its response is sent."""

    def plain(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {request.host} {request.path_qs}")

    async def coroutine(request: web.Request) -> web.Response:
        return web.Response(text=f"{plain(request).text} {await request.text()}")

    server.add(response=coroutine if is_async else plain)
    answer = await session.post("http://api.test:81/a?b=c", data="body")
    assert await answer.text() == "POST api.test:81 /a?b=c" + (" body" if is_async else "")


async def test_a_function_that_raises_a_response(server: Any, session: ClientSession) -> None:
    """What aiohttp's server sends when a handler raises it is sent."""

    def refuse(request: web.Request) -> web.Response:
        raise web.HTTPForbidden(text="no")

    server.add(response=refuse)
    answer = await session.get(URL)
    assert (answer.status, await answer.text()) == (403, "no")


async def test_a_function_that_fails(
    server: Any, session: ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets a 500, and the log has the traceback."""

    def fail(request: web.Request) -> web.Response:
        raise LookupError("the test's own")

    server.add(response=fail)
    assert (await session.get(URL)).status == 500
    assert "LookupError: the test's own" in caplog.text


async def test_a_function_that_returns_nothing(
    server: Any, session: ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets a 500."""
    server.add(response=lambda request: None)
    assert (await session.get(URL)).status == 500


async def test_a_slow_function(server: Any, session: ClientSession) -> None:
    """A client's timeout ends its waiting for a function that takes longer."""

    async def wait(request: web.Request) -> web.Response:
        await asyncio.sleep(0.05)
        return web.Response()

    server.add(response=wait)
    with pytest.raises(asyncio.TimeoutError):
        await session.get(URL, timeout=aiohttp.ClientTimeout(total=0.01))


async def test_raw_bytes(library: Any, server: Any, session: ClientSession) -> None:
    """A raw response is what the wire carries, and ends with the connection."""
    raw = b"HTTP/1.1 299 Odd\r\nX-A: 1\r\n\r\nto the end"
    server.add(response=server.RawResponse(raw))
    answer = await session.get(URL)
    assert (answer.status, answer.reason, await answer.read()) == (299, "Odd", b"to the end")
    assert answer.raw_headers == ((b"X-A", b"1"),)


async def test_raw_bytes_that_are_no_http(server: Any, session: ClientSession) -> None:
    """A client that is sent something else than HTTP says so."""
    server.add(response=server.RawResponse(b"nonsense\r\n\r\n"))
    with pytest.raises(aiohttp.ClientResponseError):
        await session.post(URL)


async def test_a_truncated_body(server: Any, session: ClientSession) -> None:
    """A body that is shorter than its length is an error of the payload."""
    server.add(response=server.RawResponse(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"))
    answer = await session.get(URL)
    with pytest.raises(aiohttp.ClientPayloadError):
        await answer.read()


async def test_a_raw_response_from_a_function(server: Any, session: ClientSession) -> None:
    """A function may return a raw response, too."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    server.add(response=lambda request: server.RawResponse(raw))
    assert await (await session.get(URL)).text() == "ok"


async def test_a_websocket(server: Any, session: ClientSession) -> None:
    """A handler may open a WebSocket."""

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    server.add("api.test", "/ws", response=echo)
    async with session.ws_connect("ws://api.test/ws") as socket:
        await socket.send_str("abc")
        assert (await socket.receive()).data == "ABC"


async def test_redirects_are_followed(server: Any, session: ClientSession) -> None:
    """The real client follows a redirect to another route."""
    found = server.Response(status=302, headers={"Location": "https://b.test/x"})
    server.add("a.test", response=found)
    server.add("b.test", "/x", response="there")
    assert await (await session.get("http://a.test/")).text() == "there"


async def test_passthrough(server: Any, session: ClientSession) -> None:
    """A route may let its requests reach the real server."""
    async with real_server() as real:
        server.add(f"127.0.0.1:{real.port}", "/a", "post", server.passthrough)
        answer = await session.post(f"{real.url}/a", data=b"body")
        assert (answer.status, await answer.text()) == (200, "real")
        assert [request.path for request in real.requests] == ["/a"]
    (entry,) = server.history
    assert (entry.route.repeat, entry.response.status) == (0, 200)


async def test_passthrough_from_a_function(server: Any, session: ClientSession) -> None:
    """A function may ask ``passthrough`` itself."""
    async with real_server() as real:

        async def perhaps(request: Any) -> Any:
            return await server.passthrough(request)

        server.add(response=perhaps)
        assert await (await session.get(real.url)).text() == "real"


async def test_passthrough_of_a_subclass(library: Any, session: ClientSession) -> None:
    """A subclass may have a ``passthrough`` of its own, which is what its routes ask."""

    class Server(library.ResponsesMockServer):  # type: ignore[misc]
        async def passthrough(self, request: Any) -> Any:
            return self.Response(text=f"not {request.path}")

    async with Server() as server:
        server.add(response=server.passthrough)
        assert await (await session.get(f"{URL}a")).text() == "not /a"


async def test_local_passthrough(server: Any, session: ClientSession) -> None:
    """``add_local_passthrough`` lets requests to ``127.0.0.1`` through, as often as it says."""
    async with real_server() as real:
        server.add_local_passthrough(repeat=1)
        assert await (await session.get(real.url)).text() == "real"
        assert (await session.get(real.url)).status == 500
        server.add_local_passthrough()
        assert [(await session.get(real.url)).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    ("asked", "headers", "url"),
    [
        ("https://api.test/a?b=c#d", {}, "http://api.test/a?b=c"),
        ("https://api.test:443/", {}, "http://api.test/"),
        ("https://api.test:8443/%C3%A4", {}, "http://api.test:8443/%C3%A4"),
        ("https://10.1.2.3/", {"Host": "api.test"}, "http://api.test/"),
        ("http://api.test/", {}, "http://api.test/"),
    ],
)
async def test_the_url_that_a_server_sees(
    server: Any, session: ClientSession, asked: str, headers: dict[str, str], url: str
) -> None:
    """A function sees the URL that a server without TLS is asked for; so does the history."""

    def told(request: Any) -> Any:
        return server.Response(text=f"{request.url} {request.scheme} {request.secure}")

    server.add(response=told)
    answer = await session.get(asked, headers=headers)
    assert await answer.text() == f"{url} http False"
    assert str(server.history[0].request.url) == url


class TestOursAlone:
    """What the original does in another way, or not at all."""

    @pytest.fixture
    def library(self) -> Any:
        """Run the test on ours."""
        return import_module(OURS)

    @pytest.mark.parametrize("wrap", [lambda value: value, lambda value: lambda request: value])
    @pytest.mark.parametrize(
        ("value", "body"),
        [(b"\xff", b"\xff"), ("ä", "ä".encode()), ({"a": 1}, b'{"a": 1}'), ((404, "x"), b"x")],
    )
    async def test_more_kinds_of_responses(
        self, server: Any, session: ClientSession, value: Any, body: bytes, wrap: Callable[..., Any]
    ) -> None:
        """Bytes and pairs are sent, too; and a function may return all that ``add`` takes."""
        server.add(response=wrap(value))
        assert await (await session.get(URL)).read() == body

    async def test_an_exception_as_a_response_again(
        self, server: Any, session: ClientSession
    ) -> None:
        """A response that is an exception can be sent as often as others."""
        server.add(response=web.HTTPNotFound(text="none"), repeat=2)
        assert [(await session.get(URL)).status for _ in range(2)] == [404, 404]

    async def test_a_function_sees_the_context_of_the_call(
        self, server: Any, session: ClientSession
    ) -> None:
        """Context variables have the values that they have where the request is made."""
        variable = contextvars.ContextVar("variable", default="unset")
        variable.set("set")
        server.add(response=lambda request: server.Response(text=variable.get()))
        assert await (await session.get(URL)).text() == "set"

    async def test_no_header_is_added(self, server: Any, session: ClientSession) -> None:
        """A function sees the headers that the client has sent, and so does the client."""
        server.add()
        answer = await session.get("https://api.test/a")
        assert "AResponsesIsSSL" not in server.history[0].request.headers
        assert "AResponsesIsSSL" not in answer.request_info.headers

    async def test_errors_of_a_real_connection(self, server: Any, session: ClientSession) -> None:
        """Where the real server cannot be reached, the client's caller gets the error itself."""
        async with real_server() as real:
            url = real.url
        server.add(response=server.passthrough)
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)

    async def test_local_servers_are_left_alone(self, server: Any, session: ClientSession) -> None:
        """A server of this machine that no route names is reached, and that is not in the plan."""
        server.add("api.test")
        async with real_server() as real:
            assert await (await session.get(real.url)).text() == "real"
        await session.get(URL)
        server.assert_plan_strictly_followed()
        assert len(server.history) == 1

    async def test_passthrough_over_tls(self, server: Any) -> None:
        """The real host is asked over TLS if the client did so, whatever a function sees."""
        authority = trustme.CA()
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        with openssl_server(server_context(authority.issue_cert("127.0.0.1"))) as port:
            server.add_local_passthrough()
            async with ClientSession() as session:
                answer = await session.get(f"https://127.0.0.1:{port}/", ssl=trusting)
                assert await answer.text() == "real"
        assert str(server.history[0].request.url) == f"http://127.0.0.1:{port}/"

    async def test_a_blocked_network(self, server: Any, session: ClientSession) -> None:
        """What ``block_network`` forbids does not pass through, either."""
        async with real_server() as real:
            server.add(response=server.passthrough, repeat=math.inf)
            with block_network(local=False), pytest.raises(NetworkBlockedError):
                await session.get(real.url)
            assert real.requests == []
