from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, TraceConfig, web
from aiohttp.test_utils import TestServer

from aiointercept_connector import aiointercept, install, uninstall
from tests.loopback.hosting.applications import one_route
from tests.loopback.mounted import API, Endless, told_of

pytestmark = pytest.mark.anyio


class TestRequest:
    async def test_the_url_is_the_real_one(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Scheme and host are those that the client asked."""
        mock.mount(API, one_route())
        seen = await told_of(session, f"{API}/a%20b?c=d&c=e")
        assert seen["url"] == f"{API}/a%20b?c=d&c=e"
        assert seen["secure"]
        assert seen["remote"] == "127.0.0.1"

    async def test_http_is_not_https(self, mock: aiointercept, session: ClientSession) -> None:
        """The scheme is the one that was asked."""
        mock.mount("http://api.example.com:8080", one_route())
        seen = await told_of(session, "http://api.example.com:8080/x")
        assert seen["url"] == "http://api.example.com:8080/x"
        assert not seen["secure"]

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PURGE"])
    async def test_the_application_sees_what_a_test_server_does(
        self, mock: aiointercept, session: ClientSession, method: str
    ) -> None:
        """Method, headers and body are the client's own, for every method."""
        mock.mount(API, one_route())
        async with TestServer(one_route()) as server, ClientSession() as plain:
            real = await told_of(plain, str(server.make_url("/x")), method, data=b"hello")
        ours = await told_of(session, f"{API}/x", method, data=b"hello")
        for seen in (real, ours):
            seen["headers"] = [pair for pair in seen["headers"] if pair[0] != "Host"]
            del seen["url"], seen["secure"]
        assert ours == real

    async def test_a_request_without_a_body_has_none(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The application can tell, as it could of a server."""
        mock.mount(API, one_route())
        assert not (await told_of(session, API))["exists"]

    async def test_the_router_of_the_application_decides(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Its own routes are found, with their `match_info`; what it has none for is its 404."""

        async def user(request: web.Request) -> web.Response:
            return web.Response(text=request.match_info["id"])

        mock.mount(API, one_route(user, "/users/{id}"))
        async with session.get(f"{API}/users/42") as response:
            assert await response.text() == "42"
        async with session.get(f"{API}/other") as response:
            assert response.status == 404

    async def test_client_max_size_is_the_application_s(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """A larger body is refused as the application says."""
        mock.mount(API, one_route(client_max_size=10))
        async with session.post(API, data=b"x" * 11) as response:
            assert response.status == 413

    async def test_requests_at_once(self, mock: aiointercept, session: ClientSession) -> None:
        """Each is answered by itself."""
        mock.mount(API, one_route())
        seen = await asyncio.gather(*(told_of(session, f"{API}/{n}") for n in range(20)))
        assert [one["path"] for one in seen] == [f"/{n}" for n in range(20)]


class TestPrefix:
    async def test_the_application_s_paths_are_behind_the_prefix(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """As behind a gateway that takes the prefix away."""
        mock.mount(f"{API}/v2", one_route())
        assert (await told_of(session, f"{API}/v2/users?a=b"))["url"] == f"{API}/users?a=b"
        assert (await told_of(session, f"{API}/v2"))["path"] == "/"

    async def test_the_prefix_can_stay(self, mock: aiointercept, session: ClientSession) -> None:
        """With `strip_prefix=False` the application sees the path as it was asked."""
        mock.mount(f"{API}/v2", one_route(), strip_prefix=False)
        assert (await told_of(session, f"{API}/v2/users"))["url"] == f"{API}/v2/users"

    async def test_a_glob_keeps_the_host_that_was_asked(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The application sees which of the hosts it is."""
        mock.mount("https://*.example.com", one_route())
        assert (await told_of(session, f"{API}/x"))["url"] == f"{API}/x"


class TestBesideRoutes:
    async def test_a_route_wins_and_gives_way(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """One that is used up leaves its URL to the application."""
        mock.mount(API, one_route())
        mock.get(f"{API}/x", json="once")
        assert await told_of(session, f"{API}/x") == "once"
        assert (await told_of(session, f"{API}/x"))["path"] == "/x"

    async def test_the_route_of_a_mount_is_counted(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """It has calls and assertions, as every route has."""
        route = mock.mount(API, one_route(), name="api")
        route.assert_not_called()
        await told_of(session, f"{API}/x", "POST", json={"a": 1})
        route.assert_called_with(json={"a": 1})
        assert str(route) == f"'api' (* {API}/**)"
        assert mock.requests["POST", f"{API}/x"] == route.calls

    async def test_what_is_not_below_it_is_explained(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The mount is among the nearest routes, with what was not as it has it."""
        mock.mount(f"{API}/v2", one_route())
        with pytest.raises(aiohttp.ClientConnectionError) as caught:
            await session.get(f"{API}/v1/x")
        assert "path: expected /v2/**, got /v1/x" in str(caught.value)


class TestErrors:
    async def test_an_http_exception_is_its_response(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Raised in the application, it is answered by the application."""

        async def handler(request: web.Request) -> web.Response:
            raise web.HTTPConflict(text="taken", headers={"X-By": "Ada"})

        mock.mount(API, one_route(handler))
        async with session.get(API) as response:
            assert (response.status, await response.text()) == (409, "taken")
            assert response.headers["X-By"] == "Ada"

    async def test_an_http_exception_leaves_the_connection_open(self, mock: aiointercept) -> None:
        """The next request goes over the same one."""

        async def handler(request: web.Request) -> web.Response:
            raise web.HTTPConflict(text="taken")

        made: list[object] = []

        async def note(*args: object) -> None:
            made.append(args)

        tracing = TraceConfig()
        tracing.on_connection_create_end.append(note)
        mock.mount(API, one_route(handler))
        async with mock.session(trace_configs=[tracing]) as session:
            for _ in range(2):
                async with session.get(API) as response:
                    assert await response.text() == "taken"
        assert len(made) == 1

    async def test_a_handler_that_ends_its_connection(
        self, mock: aiointercept, session: ClientSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The client asks again, as it does when a server hangs up."""
        asked = 0

        async def handler(request: web.Request) -> web.Response:
            nonlocal asked
            asked += 1
            if asked == 1:
                assert request.transport is not None
                request.transport.abort()
            return web.Response(text="hello")

        mock.mount(API, one_route(handler))
        async with session.get(API) as response:
            assert (asked, await response.text()) == (2, "hello")
        assert not caplog.records

    async def test_an_exception_is_a_500_and_logged(
        self, mock: aiointercept, session: ClientSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """As in production; the traceback is in the log."""

        async def handler(request: web.Request) -> web.Response:
            raise ValueError("broken")

        mock.mount(API, one_route(handler))
        async with session.get(API) as response:
            assert response.status == 500
        assert [str(one.exc_info[1]) for one in caplog.records if one.exc_info] == ["broken"]

    async def test_a_timeout_is_a_504(self, mock: aiointercept, session: ClientSession) -> None:
        """As aiohttp's server has it."""

        async def handler(request: web.Request) -> web.Response:
            raise asyncio.TimeoutError

        mock.mount(API, one_route(handler))
        async with session.get(API) as response:
            assert response.status == 504

    async def test_an_exception_in_the_middle_of_a_response_breaks_it(
        self, mock: aiointercept, session: ClientSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The client sees a body that is cut off."""

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"one")
            raise ValueError("broken")

        mock.mount(API, one_route(handler))
        async with session.get(API) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        assert "broken" in caplog.text

    async def test_a_handler_that_returns_nothing_is_a_500(
        self, mock: aiointercept, session: ClientSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The complaint that aiohttp makes is in the log."""

        async def handler(request: web.Request) -> None:
            return None

        mock.mount(API, one_route(handler))
        async with session.get(API) as response:
            assert response.status == 500
        assert "Missing return statement" in caplog.text

    async def test_a_client_that_goes_away_ends_the_handler(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """As under a TestServer, it is cancelled."""
        handler = Endless()
        mock.mount(API, one_route(handler.__call__))
        call = asyncio.ensure_future(session.get(API))
        await handler.began.wait()
        call.cancel()
        await asyncio.wait_for(handler.ended.wait(), 5)


class TestInstalled:
    async def test_install(self) -> None:
        """A session that knows nothing of the mock reaches the application."""
        mock = install()
        try:
            mock.mount(API, one_route())
            async with ClientSession() as session:
                assert (await told_of(session, f"{API}/x"))["path"] == "/x"
        finally:
            uninstall(mock)
        await asyncio.sleep(0.01)

    def test_uvloop(self, wire: Any) -> None:
        """On another make of loop."""
        uvloop = pytest.importorskip("uvloop")

        async def main() -> None:
            async with aiointercept(wire=wire) as mock, mock.session() as session:
                mock.mount(API, one_route())
                assert (await told_of(session, API, "POST", data=b"hello"))["body"] == "hello"

        loop = uvloop.new_event_loop()
        try:
            loop.run_until_complete(main())
        finally:
            loop.close()
