from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept
from aiointercept_connector.errors import InterceptClosedError
from tests.loopback.mounted import API, Endless, told_of

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from fastapi import BackgroundTasks, FastAPI
from starlette.responses import PlainTextResponse, Response

from tests.loopback.hosting.asgi_applications import one_route

pytestmark = pytest.mark.anyio


class TestLifespan:
    async def test_it_is_started_once_and_stopped_on_leaving(self, wire: Any) -> None:
        """What it puts into the state is in every request's."""
        life: list[str] = []

        @contextlib.asynccontextmanager
        async def lifespan(app: Any) -> AsyncGenerator[dict[str, str], None]:
            life.append("in")
            yield {"database": "open"}
            life.append("out")

        async def endpoint(request: Any) -> Response:
            return PlainTextResponse(request.state.database)

        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.mount(API, one_route(endpoint, lifespan=lifespan))
            assert life == []
            for _ in range(2):
                async with session.get(API) as response:
                    assert await response.text() == "open"
            assert life == ["in"]
        assert life == ["in", "out"]

    async def test_an_error_of_its_start_reaches_the_caller(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The very exception."""

        @contextlib.asynccontextmanager
        async def lifespan(app: Any) -> AsyncGenerator[None, None]:
            if app is not None:
                raise LookupError("no database")
            yield

        mock.mount(API, one_route(lifespan=lifespan))
        with pytest.raises(LookupError, match="no database"):
            await session.get(API)

    async def test_an_error_of_its_end_is_raised_on_leaving(self) -> None:
        """It is not lost."""

        @contextlib.asynccontextmanager
        async def lifespan(app: Any) -> AsyncGenerator[None, None]:
            yield
            raise LookupError("no end")

        mock = aiointercept()
        async with mock.session() as session:
            await mock.start()
            mock.mount(API, one_route(lifespan=lifespan))
            await told_of(session, API)
            with pytest.raises(LookupError, match="no end"):
                await mock.stop()

    async def test_an_application_without_a_lifespan(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """It need not know of one."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                raise NotImplementedError
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"hello"})

        mock.mount(API, app)
        async with session.get(API) as response:
            assert await response.read() == b"hello"

    async def test_background_tasks_run_after_the_response(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """And the client does not wait for them."""
        answered, done = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            await answered.wait()
            done.set()

        app = FastAPI()

        @app.get("/")
        async def root(tasks: BackgroundTasks) -> str:
            tasks.add_task(work)
            return "soon"

        mock.mount(API, app)
        async with session.get(API) as response:
            assert await response.json() == "soon"
        answered.set()
        await asyncio.wait_for(done.wait(), 5)

    async def test_background_tasks_end_with_the_mock(self) -> None:
        """One that goes on for ever is cancelled on leaving."""
        cancelled = asyncio.Event()

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        app = FastAPI()

        @app.get("/")
        async def root(tasks: BackgroundTasks) -> str:
            tasks.add_task(work)
            return "soon"

        async with aiointercept() as mock, mock.session() as session:
            mock.mount(API, app)
            async with session.get(API) as response:
                await response.read()
            await asyncio.sleep(0.01)
        assert cancelled.is_set()

    async def test_leaving_does_not_wait_for_a_request(self, wire: Any) -> None:
        """What answers it is cancelled, and its client told that the mock was left."""
        endpoint = Endless()
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.mount(API, one_route(endpoint.__call__))
            call = asyncio.ensure_future(session.get(API))
            await endpoint.began.wait()
            await mock.stop()
            assert endpoint.ended.is_set()
            with pytest.raises(InterceptClosedError):
                await call

    async def test_an_application_can_be_mounted_again(self) -> None:
        """It is bound to no loop and no mock."""
        app = one_route()
        for _ in range(2):
            async with aiointercept() as mock, mock.session() as session:
                mock.mount(API, app)
                assert (await told_of(session, f"{API}/x"))["path"] == "/x"
