"""``start_proxy``: what goes through it, and what it says of that."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import BasicAuth, web
from aiohttp.test_utils import TestServer
from yarl import URL

from aiointercept_connector import NetworkBlockedError, block_network

# aiohttp 3.14 has another way to write a header; the proxy's argument is of its class all the same.
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:.*(BasicAuth|proxy_auth):DeprecationWarning"),
]


def basic(password: str = "secret") -> BasicAuth:
    """Return an authorization."""
    return BasicAuth("user", password)


@pytest.fixture
async def host() -> AsyncIterator[TestServer]:
    """A host behind the proxy, which answers with what it was sent."""

    async def echo(request: web.Request) -> web.Response:
        headers = [[name, value] for name, value in request.headers.items()]
        body = (await request.read()).decode()
        answer = web.json_response({"path": request.path_qs, "headers": headers, "body": body})
        answer.headers.add("X-Many", "1")
        answer.headers.add("X-Many", "2")
        return answer

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    async def packed(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"text"), headers={"Content-Encoding": "gzip"})

    async def talk(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data)
        return ws

    app = web.Application()
    app.router.add_get("/moved", moved)
    app.router.add_get("/packed", packed)
    app.router.add_get("/ws", talk)
    app.router.add_route("*", "/{rest:.*}", echo)
    server = TestServer(app)
    async with server:
        yield server


@pytest.fixture
async def proxy(library: Any) -> AsyncIterator[Any]:
    """A proxy that asks no authorization."""
    async with library.start_proxy() as proxy:
        yield proxy


class TestRelaying:
    async def test_request_and_answer(
        self, proxy: Any, host: TestServer, session: aiohttp.ClientSession
    ) -> None:
        """Path, body and the client's own headers reach the host; the answer comes back whole."""
        url = host.make_url("/a%20b?q=1")
        async with session.post(
            url, data=b"raw", headers={"X-A": "1"}, proxy=proxy.url
        ) as response:
            came = await response.json()
            assert response.headers.getall("X-Many") == ["1", "2"]
        assert (came["path"], came["body"]) == ("/a%20b?q=1", "raw")
        assert ["X-A", "1"] in came["headers"]
        assert ["Host", f"{host.host}:{host.port}"] in came["headers"]

    async def test_redirects_are_not_followed(
        self, proxy: Any, host: TestServer, session: aiohttp.ClientSession
    ) -> None:
        """A redirect is for the client."""
        url = host.make_url("/moved")
        async with session.get(url, proxy=proxy.url, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (302, "/elsewhere")
        proxy.assert_called(times=1)

    async def test_bodies_stay_packed(self, proxy: Any, host: TestServer) -> None:
        """A compressed body is handed on as it is."""
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(host.make_url("/packed"), proxy=proxy.url) as response,
        ):
            assert response.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(await response.read()) == b"text"

    async def test_proxy_headers_stay_with_the_proxy(
        self, library: Any, host: TestServer, session: aiohttp.ClientSession
    ) -> None:
        """What is said to the proxy alone does not reach the host."""
        async with (
            library.start_proxy(auth=basic()) as proxy,
            session.get(host.make_url("/"), proxy=proxy.url, proxy_auth=basic()) as response,
        ):
            names = {name for name, _ in (await response.json())["headers"]}
        assert not names & {"Proxy-Authorization", "Proxy-Connection", "Connection"}

    async def test_nothing_is_added(self, ours: Any, host: TestServer) -> None:
        """The host gets the headers that were sent, and the client those that were answered."""
        rest = f"HTTP/1.1\r\nHost: {host.host}:{host.port}\r\nX-A: 1\r\n\r\n"
        direct = await exchange(host.host, host.port, f"GET / {rest}")
        async with ours.start_proxy() as proxy:
            asked = f"GET {host.make_url('/')} {rest}"
            through = await exchange(proxy.url.host, proxy.url.port, asked)
        assert through == direct

    async def test_a_websocket(
        self, ours: Any, host: TestServer, session: aiohttp.ClientSession
    ) -> None:
        """A WebSocket of a plain host goes through."""
        async with (
            ours.start_proxy() as proxy,
            session.ws_connect(host.make_url("/ws"), proxy=proxy.url) as ws,
        ):
            await ws.send_str("hello")
            assert await ws.receive_str() == "hello"

    async def test_a_dead_host(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """A host that nothing listens at is a 502 that says so."""
        async with (
            ours.start_proxy() as proxy,
            session.get(f"http://127.0.0.1:{free_port()}/", proxy=proxy.url) as response,
        ):
            assert (response.status, response.reason) == (502, "Bad Gateway")
            assert (await response.text()).startswith("Cannot connect to host 127.0.0.1:")
            proxy.assert_called(times=1)

    async def test_asked_for_itself(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """A client that takes the proxy for a host is told so, in place of an endless loop."""
        async with ours.start_proxy() as proxy, session.get(proxy.url / "x") as response:
            assert response.status == 500
            assert "was to be sent on to its real host, but that is" in await response.text()

    async def test_a_blocked_network(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """What ``block_network`` forbids does not get out by way of the proxy either."""
        with block_network():
            async with ours.start_proxy() as proxy:
                raw = await exchange(
                    proxy.url.host, proxy.url.port, f"GET http://192.0.2.1/ {OTHER_HOST}\r\n"
                )
        assert raw.startswith(b"HTTP/1.1 502 ")
        assert NetworkBlockedError.__name__.encode() not in raw


class TestTunnels:
    @pytest.fixture
    async def secure(self, ours: Any) -> AsyncIterator[Any]:
        """A host behind the proxy, by https, and the client's context for it."""
        authority = trustme.CA()
        server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert("127.0.0.1").configure_cert(server)
        authority.configure_trust(client)
        routes = [ours.MockRoute("GET", "/x", "x")]
        async with ours.start_service(routes, ssl_context=server) as service:
            service.register("x", ours.JsonResponse({"secure": True}))
            yield service, client

    async def test_https(self, ours: Any, secure: Any) -> None:
        """A request by https is tunnelled: the host itself shakes hands with the client."""
        service, context = secure
        async with (
            ours.start_proxy() as proxy,
            aiohttp.ClientSession() as session,
            session.get(service.url / "x", proxy=proxy.url, ssl=context) as response,
        ):
            assert await response.json() == {"secure": True}
        proxy.assert_called(times=1, method="CONNECT", target=service.url)
        service.assert_called("x", times=1)

    async def test_large_bodies(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """A tunnel carries as much as one likes, both ways."""
        async with plain_echo() as (reader_port, size), ours.start_proxy() as proxy:
            reader, writer = await asyncio.open_connection(proxy.url.host, proxy.url.port)
            writer.write(f"CONNECT 127.0.0.1:{reader_port} {OTHER_HOST}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head == b"HTTP/1.1 200 Connection established\r\n\r\n"
            writer.write(b"x" * size)
            assert await reader.readexactly(size) == b"x" * size
            writer.close()
            await writer.wait_closed()

    async def test_words_with_the_request(self, ours: Any) -> None:
        """What a client says before it is answered is for the host."""
        async with plain_echo() as (port, _), ours.start_proxy() as proxy:
            reader, writer = await asyncio.open_connection(proxy.url.host, proxy.url.port)
            writer.write(f"CONNECT 127.0.0.1:{port} {OTHER_HOST}\r\nearly".encode())
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(5) == b"early"
            writer.close()
            await writer.wait_closed()

    async def test_a_dead_host(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """A tunnel to a host that nothing listens at is a 502."""
        async with ours.start_proxy() as proxy:
            with pytest.raises(aiohttp.ClientHttpProxyError) as raised:
                await session.get(f"https://127.0.0.1:{free_port()}/", proxy=proxy.url)
        assert raised.value.status == 502

    async def test_unauthorized(self, ours: Any, secure: Any) -> None:
        """Without authorization there is no tunnel."""
        service, context = secure
        async with ours.start_proxy(auth=basic()) as proxy, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientHttpProxyError) as raised:
                await session.get(service.url / "x", proxy=proxy.url, ssl=context)
            assert raised.value.status == 407
            async with session.get(
                service.url / "x", proxy=proxy.url, proxy_auth=basic(), ssl=context
            ) as response:
                assert response.status == 200
        assert [call.method for call in proxy.history] == ["CONNECT", "CONNECT"]


class TestAuthorization:
    async def test_right(
        self, library: Any, host: TestServer, session: aiohttp.ClientSession
    ) -> None:
        """The right authorization lets requests through, and is recorded."""
        async with (
            library.start_proxy(auth=basic()) as proxy,
            session.get(host.make_url("/"), proxy=proxy.url, proxy_auth=basic()) as response,
        ):
            assert response.status == 200
            proxy.assert_called(times=1, headers={"Proxy-Authorization": basic().encode()})

    @pytest.mark.parametrize("password", [None, "wrong"])
    async def test_wrong(
        self,
        library: Any,
        host: TestServer,
        session: aiohttp.ClientSession,
        password: str | None,
    ) -> None:
        """Any other is a 407; the request is recorded, and goes no further."""
        auth = None if password is None else basic(password)
        async with (
            library.start_proxy(auth=basic()) as proxy,
            session.get(host.make_url("/"), proxy=proxy.url, proxy_auth=auth) as response,
        ):
            assert (response.status, response.reason) == (407, "Proxy Authentication Required")
            assert response.headers["Proxy-Authenticate"] == "Basic"
            given = {"Date", "Server", "Content-Length", "Proxy-Authenticate"}
            assert set(response.headers) <= given
            proxy.assert_called(times=1)


class TestHistory:
    async def test_what_is_recorded(
        self, proxy: Any, host: TestServer, session: aiohttp.ClientSession
    ) -> None:
        """A request is recorded with the URL that was asked."""
        url = host.make_url("/a?q=1")
        async with session.post(url, json=[1], proxy=proxy.url) as response:
            await response.read()
        call = proxy.last_call()
        assert (call.method, call.url, call.path, call.body) == ("POST", url, "/a", b"[1]")
        assert (call.handler_name, dict(call.path_params)) == ("proxy", {})
        assert proxy.get_calls() == proxy.history == [call]

    @pytest.mark.parametrize(
        "criteria",
        [
            {},
            {"times": 1},
            {"method": "POST"},
            {"target": "{url}"},
            {"json": [1]},
            {"body": b"[1]"},
            {"query": {"q": "1"}},
            {"headers": {"X-A": "1"}, "times": 1},
        ],
    )
    async def test_asserted(
        self,
        proxy: Any,
        host: TestServer,
        session: aiohttp.ClientSession,
        criteria: dict[str, Any],
    ) -> None:
        """Any part of a request can be asked for."""
        url = host.make_url("/a?q=1")
        async with session.post(url, json=[1], headers={"X-A": "1"}, proxy=proxy.url) as response:
            await response.read()
        if "target" in criteria:
            criteria = {"target": str(url)}
        proxy.assert_called(**criteria)

    @pytest.mark.parametrize(
        ("criteria", "message"),
        [
            ({"times": 2}, "proxy: expected 2 call(s), got 1"),
            ({"method": "GET"}, "proxy: none of 1 call(s) matched the given criteria"),
            ({"target": "http://h/"}, "proxy: none of 1 call(s) matched the given criteria"),
            ({"json": []}, "proxy: none of 1 call(s) matched the given criteria"),
        ],
    )
    async def test_not_asserted(
        self,
        proxy: Any,
        host: TestServer,
        session: aiohttp.ClientSession,
        criteria: dict[str, Any],
        message: str,
    ) -> None:
        """The message says what was expected."""
        async with session.post(host.make_url("/a"), json=[1], proxy=proxy.url) as response:
            await response.read()
        with pytest.raises(AssertionError) as raised:
            proxy.assert_called(**criteria)
        assert str(raised.value).splitlines()[0] == message

    async def test_nothing_asked(self, proxy: Any) -> None:
        """Where nothing was asked, the assertions say so."""
        proxy.assert_not_called()
        with pytest.raises(AssertionError, match=r"^no requests recorded by proxy$"):
            proxy.last_call()
        with pytest.raises(AssertionError, match=r"^proxy: expected at least one call, got 0$"):
            proxy.assert_called()

    async def test_asked_after_all(
        self, proxy: Any, host: TestServer, session: aiohttp.ClientSession
    ) -> None:
        """``assert_not_called`` counts the requests."""
        async with session.get(host.make_url("/"), proxy=proxy.url) as response:
            await response.read()
        with pytest.raises(AssertionError, match=r"^proxy: expected no calls, got 1$"):
            proxy.assert_not_called()

    def test_by_hand(self, library: Any) -> None:
        """A handle may be made by hand."""
        proxy = library.MockProxyService(URL("http://h"))
        proxy.set_url(URL("http://other"))
        assert (proxy.url, proxy.history) == (URL("http://other"), [])


OTHER_HOST = "HTTP/1.1\r\nHost: h\r\n"


async def exchange(host: str | None, port: int | None, request: str) -> bytes:
    """Return what a server answers to a request that is sent as it is, but for the date."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
    body = await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    await writer.wait_closed()
    return b"\r\n".join(line for line in head.split(b"\r\n") if line[:4] != b"Date") + body


class plain_echo:  # noqa: N801 - used as a function
    """A server that is no HTTP server, and says again what it is told."""

    async def __aenter__(self) -> tuple[int, int]:
        self._server = await asyncio.start_server(self._echo, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1], 2**20

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        writer.close()


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])
