from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, web

from aiointercept_connector import aiointercept
from tests.loopback.hosting.applications import TOLD, one_route, told, watched
from tests.loopback.mounted import API, BIG, Endless, told_of

pytestmark = pytest.mark.anyio


class TestLoops:
    async def test_another_loop_s_requests_run_on_the_first_one(self, wire: Any) -> None:
        """The application stays on the loop that it was started on; bodies go both ways."""
        home = asyncio.get_running_loop()
        loops = []

        async def handler(request: web.Request) -> web.Response:
            loops.append(asyncio.get_running_loop())
            return web.Response(body=await request.read(), headers={"X-Url": str(request.url)})

        async with aiointercept(wire=wire) as mock:
            mock.mount(API, one_route(handler, client_max_size=2**30))

            async def ask() -> tuple[bytes, str]:
                async with (
                    mock.session() as session,
                    session.post(f"{API}/x", data=BIG) as response,
                ):
                    return await response.read(), response.headers["X-Url"]

            assert await ask() == (BIG, f"{API}/x")
            assert await asyncio.to_thread(lambda: asyncio.run(ask())) == (BIG, f"{API}/x")
        assert loops == [home, home]

    async def test_another_loop_s_websocket(self, wire: Any) -> None:
        """Frames cross as well."""

        async def handler(request: web.Request) -> web.WebSocketResponse:
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            async for message in ws:
                await ws.send_str(f"{message.data}!")
            return ws

        async with aiointercept(wire=wire) as mock:
            mock.mount(API, one_route(handler))

            async def ask() -> str:
                async with mock.session() as session, session.ws_connect(API) as ws:
                    await ws.send_str("hi")
                    return str(await ws.receive_str())

            assert await ask() == "hi!"
            assert await asyncio.to_thread(lambda: asyncio.run(ask())) == "hi!"

    async def test_another_loop_s_client_that_goes_away(self, wire: Any) -> None:
        """Its handler ends too."""
        handler = Endless()
        app = one_route(path="/ready")
        app.router.add_get("/", handler.__call__)
        async with aiointercept(wire=wire) as mock:
            mock.mount(API, app)
            async with mock.session() as session:
                await told_of(session, f"{API}/ready")

            async def ask() -> None:
                timeout = aiohttp.ClientTimeout(total=0.05)
                async with mock.session(timeout=timeout) as session:
                    await session.get(API)

            with pytest.raises(asyncio.TimeoutError):
                await asyncio.to_thread(lambda: asyncio.run(ask()))
            assert handler.began.is_set()
            await asyncio.wait_for(handler.ended.wait(), 5)

    async def test_an_application_does_not_outlive_its_loop(self) -> None:
        """It is bound to the loop that it was started on; what asks it later is told by aiohttp."""
        app = one_route()

        def in_a_loop_of_its_own(mock: aiointercept) -> Any:
            async def ask() -> Any:
                async with mock.session() as session:
                    return await told_of(session, f"{API}/x")

            return asyncio.run(ask())

        async with aiointercept() as mock:
            mock.mount(API, app)
            assert (await asyncio.to_thread(in_a_loop_of_its_own, mock))["path"] == "/x"
            with pytest.raises(RuntimeError, match="different loop"):
                await asyncio.to_thread(in_a_loop_of_its_own, mock)

    def test_a_loop_that_stands_still_cannot_answer(self) -> None:
        """A request from elsewhere is told, and does not wait for ever."""
        loop = asyncio.new_event_loop()
        try:
            with aiointercept() as mock:
                mock.mount(API, one_route())

                async def ask() -> Any:
                    async with mock.session() as session:
                        return await told_of(session, API)

                loop.run_until_complete(ask())
                with pytest.raises(RuntimeError, match="was started on a loop that is not running"):
                    asyncio.run(ask())
        finally:
            loop.close()

    def test_a_handler_outlives_its_loop(self) -> None:
        """What is bound to no loop is started anew where the first one was closed."""
        with aiointercept() as mock:
            mock.mount(API, told)

            async def ask() -> Any:
                async with mock.session() as session:
                    return await told_of(session, f"{API}/x")

            assert asyncio.run(ask())["path"] == "/x"
            assert asyncio.run(ask())["path"] == "/x"


class TestForeignClients:
    def fetch(self, url: str) -> Any:
        """Ask as a client that is not aiohttp's."""
        from urllib.request import urlopen

        with urlopen(url, timeout=5) as response:
            return json.load(response)

    async def test_the_test_s_own_loop_runs_it(self) -> None:
        """An application mounted at a path answers clients of `server_url` on the test's loop."""
        loops = []

        async def handler(request: web.Request) -> web.Response:
            loops.append(asyncio.get_running_loop())
            return await told(request)

        async with aiointercept() as mock:
            mock.mount("/v2", one_route(handler))
            url = f"{mock.server_url}/v2/x"
            seen = await asyncio.to_thread(self.fetch, url)
        assert seen["path"] == "/x"
        assert loops == [asyncio.get_running_loop()]

    def test_a_test_without_a_loop(self) -> None:
        """There the server's own loop runs it, and stops it on leaving."""
        app = watched()
        with aiointercept() as mock:
            mock.mount("/", app)
            assert self.fetch(f"{mock.server_url}/x") == ["context in", "startup"]
        assert app[TOLD][-1] == "cleanup"

    async def test_a_client_that_takes_the_server_for_its_proxy(self) -> None:
        """It reaches the host that it names."""
        async with aiointercept() as mock:
            mock.mount("http://api.example.com", one_route())
            async with ClientSession() as plain:
                url, proxy = "http://api.example.com/x?a=b", mock.server_url
                seen = await told_of(plain, url, proxy=proxy)
        assert (seen["url"], seen["path"]) == (url, "/x")
