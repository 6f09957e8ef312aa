"""The server's life, and its fixture."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import BaseTestServer, TestClient

from aiointercept_connector.compat.aresponses.main import Route
from tests.compat.aresponses.conftest import OURS
from tests.plugin.running import run_pytest
from tests.real import real_server

pytestmark = pytest.mark.anyio

URL = "http://api.test/"
PLUGIN = ("-p", "aiointercept_connector.compat.aresponses.main", "-p", "no:aresponses")


async def test_routes_before_the_block(library: Any, session: ClientSession) -> None:
    """Routes may be added before the server is entered."""
    server = library.ResponsesMockServer()
    server.add("api.test", response="early")
    async with server as entered:
        assert entered is server
        assert await (await session.get(URL)).text() == "early"


async def test_sessions_made_before_it(library: Any, session: ClientSession) -> None:
    """A session that was made before the server is answered, too."""
    async with library.ResponsesMockServer() as server:
        server.add()
        assert (await session.get(URL)).status == 200


async def test_a_connector_of_the_users_own(server: Any) -> None:
    """A session with a connector of its own is answered."""
    server.add(response="ok")
    async with ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        assert await (await session.get("https://api.test/", ssl=False)).text() == "ok"


async def test_a_test_server(library: Any) -> None:
    """The server is a ``BaseTestServer``, and tells of itself what these do."""
    mock_server = library.ResponsesMockServer
    server = mock_server(host="localhost", scheme="http", skip_url_asserts=True)
    assert issubclass(mock_server, BaseTestServer)
    assert (server.started, server.closed, server.port) == (False, False, None)
    assert (server.host, server.scheme, server.skip_url_asserts) == ("localhost", "http", True)
    async with server:
        assert (server.started, server.closed) == (True, False)
        assert (server.host, server.scheme) == ("127.0.0.1", "http")
        assert server.make_url("/a").port == server.port > 0
        await server.start_server()
    assert (server.started, server.closed, server.port) == (True, True, None)
    await server.close()


async def test_a_test_client(library: Any) -> None:
    """A ``TestClient`` of aiohttp's talks to it by relative URLs."""
    server = library.ResponsesMockServer(scheme="http")
    async with server:
        server.add(path_pattern="/a", response="hello")
        async with TestClient(server) as client:
            assert await (await client.get("/a")).text() == "hello"
            assert (client.host, client.app) == ("127.0.0.1", None)
            assert server.history[0].request.host == f"127.0.0.1:{client.port}"


class TestOursAlone:
    """What the original does in another way, or not at all."""

    @pytest.fixture
    def library(self) -> Any:
        """Run the test on ours."""
        return import_module(OURS)

    async def test_arguments_of_a_test_server(self, library: Any) -> None:
        """The arguments of a ``BaseTestServer`` are taken."""
        async with library.ResponsesMockServer(scheme="http", host="localhost", loop=None, port=0):
            pass

    async def test_as_a_test_server_is_started(self, library: Any, session: ClientSession) -> None:
        """``start_server`` and ``close`` begin and end it, as often as one likes."""
        server = library.ResponsesMockServer()
        for _ in range(2):
            await server.start_server()
            server.add(response="ok")
            assert await (await session.get(URL)).text() == "ok"
            await server.close()

    async def test_no_socket_is_bound(self, server: Any) -> None:
        """It has no port that nobody has asked for, and no runner of aiohttp's."""
        assert "aiointercept-server" not in {thread.name for thread in threading.enumerate()}
        assert server.runner is None
        with pytest.raises(NotImplementedError, match="there is no runner"):
            await server._make_runner()

    async def test_as_a_test_server_is_started_twice(self, server: Any) -> None:
        """To start it while it is active changes nothing: connections are kept, too."""
        made: list[Any] = []

        async def note(session: ClientSession, context: Any, params: Any) -> None:
            made.append(params)

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(note)
        server.add(repeat=server.INFINITY)
        async with ClientSession(trace_configs=[trace]) as session:
            await (await session.get(URL)).read()
            await server.start_server()
            await (await session.get(URL)).read()
        assert len(made) == 1

    async def test_what_a_bare_route_is_called(self, server: Any) -> None:
        """A route that has not called ``__init__`` is for anything, and messages say so."""

        class Bare(Route):
            def __init__(self) -> None:
                pass

        server.add(route=Bare())
        with pytest.raises(
            AssertionError, match=r"^Unused Route: method=re\.compile\('\.\*'\) host"
        ):
            server.assert_no_unused_routes()

    async def test_routes_for_any_host_leave_local_servers_alone(
        self, server: Any, session: ClientSession
    ) -> None:
        """A server of this machine is reached, though a route for any host has another path."""
        server.add(path_pattern="/never")
        async with real_server() as real:
            assert await (await session.get(real.url)).text() == "real"

    async def test_start_and_stop(self, library: Any, session: ClientSession) -> None:
        """The server can be entered and left without a block."""
        server = library.ResponsesMockServer()
        server.start()
        try:
            server.add(response="ok")
            assert await (await session.get(URL)).text() == "ok"
        finally:
            await server.stop()

    async def test_the_nearest_routes(self, server: Any, session: ClientSession) -> None:
        """The 500 for a request without a route says what routes there are, and what differs."""
        server.add("api.test", "/b", "POST")
        answer = await session.get("http://api.test/a")
        text = await answer.text()
        assert answer.status == 500
        assert text.startswith("GET http://api.test/a met no route of the mock")
        assert "POST api.test /b" in text
        assert text.endswith("To answer it: aresponses.add('api.test', '/a', 'GET')")

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no notes")
    async def test_the_note_of_an_unmatched_request(
        self, server: Any, session: ClientSession
    ) -> None:
        """The assertion on unmatched requests has the same text as a note."""
        answer = await session.get(URL)
        with pytest.raises(AssertionError) as caught:
            server.assert_all_requests_matched()
        assert vars(caught.value)["__notes__"] == [await answer.text()]

    async def test_a_custom_route_that_fails(self, server: Any, session: ClientSession) -> None:
        """What a custom ``matches`` raises is raised to the client's caller."""

        class Failing(Route):
            async def matches(self, request: Any) -> bool:
                raise LookupError("the test's own")

        server.add(route=Failing())
        with pytest.raises(LookupError, match="the test's own"):
            await session.get(URL)

    async def test_routes_left_in_any_order(self, library: Any, session: ClientSession) -> None:
        """Of two servers, the first may be left first."""
        one, other = library.ResponsesMockServer(), library.ResponsesMockServer()
        one.start()
        other.start()
        other.add(response="other")
        await one.stop()
        assert await (await session.get(URL)).text() == "other"
        await other.stop()

    async def test_a_real_url(self, server: Any) -> None:
        """``make_url`` leads to a real server for clients of every kind."""
        server.add(path_pattern="/a", response="real")
        url = server.make_url("/a")
        assert (url.host, url.port) == (server.host, server.port)
        async with ClientSession() as session:
            assert await (await session.get(url)).text() == "real"

    async def test_a_real_url_of_no_server(self, library: Any) -> None:
        """There is no URL before the server is entered."""
        with pytest.raises(RuntimeError, match="make_url: the server is not active"):
            library.ResponsesMockServer().make_url("/")


SUITE = """
import asyncio, aiohttp, pytest
from aiointercept_connector.compat.aresponses import Response, ResponsesMockServer

async def ask():
    async with aiohttp.ClientSession() as session:
        async with session.get("http://api.test/") as response:
            return await response.text()
"""


def test_the_fixture(tmp_path: Any) -> None:
    """The fixture is a server that is active for the test, under any runner and in plain tests."""
    source = f"""{SUITE}
def test_plain(aresponses):
    assert isinstance(aresponses, ResponsesMockServer)
    aresponses.add("api.test", "/", "get", aresponses.Response(text="hi"))
    assert asyncio.run(ask()) == "hi"
    aresponses.assert_plan_strictly_followed()

@pytest.mark.asyncio
async def test_it(aresponses):
    assert not aresponses.history
    aresponses.add("api.test", response="hi")
    assert await ask() == "hi"
"""
    options = (*PLUGIN, "-o", "asyncio_default_fixture_loop_scope=function")
    run = run_pytest(tmp_path, source, *options, plugins=("asyncio",))
    assert run.outcomes == {"passed": 2}


def test_the_fixture_by_an_import(tmp_path: Any) -> None:
    """A ``conftest.py`` may import the fixture."""
    conftest = "from aiointercept_connector.compat.aresponses import aresponses"
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    source = f"""{SUITE}
def test_it(aresponses):
    assert isinstance(aresponses, ResponsesMockServer)
"""
    assert run_pytest(tmp_path, source).outcomes == {"passed": 1}


@pytest.mark.parametrize("original", ["installed", "not installed"])
def test_taken_over(tmp_path: Any, original: str) -> None:
    """With ``--takeover`` the fixture and the imports are ours, beside the original's plugin."""
    source = """
import aresponses as library
from aresponses.errors import NoRouteFoundError
from aresponses.main import Route
from aresponses import ResponsesMockServer

def test_it(aresponses):
    assert isinstance(aresponses, ResponsesMockServer)
    assert library.__name__ == "aiointercept_connector.compat.aresponses"
"""
    options = ["-p", "aiointercept_connector.takeover", "--takeover=aresponses"]
    plugins: tuple[str, ...] = ()
    if original == "installed":
        pytest.importorskip("aresponses", reason="aresponses is not installed")
        options += ["-o", "asyncio_default_fixture_loop_scope=function"]
        plugins = ("asyncio", "aresponses.main")
    run = run_pytest(tmp_path, source, *options, plugins=plugins)
    assert run.outcomes == {"passed": 1}
    assert "takeover: aresponses is aiointercept_connector.compat.aresponses" in run.text
