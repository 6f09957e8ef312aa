"""Keeping a suite away from the network, and what mocks let through to it."""

from __future__ import annotations

import asyncio
import contextvars
import re
import threading
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aiointercept_connector import (
    NetworkBlockedError,
    UnmatchedRequestError,
    aiointercept,
    block_network,
)

pytestmark = pytest.mark.anyio

# Nothing listens there, and nothing is to: a request that gets so far has left this machine.
URL = "http://192.0.2.1/never"


async def hello(request: web.Request) -> web.Response:
    """Answer as a real server."""
    return web.Response(text="real")


@pytest.fixture
async def server() -> Any:
    """Run a real server on this machine."""
    app = web.Application()
    app.router.add_get("/", hello)
    async with TestServer(app) as running:
        yield running


class TestBlockNetwork:
    async def test_message(self) -> None:
        """The error names the URL, the line that asked, and the lines to add."""
        with block_network():
            async with aiohttp.ClientSession() as session:
                with pytest.raises(NetworkBlockedError) as raised:
                    await session.get(URL)
        assert re.fullmatch(
            rf"GET {URL} was about to reach the real network, which is blocked\.\n"
            r"Asked at tests/test_blocking\.py:\d+\.\n"
            rf"To answer it: mock\.get\('{URL}'\)\n"
            r"To let it pass: block_network\(allow=\['192\.0\.2\.1'\]\)",
            str(raised.value),
        )
        line = int(str(raised.value).split(".py:")[1].split(".")[0])
        assert line == raised.traceback[0].lineno + 1

    @pytest.mark.parametrize("made", ["before", "inside"])
    async def test_every_session(self, made: str, server: TestServer) -> None:
        """Sessions made before and connectors of the user's own are held back too."""
        before = aiohttp.ClientSession()
        async with block_network():
            inside = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
            session = before if made == "before" else inside
            with pytest.raises(NetworkBlockedError):
                await session.get(URL)
            async with session.get(server.make_url("/")) as response:
                assert await response.text() == "real"
        await before.close()
        await inside.close()

    async def test_local(self, server: TestServer) -> None:
        """`local=False` holds back servers on this machine too, unless they are allowed."""
        async with aiohttp.ClientSession() as session:
            with block_network(local=False), pytest.raises(NetworkBlockedError):
                await session.get(server.make_url("/"))
            with block_network(["127.0.0.0/8"], local=False):
                async with session.get(server.make_url("/")) as response:
                    assert response.status == 200

    async def test_proxy(self) -> None:
        """A local server that is asked through a proxy elsewhere is not local."""
        with block_network():
            async with aiohttp.ClientSession() as session:
                with pytest.raises(NetworkBlockedError):
                    await session.get("http://127.0.0.1:9/", proxy="http://192.0.2.1:3128")

    async def test_mocks_answer(self) -> None:
        """Mocks answer as always; what they would let pass is held back."""
        with block_network(), aiointercept(True, passthrough=["192.0.2.1"]) as mock:
            mock.get("https://api.example.com/")
            async with aiohttp.ClientSession() as session:
                async with session.get("https://api.example.com/") as response:
                    assert response.status == 200
                for _ in range(2):
                    with pytest.raises(NetworkBlockedError):
                        await session.get(URL)
                with pytest.raises(UnmatchedRequestError):
                    await session.get("https://api.example.com/")
            assert mock.passed_through == []

    async def test_nests(self) -> None:
        """Blocks nest: the inner one's leaving leaves the outer one in force."""
        blocker = block_network()
        async with aiohttp.ClientSession() as session:
            with blocker:
                with blocker:
                    pass
                with pytest.raises(NetworkBlockedError):
                    await session.get(URL)

    def test_bad_input(self) -> None:
        """A host alone is no sequence of hosts."""
        with pytest.raises(TypeError, match=r"allow must be a sequence of hosts: \['h.test'\]"):
            block_network("h.test")


class TestPassing:
    @pytest.mark.parametrize("explicit", [True, False])
    async def test_listed(self, server: TestServer, explicit: bool) -> None:
        """What passes is the untouched request, and is listed each time."""
        url = server.make_url("/")
        with aiointercept(not explicit) as mock:
            async with mock.session() if explicit else aiohttp.ClientSession() as session:
                for _ in range(3):
                    async with session.get(url, headers={"X-Trace": "1"}) as response:
                        assert await response.text() == "real"
            assert [(one.method, one.url) for one in mock.passed_through] == [("GET", url)] * 3
            assert mock.passed_through[0].headers["X-Trace"] == "1"
            assert not mock.called
            mock.clear()
            assert mock.passed_through == []

    async def test_local_forbidden(self, server: TestServer) -> None:
        """`passthrough_local=False` holds back servers on this machine."""
        with aiointercept(passthrough_local=False) as mock:
            async with mock.session() as session:
                with pytest.raises(UnmatchedRequestError):
                    await session.get(server.make_url("/"))

    async def test_rule(self, server: TestServer) -> None:
        """A function says of each request what becomes of it, every time."""
        asked = []

        def rule(request: Any) -> Any:
            asked.append(str(request.url.path))
            return "passthrough" if request.method == "GET" else "raise"

        with aiointercept(unmatched=rule, passthrough_local=False) as mock:
            async with mock.session() as session:
                for _ in range(2):
                    async with session.get(server.make_url("/")):
                        pass
                with pytest.raises(UnmatchedRequestError):
                    await session.post(server.make_url("/post"))
        assert asked == ["/", "/", "/post"]

    def test_two_ways_at_once(self) -> None:
        """`unmatched=` and `passthrough_unmatched=` are one thing, to be said once."""
        with pytest.raises(ValueError, match="unmatched= says already"):
            aiointercept(True, passthrough_unmatched=True, unmatched="passthrough")


class TestBind:
    def test_thread(self) -> None:
        """A thread started in a task scope sees the mock if it runs what was bound."""
        found: list[Any] = []

        async def ask() -> None:
            async with aiohttp.ClientSession() as session:
                try:
                    async with session.get(URL) as response:
                        found.append(response.status)
                except aiohttp.ClientConnectionError as error:
                    found.append(type(error))

        def work() -> None:
            asyncio.run(ask())

        def run(target: Any) -> None:
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()

        with aiointercept(True, scope="task") as mock, block_network():
            mock.get(URL, status=204)
            run(mock.bind(work))
            run(lambda: contextvars.Context().run(work))
        assert found == [204, NetworkBlockedError]
