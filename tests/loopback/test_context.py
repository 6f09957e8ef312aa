"""Replies run in the context of whoever asked."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from aiohttp import ClientSession, web

from aiointercept_connector import CallbackResult, aiointercept
from tests.loopback.http_support import URL, handle
from tests.loopback.link_support import ask

pytestmark = pytest.mark.anyio


class TestContext:
    @pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
    async def test_of_the_requesting_task(self, mock: aiointercept, is_async: bool) -> None:
        """A callback sees the context variables of the task that makes the request."""
        variable = contextvars.ContextVar("variable", default="unset")
        seen: list[str] = []

        def plain(url: object, **_: Any) -> None:
            seen.append(variable.get())

        async def coroutine(url: object, **_: Any) -> None:
            await asyncio.sleep(0)
            seen.append(variable.get())

        async def from_a_task(session: ClientSession, value: str) -> None:
            variable.set(value)
            await ask(session)

        mock.get(URL, callback=coroutine if is_async else plain, repeat=True)
        async with ClientSession(connector=mock.connector(limit=1)) as session:
            # All over one connection, which the first has opened.
            for value in ("a", "b", "c"):
                await asyncio.create_task(from_a_task(session, value))
            await ask(session)
        assert seen == ["a", "b", "c", "unset"]

    async def test_all_the_way(self, mock: aiointercept) -> None:
        """What a coroutine callback awaits, and the tasks it starts, see the same context."""
        variable = contextvars.ContextVar("variable", default="unset")
        seen: list[str] = []

        async def look() -> None:
            await asyncio.sleep(0)
            seen.append(variable.get())

        async def coroutine(url: object, **_: Any) -> None:
            await look()
            await asyncio.wait_for(look(), 1)
            await asyncio.gather(look(), asyncio.create_task(look()))

        mock.get(URL, callback=coroutine)
        async with mock.session() as session:
            variable.set("here")
            await ask(session)
        assert seen == ["here"] * 4

    async def test_set_in_a_callback(self, mock: aiointercept) -> None:
        """What a callback sets is seen by its own steps, and by nobody else."""
        variable = contextvars.ContextVar("variable", default="unset")

        async def coroutine(url: object, **_: Any) -> CallbackResult:
            before = variable.get()
            variable.set("set")
            await asyncio.sleep(0)
            return CallbackResult(body=f"{before} {variable.get()}")

        mock.get(URL, callback=coroutine, repeat=True)
        async with mock.session() as session:
            assert [await ask(session) for _ in range(2)] == ["unset set"] * 2
        assert variable.get() == "unset"

    async def test_of_a_handler(self, mock: aiointercept) -> None:
        """A streaming handler runs in the requesting task's context too, every step of it."""
        variable = contextvars.ContextVar("variable", default="unset")

        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(3):
                await response.write(f"{variable.get()} ".encode())
                await asyncio.sleep(0)
            return response

        handle(mock, stream)
        async with mock.session() as session:
            variable.set("here")
            assert await ask(session) == "here here here "

    async def test_of_a_plain_function(self, mock: aiointercept) -> None:
        """So does a handler that is a plain function, and only returns something to await."""
        variable = contextvars.ContextVar("variable", default="unset")

        def plain(request: web.Request) -> asyncio.Future[web.StreamResponse]:
            answer: asyncio.Future[web.StreamResponse]
            answer = asyncio.get_running_loop().create_future()
            answer.set_result(web.Response(text=variable.get()))
            return answer

        handle(mock, plain, repeat=2)
        async with mock.session() as session:
            assert await ask(session) == "unset"
            variable.set("here")
            assert await ask(session) == "here"

    async def test_on_the_clients_loop(self, mock: aiointercept) -> None:
        """Callbacks run on the loop and in the thread of the client."""
        seen: list[object] = []

        async def coroutine(url: object, **_: Any) -> None:
            seen.extend((asyncio.get_running_loop(), threading.current_thread()))

        mock.get(URL, callback=coroutine)
        async with mock.session() as session:
            await ask(session)
        assert seen == [asyncio.get_running_loop(), threading.current_thread()]
