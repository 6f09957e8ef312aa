from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import RawTestServer, TestServer

from aiointercept_connector import aiointercept, install, uninstall
from aiointercept_connector.errors import InterceptClosedError
from tests.loopback.mounted import (
    API,
    BIG,
    Endless,
    continued_answer,
    mocked,
    told_of,
    two_pieces,
)

pytestmark = pytest.mark.anyio

TOLD = web.AppKey("TOLD", list[str])


async def told(request: web.BaseRequest) -> web.Response:
    """Answer with what is seen of the request."""
    return web.json_response(
        {
            "method": request.method,
            "url": str(request.url),
            "path": request.path,
            "headers": [[name, value] for name, value in request.headers.items()],
            "body": await request.text(),
            "exists": request.body_exists,
            "remote": request.remote,
            "secure": request.secure,
        }
    )


def one_route(handler: Any = told, path: str = "/{tail:.*}", **kwargs: Any) -> web.Application:
    """Return an application with one handler."""
    app = web.Application(**kwargs)
    app.router.add_route("*", path, handler)
    return app


@pytest.fixture
async def entered(wire: Any) -> AsyncIterator[tuple[aiointercept, ClientSession]]:
    """Enter a mock on every wire."""
    async with mocked(wire) as both:
        yield both


@pytest.fixture
def mock(entered: tuple[aiointercept, ClientSession]) -> aiointercept:
    """Give the mock."""
    return entered[0]


@pytest.fixture
def session(entered: tuple[aiointercept, ClientSession]) -> ClientSession:
    """Give a session that asks the mock."""
    return entered[1]


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


class TestBodies:
    async def test_an_upload_arrives_while_it_is_sent(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The application reads a piece before the client makes the next one."""
        arrived = asyncio.Event()

        async def handler(request: web.Request) -> web.Response:
            pieces = []
            async for piece in request.content.iter_any():
                pieces.append(piece)
                arrived.set()
            return web.Response(body=b"|".join(pieces))

        route = mock.mount(API, one_route(handler))
        async with session.post(API, data=two_pieces(arrived)) as response:
            assert await response.read() == b"one|two"
        assert route.calls[0].captured_body == b"onetwo"

    async def test_a_large_body_goes_both_ways(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Nothing is lost in either direction."""

        async def echo(request: web.Request) -> web.Response:
            return web.Response(body=await request.read())

        mock.mount(API, one_route(echo, client_max_size=2**30))
        async with session.post(API, data=BIG) as response:
            assert await response.read() == BIG

    async def test_uploaded_files_are_closed_behind_the_answer(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """As aiohttp's server does."""
        files = []

        async def handler(request: web.Request) -> web.Response:
            field: Any = (await request.post())["file"]
            files.append(field.file)
            return web.Response(text=str(field.file.closed))

        mock.mount(API, one_route(handler))
        form = aiohttp.FormData()
        form.add_field("file", b"hello", filename="a.txt")
        async with session.post(API, data=form) as response:
            assert await response.text() == "False"
        assert files[0].closed

    async def test_an_answer_can_come_before_the_body(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Who does not read the body has not captured it."""

        async def refuse(request: web.Request) -> web.Response:
            return web.Response(status=413)

        async def endless() -> AsyncIterator[bytes]:
            yield b"x"
            await asyncio.Event().wait()

        mock.mount(API, one_route(refuse))
        async with session.post(API, data=endless()) as response:
            assert response.status == 413

    async def test_a_response_is_streamed(self, mock: aiointercept, session: ClientSession) -> None:
        """The client has a piece before the application writes the next one."""
        read = asyncio.Event()

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"one")
            await read.wait()
            await response.write(b"two")
            return response

        mock.mount(API, one_route(handler))
        async with session.get(API) as response:
            assert await response.content.readany() == b"one"
            read.set()
            assert await response.read() == b"two"

    async def test_head_has_no_body(self, mock: aiointercept, session: ClientSession) -> None:
        """The headers of GET alone, and the connection goes on."""
        mock.mount(API, one_route())
        async with session.head(f"{API}/x") as response:
            assert response.headers["Content-Length"] != "0"
            assert await response.read() == b""
        assert (await told_of(session, f"{API}/y"))["path"] == "/y"

    async def test_a_client_that_waits_for_continue_is_told_once(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The application says it, as an application does."""
        mock.mount(API, one_route())
        assert (await told_of(session, API, "POST", data=b"x", expect100=True))["body"] == "x"

    async def test_no_other_server_says_continue(self, mock: aiointercept) -> None:
        """It is on the wire once."""
        mock.mount("/", one_route())
        before, after = await continued_answer(mock)
        assert before == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert after.startswith(b"HTTP/1.1 200 OK\r\n")

    async def test_an_application_may_refuse_to_continue(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Its own `expect_handler` is asked."""

        async def refuse(request: web.Request) -> web.Response:
            return web.Response(status=417, text="no")

        app = web.Application()
        app.router.add_post("/", told, expect_handler=refuse)
        mock.mount(API, app)
        async with session.post(API, data=b"x", expect100=True) as response:
            assert (response.status, await response.text()) == (417, "no")


class TestWebSockets:
    async def test_frames_go_both_ways(self, mock: aiointercept, session: ClientSession) -> None:
        """A WebSocket of the application's works, with its subprotocol and close code."""

        async def handler(request: web.Request) -> web.WebSocketResponse:
            ws = web.WebSocketResponse(protocols=("chat",))
            await ws.prepare(request)
            async for message in ws:
                await ws.send_str(f"{message.data}!")
                await ws.close(code=4000)
            return ws

        mock.mount(API, one_route(handler))
        async with session.ws_connect(f"{API}/ws", protocols=("chat",)) as ws:
            assert ws.protocol == "chat"
            await ws.send_str("hi")
            assert await ws.receive_str() == "hi!"
            await ws.receive()
            assert ws.close_code == 4000

    async def test_a_refused_handshake(self, mock: aiointercept, session: ClientSession) -> None:
        """The application's answer reaches the client, and its connection goes on."""

        async def handler(request: web.Request) -> web.Response:
            raise web.HTTPForbidden

        mock.mount(API, one_route(handler))
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{API}/ws")
        assert caught.value.status == 403


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


class TestLifetime:
    def watched(self) -> web.Application:
        """Return an application that keeps account of its life."""
        app = one_route(self.answer)
        app[TOLD] = []

        async def note(name: str, app: web.Application) -> None:
            app[TOLD].append(name)

        async def context(app: web.Application) -> AsyncGenerator[None, None]:
            app[TOLD].append("context in")
            yield
            app[TOLD].append("context out")

        app.cleanup_ctx.append(context)
        app.on_startup.append(lambda app: note("startup", app))
        app.on_shutdown.append(lambda app: note("shutdown", app))
        app.on_cleanup.append(lambda app: note("cleanup", app))
        return app

    @staticmethod
    async def answer(request: web.Request) -> web.Response:
        """Answer with the account."""
        return web.json_response(request.app[TOLD])

    async def test_the_first_request_starts_it_and_leaving_stops_it(self, wire: Any) -> None:
        """Startup once, then shutdown and cleanup, in the order of a runner."""
        app = self.watched()
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.mount(API, app)
            assert app[TOLD] == []
            for _ in range(2):
                assert await told_of(session, API) == ["context in", "startup"]
        ended = ["shutdown", "context out", "cleanup"]
        assert app[TOLD] == ["context in", "startup", *ended]

    async def test_requests_at_once_start_it_once(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """All of them wait for the one start."""
        app = self.watched()
        mock.mount(API, app)
        await asyncio.gather(*(told_of(session, API) for _ in range(5)))
        assert app[TOLD] == ["context in", "startup"]

    async def test_a_client_that_gives_up_does_not_stop_the_start(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The next request finds it started."""
        go = asyncio.Event()
        app = self.watched()
        app.on_startup.append(lambda app: go.wait())
        mock.mount(API, app)
        call = asyncio.ensure_future(session.get(API))
        await asyncio.sleep(0.02)
        call.cancel()
        await asyncio.wait([call])
        go.set()
        assert await told_of(session, API) == ["context in", "startup"]

    async def test_one_that_was_never_asked_is_never_started(self) -> None:
        """Nor stopped."""
        app = self.watched()
        async with aiointercept() as mock:
            mock.mount(API, app)
        assert app[TOLD] == []

    async def test_an_error_of_its_start_reaches_the_caller(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The very exception, at every request; what had been started is cleaned up."""
        app = self.watched()

        async def fail(app: web.Application) -> None:
            raise LookupError("no database")

        app.on_startup.append(fail)
        mock.mount(API, app)
        for _ in range(2):
            with pytest.raises(LookupError, match="no database"):
                await session.get(API)
        assert app[TOLD] == ["context in", "startup", "context out"]

    async def test_an_error_of_its_end_is_raised_on_leaving(self) -> None:
        """It is not lost."""
        app = self.watched()

        async def fail(app: web.Application) -> None:
            raise LookupError("no end")

        app.on_cleanup.append(fail)
        mock = aiointercept()
        async with mock.session() as session:
            await mock.start()
            mock.mount(API, app)
            await told_of(session, API)
            with pytest.raises(LookupError, match="no end"):
                await mock.stop()

    async def test_leaving_does_not_wait_for_a_handler(self, wire: Any) -> None:
        """It is cancelled, and its client told that the mock was left."""
        handler = Endless()
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.mount(API, one_route(handler.__call__))
            call = asyncio.ensure_future(session.get(API))
            await handler.began.wait()
            await mock.stop()
            assert handler.ended.is_set()
            with pytest.raises(InterceptClosedError):
                await call

    async def test_a_plain_with_lets_the_loop_stop_it(self) -> None:
        """Nobody waits for its end, which comes all the same."""
        app = self.watched()
        with aiointercept() as mock:
            mock.mount(API, app)
            async with mock.session() as session:
                await told_of(session, API)
        await asyncio.sleep(0.01)
        assert app[TOLD][-1] == "cleanup"

    async def test_a_mount_that_was_replaced_is_stopped_too(self) -> None:
        """On leaving, with the other."""
        first, second = self.watched(), self.watched()
        async with aiointercept() as mock, mock.session() as session:
            for app in (first, second):
                mock.mount(API, app)
                await told_of(session, API)
        assert first[TOLD] == second[TOLD]
        assert first[TOLD][-1] == "cleanup"

    def test_a_loop_that_is_not_running_is_run_for_its_end(self) -> None:
        """A mock that is left where no loop runs still cleans up on the application's."""
        app = self.watched()
        loop = asyncio.new_event_loop()
        try:
            with aiointercept() as mock:
                mock.mount(API, app)

                async def ask() -> None:
                    async with mock.session() as session:
                        await told_of(session, API)

                loop.run_until_complete(ask())
            assert app[TOLD][-1] == "cleanup"
        finally:
            loop.close()

    def test_a_loop_that_ends_stops_it(self) -> None:
        """An application whose loop ends before the mock is left has been stopped by it."""
        app = self.watched()
        with aiointercept() as mock:
            mock.mount(API, app)

            async def ask() -> None:
                async with mock.session() as session:
                    await told_of(session, API)

            asyncio.run(ask())
            assert app[TOLD] == ["context in", "startup", "shutdown", "context out", "cleanup"]
        assert len(app[TOLD]) == 5

    async def test_subapps_and_middlewares_run(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The whole application is there: middlewares, sub-applications, signals of responses."""

        @web.middleware
        async def marking(request: web.Request, handler: Any) -> web.StreamResponse:
            response: web.StreamResponse = await handler(request)
            response.headers["X-Middleware"] = request.app.__class__.__name__
            return response

        async def prepared(request: web.Request, response: web.StreamResponse) -> None:
            response.headers["X-Signal"] = "1"

        app = web.Application(middlewares=[marking])
        app.on_response_prepare.append(prepared)
        app.add_subapp("/admin", one_route(path="/x"))
        mock.mount(API, app)
        async with session.get(f"{API}/admin/x") as response:
            assert response.headers["X-Middleware"] == "Application"
            assert response.headers["X-Signal"] == "1"


class TestTestServers:
    @pytest.mark.parametrize("started", [False, True])
    async def test_a_test_server(
        self, mock: aiointercept, session: ClientSession, *, started: bool
    ) -> None:
        """It answers, started or not, and by its own URL too."""
        server = TestServer(one_route())
        if started:
            await server.start_server()
        mock.mount(API, server)
        assert (await told_of(session, f"{API}/x"))["url"] == f"{API}/x"
        async with ClientSession() as plain:
            assert (await told_of(plain, str(server.make_url("/y"))))["path"] == "/y"
        await mock.stop()
        assert server.closed is not started
        await server.close()

    async def test_a_raw_test_server(self, mock: aiointercept, session: ClientSession) -> None:
        """A bare handler's server is one too."""
        mock.mount(API, RawTestServer(told))
        assert (await told_of(session, f"{API}/x"))["url"] == f"{API}/x"

    async def test_one_that_was_closed_says_so(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The caller is told what is wrong."""
        server = TestServer(one_route())
        await server.start_server()
        mock.mount(API, server)
        await server.close()
        with pytest.raises(RuntimeError, match=r"^The mounted TestServer has been closed\.$"):
            await session.get(API)


class TestHandlers:
    async def test_a_bare_handler(self, mock: aiointercept, session: ClientSession) -> None:
        """A function of the request is an application of one handler."""
        mock.mount(f"{API}/v2", told)
        assert (await told_of(session, f"{API}/v2/x"))["path"] == "/x"

    async def test_a_method_is_a_handler(self, mock: aiointercept, session: ClientSession) -> None:
        """`self` does not count."""
        mock.mount(API, _Teller().tell)
        assert (await told_of(session, f"{API}/x"))["path"] == "/x"


class _Teller:
    async def tell(self, request: web.BaseRequest) -> web.Response:
        return await told(request)


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
        app = TestLifetime().watched()
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
