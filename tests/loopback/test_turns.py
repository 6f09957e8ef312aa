"""When a connection's requests are answered: in turn, at once or by tasks of their own."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import pytest
from aiohttp import ClientSession, ServerDisconnectedError, TraceConfig, web

from aiointercept_connector import CallbackResult, InterceptClosedError, aiointercept
from tests.loopback.conftest import settle
from tests.loopback.http_support import (
    URL,
    OpenRaw,
    exchange,
    handle,
)

pytestmark = pytest.mark.anyio

SEEN: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="nothing")


def plain(url: Any, **_: Any) -> CallbackResult:
    """Answer with the path."""
    return CallbackResult(body=url.path)


async def slow(url: Any, **_: Any) -> CallbackResult:
    """Answer with the path, in a while."""
    for _turn in range(3):
        await asyncio.sleep(0)
    return CallbackResult(body=url.path)


async def handler(request: web.Request) -> web.StreamResponse:
    """Answer with the path, as aiohttp's own handlers do."""
    await asyncio.sleep(0)
    return web.Response(text=request.path)


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    """Return the bytes of a request without a body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: api.example.com", *headers, "", ""]
    return "\r\n".join(lines).encode()


def register_all(mock: aiointercept) -> list[str]:
    """Register a reply of every kind, and return their paths."""
    mock.get("/static", body="/static", repeat=True)
    mock.get("/plain", callback=plain, repeat=True)
    mock.get("/slow", callback=slow, repeat=True)
    handle(mock, handler, "/handler", repeat=True)
    return ["/static", "/plain", "/slow", "/handler"]


async def text(session: ClientSession, **kwargs: Any) -> str:
    """Ask, and return the body."""
    async with session.get(URL, **kwargs) as response:
        return await response.text()


class TestOrder:
    @pytest.mark.parametrize("first", ["/static", "/plain", "/slow", "/handler"])
    async def test_pipelined(self, mock: aiointercept, raw: OpenRaw, first: str) -> None:
        """Answers come in the order of requests, whoever gives them."""
        paths = register_all(mock)
        train = [first, *paths, *reversed(paths), *paths]
        last = request(train[-1], "Connection: close")
        sent = b"".join(map(request, train[:-1])) + last
        answer = await exchange(await raw(), sent)
        # Each body is a path, with the next answer's head right behind it.
        parts = answer.decode().split("\r\n\r\n")[1:]
        assert [part.partition("HTTP/1.1")[0] for part in parts] == train
        assert [call.path for call in mock.calls] == train

    async def test_arriving_while_one_is_answered(self, mock: aiointercept, raw: OpenRaw) -> None:
        """A request that arrives while another is being answered waits for its turn."""
        go_on = asyncio.Event()

        async def waiting(url: Any, **_: Any) -> CallbackResult:
            await go_on.wait()
            return CallbackResult(body="first")

        mock.get("/first", callback=waiting)
        mock.get("/second", body="second")
        reader, writer = await raw()
        writer.write(request("/first"))
        await settle()
        writer.write(request("/second", "Connection: close"))
        await settle()
        assert [call.path for call in mock.calls] == ["/first"]
        go_on.set()
        answer = await reader.read()
        assert answer.index(b"first") < answer.index(b"second")

    @pytest.mark.parametrize("callback", [plain, slow], ids=["plain", "coroutine"])
    async def test_long_train(self, mock: aiointercept, raw: OpenRaw, callback: Any) -> None:
        """More requests than aiohttp's parser takes at a time are all answered."""
        mock.get("/x", callback=callback, repeat=True)
        sent = request("/x") * 500 + request("/x", "Connection: close")
        answer = await exchange(await raw(), sent)
        assert answer.count(b"\r\n\r\n/x") == 501

    @pytest.mark.parametrize("is_async", [False, True], ids=["plain", "coroutine"])
    async def test_nothing_behind_the_last(
        self, mock: aiointercept, raw: OpenRaw, is_async: bool
    ) -> None:
        """What was sent behind a request whose answer closes the connection is not answered."""

        def closing(*_: object, **__: object) -> CallbackResult:
            return CallbackResult(headers={"Connection": "close"}, body="last")

        async def closing_later(*_: object, **__: object) -> CallbackResult:
            return closing()

        mock.get("/x", callback=closing_later if is_async else closing, repeat=True)
        answer = await exchange(await raw(), request("/x") * 3)
        assert answer.count(b"last") == 1
        assert mock.call_count == 1


class TestCallbacks:
    @pytest.mark.parametrize("callback", [plain, slow], ids=["plain", "coroutine"])
    async def test_head(self, mock: aiointercept, callback: Any) -> None:
        """HEAD has the headers of a callback's answer, no body, and the connection is kept."""
        mock.head(URL, callback=callback, repeat=True)
        reused: list[object] = []
        trace = TraceConfig()

        async def note(*args: object) -> None:
            reused.append(args)

        trace.on_connection_reuseconn.append(note)
        async with mock.session(trace_configs=[trace]) as session:
            for _ in range(2):
                async with session.head(URL) as response:
                    assert response.headers["Content-Length"] == "2"
                    assert await response.read() == b""
        assert len(reused) == 1

    async def test_task_of_a_coroutine(self, mock: aiointercept) -> None:
        """A coroutine function runs in a task, and what needs one works in it."""

        async def timed(request: Any) -> CallbackResult:
            assert asyncio.current_task() is request.task
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.001)
            return CallbackResult(body="timed out")

        mock.get(URL, callback=timed)
        async with mock.session() as session:
            assert await text(session) == "timed out"

    @pytest.mark.parametrize("is_async", [False, True], ids=["plain", "coroutine"])
    @pytest.mark.parametrize("takes_request", [False, True], ids=["url", "request"])
    async def test_context(self, mock: aiointercept, is_async: bool, takes_request: bool) -> None:
        """Callbacks see the context of the task that asks, and change nothing in it."""

        def look() -> CallbackResult:
            seen = SEEN.get()
            SEEN.set("changed")
            return CallbackResult(body=seen)

        async def look_later() -> CallbackResult:
            await asyncio.sleep(0)
            return look()

        result: Any = look_later if is_async else look
        if takes_request:
            mock.get(URL, callback=lambda request: result(), repeat=True)
        else:
            mock.get(URL, callback=lambda url, **_: result(), repeat=True)

        async def ask(session: ClientSession, value: str) -> str:
            SEEN.set(value)
            answer = await text(session)
            assert SEEN.get() == value
            return answer

        async with ClientSession(connector=mock.connector(limit=1)) as session:
            values = [str(number) for number in range(5)]
            assert await asyncio.gather(*(ask(session, value) for value in values)) == values

    @pytest.mark.parametrize("is_async", [False, True], ids=["plain", "coroutine"])
    async def test_live_request(self, mock: aiointercept, is_async: bool) -> None:
        """The request that a callback gets is live: it has its connection, and loses it after."""
        seen: list[Any] = []

        def look(request: Any) -> CallbackResult:
            seen.append((request.transport, request.remote, request.method, request.scheme))
            return CallbackResult()

        async def look_async(request: Any) -> CallbackResult:
            return look(request)

        mock.get(URL, callback=look_async if is_async else look)
        async with mock.session() as session:
            await text(session)
            ((transport, *rest),) = seen
            assert transport is not None
            assert rest == ["127.0.0.1", "GET", "https"]
            (record,) = mock.calls
            assert record.transport is None

    async def test_plain_one_that_returns_a_response(self, mock: aiointercept) -> None:
        """A plain function may return a response of aiohttp's; cookies and all are sent."""

        def answer(request: web.Request) -> web.Response:
            response = web.Response(status=201, text=request.path)
            response.set_cookie("a", "1")
            return response

        mock.get(URL, callback=answer)
        async with mock.session() as session, session.get(URL) as response:
            assert (response.status, await response.text()) == (201, "/x")
            assert response.cookies["a"].value == "1"

    async def test_plain_one_that_hangs_up(self, mock: aiointercept) -> None:
        """A plain function may close the connection that it is to answer on."""

        def hang_up(request: web.Request) -> CallbackResult:
            assert request.transport is not None
            request.transport.abort()
            return CallbackResult()

        mock.post(URL, callback=hang_up)
        async with mock.session() as session:
            with pytest.raises(ServerDisconnectedError):
                await session.post(URL)

    async def test_plain_one_that_returns_an_awaitable(self, mock: aiointercept) -> None:
        """What a plain function returns is awaited if it can be."""

        def handed_on(url: Any, **kwargs: Any) -> Any:
            return slow(url, **kwargs)

        mock.get(URL, callback=handed_on)
        async with mock.session() as session:
            assert await text(session) == "/x"

    async def test_plain_one_that_asks_itself(self, mock: aiointercept) -> None:
        """A callback may start a task that asks the same mock."""
        mock.get(URL, callback=lambda *_, **__: asyncio.ensure_future(inner()))
        mock.get(URL + "/inner", callback=plain)
        async with mock.session() as session:

            async def inner() -> CallbackResult:
                async with session.get(URL + "/inner") as response:
                    return CallbackResult(body=await response.text())

            assert await text(session) == "/x/inner"


class TestLeaving:
    async def test_by_the_callback_itself(self, wire: Any) -> None:
        """A plain callback may stop the mock that it answers for; its client is told."""
        mock = aiointercept(wire=wire)
        mock.start()

        def stop(url: object, **_: object) -> CallbackResult:
            mock.stop()
            return CallbackResult()

        mock.get(URL, callback=stop)
        async with mock.session() as session:
            with pytest.raises(InterceptClosedError):
                await text(session)

    async def test_while_a_callback_runs(self, wire: Any) -> None:
        """What runs is cancelled, and what waits for its turn behind it is never answered."""
        cancelled: list[str] = []
        begun = asyncio.Event()

        async def wait(url: Any, **_: Any) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(url.path)
                raise

        mock = aiointercept(wire=wire)
        await mock.start()
        mock.get(URL, callback=wait)
        async with mock.session() as session:
            asking = asyncio.create_task(text(session))
            await begun.wait()
            await mock.stop()
            assert cancelled == ["/x"]
            with pytest.raises(InterceptClosedError):
                await asking

    async def test_client_that_gives_up(self, mock: aiointercept) -> None:
        """A client that gives up cancels the coroutine that was to answer it."""
        begun, cancelled = asyncio.Event(), asyncio.Event()

        async def wait(url: Any, **_: Any) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        mock.get(URL, callback=wait)
        async with mock.session() as session:
            asking = asyncio.create_task(text(session))
            await begun.wait()
            asking.cancel()
            await asyncio.wait([asking])
            await asyncio.wait_for(cancelled.wait(), 5)
