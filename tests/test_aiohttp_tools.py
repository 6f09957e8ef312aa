"""aiohttp's own test tools beside a mock, mounted on it, and ``mock.client``."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar, ServerDisconnectedError, web
from aiohttp.test_utils import (
    AioHTTPTestCase,
    RawTestServer,
    TestClient,
    TestServer,
    make_mocked_request,
)
from yarl import URL

from aiointercept_connector import CallbackResult, aiointercept, install, uninstall
from tests.plugin.running import run_pytest

pytestmark = pytest.mark.anyio

API = "https://api.example.com"


async def told(request: web.BaseRequest) -> web.Response:
    """Answer with the URL that was asked."""
    return web.Response(text=str(request.url))


async def count(request: web.Request) -> web.Response:
    """Count the requests of a client by a cookie."""
    response = web.Response(text=request.cookies.get("n", "0"))
    response.set_cookie("n", str(int(request.cookies.get("n", "0")) + 1))
    return response


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Say again what is said."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str(message.data)
    return ws


async def long(request: web.Request) -> web.Response:
    """Answer with more than anybody's buffer takes."""
    return web.Response(body=bytes(2**22))


def make_app() -> web.Application:
    """Return an application of these."""
    app = web.Application()
    app.router.add_get("/count", count)
    app.router.add_get("/ws", echo)
    app.router.add_get("/long", long)
    app.router.add_route("*", "/{rest:.*}", told)
    return app


def make_server(kind: str) -> Any:
    """Return a server of one of aiohttp's two classes."""
    return TestServer(make_app()) if kind == "TestServer" else RawTestServer(told)


@pytest.fixture
async def installed() -> AsyncIterator[aiointercept]:
    """A mock of the whole process."""
    yield install()
    uninstall()


@pytest.mark.parametrize("kind", ["TestServer", "RawTestServer"])
class TestServers:
    async def test_requests_pass(self, installed: aiointercept, kind: str) -> None:
        """Requests to a test server reach it while a mock is installed."""
        async with make_server(kind) as server, ClientSession() as session:
            url = server.make_url("/x")
            async with session.get(url) as response:
                assert await response.text() == str(url)
        assert [request.url for request in installed.passed_through] == [url]

    async def test_test_clients_pass(self, installed: aiointercept, kind: str) -> None:
        """A test client reaches its server while a mock is installed."""
        async with TestClient(make_server(kind)) as client, client.get("/x") as response:
            assert await response.text() == str(client.make_url("/x"))

    async def test_what_the_application_asks(self, installed: aiointercept, kind: str) -> None:
        """What the application asks of others is answered by the mock."""

        async def handler(request: web.BaseRequest) -> web.Response:
            async with ClientSession() as session, session.get(f"{API}/rate") as response:
                return web.Response(text=await response.text())

        installed.get(f"{API}/rate", body="1.5")
        app = web.Application()
        app.router.add_get("/x", handler)
        server: Any = TestServer(app) if kind == "TestServer" else RawTestServer(handler)
        async with TestClient(server) as client, client.get("/x") as response:
            assert await response.text() == "1.5"

    async def test_mounted(self, kind: str) -> None:
        """It may be mounted on any host; who has not started it need not stop it."""
        server = make_server(kind)
        async with aiointercept() as mock, mock.session() as session:
            mock.mount(API, server)
            async with session.get(f"{API}/x") as response:
                assert await response.text() == f"{API}/x"
        assert server.closed


def test_a_test_case() -> None:
    """``AioHTTPTestCase`` runs inside an installed mock."""

    class Case(AioHTTPTestCase):
        async def get_application(self) -> web.Application:
            return make_app()

        async def test_it(self) -> None:
            async with self.client.get("/x") as response:
                assert await response.text() == str(self.client.make_url("/x"))

    result = unittest.TestResult()
    with aiointercept(mock_external_urls=True):
        Case("test_it").run(result)
    assert (result.testsRun, result.failures, result.errors) == (1, [], [])


def test_the_fixtures_of_pytest_aiohttp(tmp_path: Any) -> None:
    """``aiohttp_client``, ``aiohttp_server`` and ``aiohttp_raw_server`` do what they do alone."""
    pytest.importorskip("pytest_aiohttp")
    source = """
from aiohttp import web

async def told(request):
    return web.Response(text=request.path)

async def test_client(aiohttp_client, intercept):
    app = web.Application()
    app.router.add_get("/x", told)
    client = await aiohttp_client(app)
    async with client.get("/x") as response:
        assert await response.text() == "/x"

async def test_servers(aiohttp_server, aiohttp_raw_server, intercept):
    raw = await aiohttp_raw_server(told)
    app = web.Application()
    app.router.add_get("/x", told)
    server = await aiohttp_server(app)
    intercept.mount("https://raw.test", raw)
    intercept.mount("https://app.test", server)
    async with aiohttp.ClientSession() as session:
        for url in ("https://raw.test/x", "https://app.test/x", raw.make_url("/x")):
            async with session.get(url) as response:
                assert await response.text() == "/x"
"""
    ini = {"asyncio_mode": "auto", "asyncio_default_fixture_loop_scope": "function"}
    run = run_pytest(tmp_path, source, plugins=("asyncio", "aiohttp"), **ini)
    assert run.outcomes == {"passed": 2}


class TestMockedRequests:
    def test_a_callback(self) -> None:
        """A callback that takes the request can be tried without a mock."""

        def callback(request: web.Request) -> CallbackResult:
            return CallbackResult(status=401 if "Token" not in request.headers else 200)

        assert callback(make_mocked_request("GET", "/x")).status == 401
        assert callback(make_mocked_request("GET", "/x", headers={"Token": "t"})).status == 200

    async def test_the_same_callback_answers(self) -> None:
        """The same function answers a mock's requests."""

        async def callback(request: web.Request) -> web.Response:
            return web.Response(text=f"{request.method} {request.path}")

        alone = await callback(make_mocked_request("GET", "/x"))
        async with aiointercept() as mock, mock.session() as session:
            mock.get(f"{API}/x", callback=callback)
            async with session.get(f"{API}/x") as response:
                assert await response.text() == alone.text == "GET /x"


class TestClients:
    @pytest.mark.parametrize("kind", ["application", "handler", "TestServer", "RawTestServer"])
    async def test_what_a_client_is_of(self, wire: Any, kind: str) -> None:
        """Relative URLs go to whatever can be mounted."""
        kinds: dict[str, Any] = {"application": make_app(), "handler": told}
        target = kinds.get(kind) or make_server(kind)
        async with (
            aiointercept(wire=wire) as mock,
            mock.client(target) as client,
            client.get("/x?a=1") as response,
        ):
            assert await response.text() == "http://app0.test/x?a=1"

    async def test_a_url(self) -> None:
        """Relative URLs go to the URL that is given, mocked as ever."""
        async with aiointercept() as mock, mock.client(API) as client:
            mock.get(f"{API}/x", status=201)
            async with client.get("/x") as response:
                assert response.status == 201

    async def test_cookies_are_the_client_s(self) -> None:
        """Each client has cookies of its own, of one application."""
        app = make_app()
        async with aiointercept() as mock, mock.client(app) as one, mock.client(app) as other:
            counts = []
            for client in (one, one, other):
                async with client.get("/count") as response:
                    counts.append(await response.text())
            assert counts == ["0", "1", "0"]
            assert len(mock.interceptor.registry) == 1

    async def test_websockets(self) -> None:
        """WebSockets may be relative, too."""
        async with (
            aiointercept() as mock,
            mock.client(make_app()) as client,
            client.ws_connect("/ws") as ws,
        ):
            await ws.send_str("hello")
            assert await ws.receive_str() == "hello"

    async def test_what_is_mounted_already(self) -> None:
        """An application that is mounted on a host is asked by that."""
        app = make_app()
        async with aiointercept() as mock:
            mock.mount(f"{API}:8443", app)
            async with mock.client(app) as client, client.get("/x") as response:
                assert await response.text() == f"{API}:8443/x"

    @pytest.mark.parametrize("path", ["/x?a=1", "x?a=1", URL("/x?a=1"), "/a%2Fb:c", "", "?a=1"])
    async def test_what_is_mounted_below_a_path(self, path: str | URL) -> None:
        """Relative URLs go below the path that an application is mounted at."""
        async with aiointercept() as mock:
            mock.mount(f"{API}/v2", told)
            async with mock.client(told) as client, client.get(path) as response:
                rest = str(path).removeprefix("/")
                assert response.url == client.make_url(path) == URL(f"{API}/v2/{rest}")
                assert await response.text() == f"{API}/{rest}"

    @pytest.mark.parametrize("url", ["/v2", "/", "https://*.example.com"])
    async def test_what_has_no_url(self, url: str) -> None:
        """What is mounted on no one host is refused."""
        app = make_app()
        async with aiointercept() as mock:
            route = mock.mount(url, app)
            with pytest.raises(ValueError, match=r"^client\(\): ") as raised:
                mock.client(app)
        assert str(raised.value) == (
            f"client(): {route} has no URL that relative ones could go on from. Mount the "
            f"application on a host ('https://api.example.com'), or give such a URL."
        )

    async def test_several_applications(self) -> None:
        """Each application has a host of its own."""
        async with (
            aiointercept() as mock,
            mock.client(make_app()) as one,
            mock.client(make_app()) as other,
        ):
            for client, host in ((one, "app0.test"), (other, "app1.test")):
                async with client.get("/x") as response:
                    assert await response.text() == f"http://{host}/x"

    async def test_options_of_a_session(self) -> None:
        """Other arguments are those of a session."""

        async def handler(request: web.Request) -> web.Response:
            return web.Response(text=request.headers["Token"])

        async with (
            aiointercept() as mock,
            mock.client(handler, headers={"Token": "t"}) as client,
            client.get("/") as response,
        ):
            assert await response.text() == "t"

    async def test_an_absolute_url(self) -> None:
        """An absolute URL is asked as it is."""
        async with aiointercept() as mock, mock.client(make_app()) as client:
            mock.get(f"{API}/x", status=201)
            async with client.get(f"{API}/x") as response:
                assert response.status == 201

    async def test_it_is_a_session(self) -> None:
        """Code that takes a session takes the client; the class of it warns nobody."""
        async with aiointercept() as mock, mock.client(make_app()) as client:
            assert isinstance(client, ClientSession)
            assert set(vars(client)) <= client.ATTRS
            async with ClientSession.request(client, "GET", "/x") as response:
                assert await response.text() == "http://app0.test/x"

    async def test_a_base_url_is_refused(self) -> None:
        """There is no base beside what the client is of; the message says what to write."""
        async with aiointercept() as mock:
            with pytest.raises(TypeError) as raised:
                mock.client(make_app(), base_url=URL(API))
        assert str(raised.value) == (
            f"client() takes no base_url: its URLs go to what it is a client of. "
            f"Write client('{API}') for a client of that URL."
        )

    async def test_a_connector_of_one_s_own(self) -> None:
        """A connector of this mock with other options may be given."""
        async with aiointercept() as mock:
            connector = mock.connector(limit=1)
            async with mock.client(told, connector=connector) as client:
                assert client.connector is connector
                async with client.get("/x") as response:
                    assert await response.text() == "http://app0.test/x"

    async def test_what_cannot_be_mounted(self) -> None:
        """Anything else is refused as ``mount`` refuses it."""
        async with aiointercept() as mock:
            with pytest.raises(TypeError, match=r"^mount\(\) takes "):
                mock.client(4)


@pytest.fixture(params=["TestClient", "mock.client"])
async def client_of(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """What makes a client of a test server: aiohttp's, and ours."""
    async with AsyncExitStack() as stack:
        if request.param == "TestClient":
            yield TestClient
        else:
            yield (await stack.enter_async_context(aiointercept())).client


class TestAsTestClient:
    async def test_its_attributes(self, client_of: Any) -> None:
        """A client tells its application, its server, and the URLs that it asks."""
        app = make_app()
        server = TestServer(app)
        async with client_of(server) as client:
            assert (client.app, client.server) == (app, server)
            assert isinstance(client.session, ClientSession)
            async with client.get("/x") as response:
                assert response.url == client.make_url("/x")
                assert (response.url.host, response.url.port) == (client.host, client.port)

    async def test_no_application(self, client_of: Any) -> None:
        """A server without an application has none."""
        async with client_of(RawTestServer(told)) as client:
            assert client.app is None

    async def test_cookies_of_an_address(self, client_of: Any) -> None:
        """Cookies of an IP address are kept, unless a cookie jar is given that does not."""

        async def main(client: Any) -> list[str]:
            counts = []
            for _ in range(2):
                async with client.get("/count") as response:
                    counts.append(await response.text())
            return counts

        def server() -> Any:
            return TestServer(make_app(), host="127.0.0.1")

        target: Any = server()
        if client_of is not TestClient:
            target = make_app()
            client_of.__self__.mount("http://127.0.0.1:8080", target)
        async with client_of(target) as client:
            assert await main(client) == ["0", "1"]
        if client_of is TestClient:
            target = server()
        async with client_of(target, cookie_jar=CookieJar()) as client:
            assert await main(client) == ["0", "0"]

    @pytest.mark.skipif(
        not hasattr(ClientSession, "ATTRS") or "_retry_connection" not in ClientSession.ATTRS,
        reason="aiohttp has no such switch",
    )
    async def test_a_broken_connection(self, client_of: Any) -> None:
        """A request whose connection broke is not sent again."""
        count = 0

        async def broken(request: web.BaseRequest) -> web.Response:
            nonlocal count
            count += 1
            if count == 2:
                assert request.transport is not None
                request.transport.abort()
                await asyncio.sleep(0.01)
            return web.Response()

        async with client_of(RawTestServer(broken)) as client:
            async with client.get("/"):
                pass
            with pytest.raises(ServerDisconnectedError):
                await client.get("/")
        assert count == 2

    async def test_what_is_left_open(self, client_of: Any) -> None:
        """Closing the client closes responses and WebSockets; it may be closed again."""
        client = client_of(TestServer(make_app()))
        async with client:
            response: ClientResponse = await client.get("/long")
            before = response.closed
            ws = await client.ws_connect("/ws")
            await ws.send_str("a")
        assert (before, response.closed) == (False, True)
        assert (ws.closed, ws.close_code) == (True, 1000)
        await client.close()
        assert client.session.closed
