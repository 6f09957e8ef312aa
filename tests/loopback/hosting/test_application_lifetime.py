from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession, web

from aiointercept_connector import aiointercept
from aiointercept_connector.errors import InterceptClosedError
from tests.loopback.hosting.applications import TOLD, one_route, watched
from tests.loopback.mounted import API, Endless, told_of

pytestmark = pytest.mark.anyio


class TestLifetime:
    async def test_the_first_request_starts_it_and_leaving_stops_it(self, wire: Any) -> None:
        """Startup once, then shutdown and cleanup, in the order of a runner."""
        app = watched()
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
        app = watched()
        mock.mount(API, app)
        await asyncio.gather(*(told_of(session, API) for _ in range(5)))
        assert app[TOLD] == ["context in", "startup"]

    async def test_a_client_that_gives_up_does_not_stop_the_start(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The next request finds it started."""
        go = asyncio.Event()
        app = watched()
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
        app = watched()
        async with aiointercept() as mock:
            mock.mount(API, app)
        assert app[TOLD] == []

    async def test_an_error_of_its_start_reaches_the_caller(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The very exception, at every request; what had been started is cleaned up."""
        app = watched()

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
        app = watched()

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
        app = watched()
        with aiointercept() as mock:
            mock.mount(API, app)
            async with mock.session() as session:
                await told_of(session, API)
        await asyncio.sleep(0.01)
        assert app[TOLD][-1] == "cleanup"

    async def test_a_mount_that_was_replaced_is_stopped_too(self) -> None:
        """On leaving, with the other."""
        first, second = watched(), watched()
        async with aiointercept() as mock, mock.session() as session:
            for app in (first, second):
                mock.mount(API, app)
                await told_of(session, API)
        assert first[TOLD] == second[TOLD]
        assert first[TOLD][-1] == "cleanup"

    def test_a_loop_that_is_not_running_is_run_for_its_end(self) -> None:
        """A mock that is left where no loop runs still cleans up on the application's."""
        app = watched()
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
        app = watched()
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
