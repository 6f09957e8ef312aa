from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientOSError, ClientSession, ServerDisconnectedError, TraceConfig, web

from aiointercept_connector import CallbackResult, InterceptClosedError, aiointercept
from aiointercept_connector.loopback.link import ClientEnd, Link
from tests.loopback.conftest import settle, until
from tests.loopback.http_support import URL, handle
from tests.loopback.link_support import BoomError, Waiting, ask, raised_by

pytestmark = pytest.mark.anyio


class TestAttempts:
    """aiohttp sends an idempotent request once more when its connection breaks."""

    @pytest.mark.parametrize(
        ("method", "attempts"), [("GET", 2), ("PUT", 2), ("POST", 1), ("PATCH", 1)]
    )
    @pytest.mark.parametrize("exc", [ServerDisconnectedError("x"), ClientOSError(104, "x")])
    async def test_of_an_exception(
        self, mock: aiointercept, exc: BaseException, method: str, attempts: int
    ) -> None:
        """The second attempt meets the same exception, and is an attempt of the same record."""
        route = mock.add(URL, method, exception=exc)
        mock.add(URL, method, body="the next reply", repeat=True)
        async with mock.session() as session:
            assert await raised_by(session, method) is exc
            assert await ask(session, method) == "the next reply"
        assert (route.call_count, mock.call_count) == (1, 2)
        assert [call.attempts for call in mock.calls] == [attempts, 1]

    @pytest.mark.parametrize(("method", "attempts"), [("GET", 2), ("POST", 1)])
    @pytest.mark.parametrize("abort", [False, True], ids=["close", "abort"])
    async def test_of_a_broken_connection(
        self, mock: aiointercept, abort: bool, method: str, attempts: int
    ) -> None:
        """A handler that hangs up is met again by the second attempt."""
        asked = 0

        async def hang_up(request: web.Request) -> web.StreamResponse:
            nonlocal asked
            asked += 1
            assert request.transport is not None
            if abort:
                request.transport.abort()
            else:
                request.transport.close()
            return web.Response()

        route = handle(mock, hang_up, method=method)
        async with mock.session() as session:
            raised = await raised_by(session, method, data=b"body")
        assert isinstance(raised, (ServerDisconnectedError, ClientOSError))
        assert (asked, route.call_count, mock.call_count) == (attempts, 1, 1)
        assert mock.calls[0].attempts == attempts

    async def test_second_attempt_may_succeed(self, mock: aiointercept) -> None:
        """A callback that fails the first attempt only is asked again, for the same record."""
        failures = [ServerDisconnectedError("x")]

        def flaky(url: object, **_: Any) -> CallbackResult:
            if failures:
                raise failures.pop()
            return CallbackResult(body="x")

        mock.get(URL, callback=flaky)
        async with mock.session() as session:
            assert await ask(session) == "x"
        assert [call.attempts for call in mock.calls] == [2]

    async def test_after_the_answer(self, mock: aiointercept) -> None:
        """A connection that ends after its answer broke nothing: the next hop is a new call."""

        async def redirect(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            response = web.Response(status=307, headers={"Location": URL})
            await response.prepare(request)
            await response.write_eof()
            request.transport.close()
            return response

        handle(mock, redirect)
        mock.get(URL, body="arrived")

        async def pause(*_: object) -> None:
            await settle()

        slow_to_follow = TraceConfig()
        slow_to_follow.on_request_redirect.append(pause)
        async with mock.session(trace_configs=[slow_to_follow]) as session:
            assert await ask(session) == "arrived"
        assert [call.attempts for call in mock.calls] == [1, 1]

    async def test_idle_connection_that_was_closed(self, mock: aiointercept) -> None:
        """A pooled connection that the server has closed meanwhile is not used again."""

        async def close_later(request: web.Request) -> web.StreamResponse:
            transport = request.transport
            assert transport is not None
            asyncio.get_running_loop().call_later(0.005, transport.close)
            return web.Response(text="x")

        handle(mock, close_later)
        mock.get(URL, body="again")
        async with mock.session() as session:
            assert await ask(session) == "x"
            await asyncio.sleep(0.02)
            assert await ask(session) == "again"
        assert [call.attempts for call in mock.calls] == [1, 1]


class TestClientEnd:
    async def test_fails_once(self) -> None:
        """No error of the client's own writer takes the place of what the call is to raise."""
        client = ClientEnd(Link(lambda call: None), asyncio.get_running_loop())
        exc = BoomError("x")
        client.fail(exc)
        client.set_exception(ClientOSError(32, "Broken pipe"))
        client.fail(BoomError("too late"))
        with pytest.raises(BoomError) as caught:
            await client.read()
        assert caught.value is exc


class TestThreads:
    async def test_loops_share_a_mock(self, mock: aiointercept) -> None:
        """Sessions on several loops, each in its own thread, ask one mock at the same time."""
        count, asked = 4, 25

        async def coroutine(url: object, **_: Any) -> CallbackResult:
            await asyncio.sleep(0)
            return CallbackResult(body=threading.current_thread().name)

        async def client() -> set[str]:
            async with mock.session() as session:
                return set(await asyncio.gather(*(ask(session) for _ in range(asked))))

        mock.get(URL, callback=coroutine, repeat=count * asked)
        answers: dict[str, set[str]] = {}

        def run() -> None:
            answers[threading.current_thread().name] = asyncio.run(client())

        threads = [threading.Thread(target=run, name=f"client {n}") for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        assert answers == {thread.name: {thread.name} for thread in threads}
        assert mock.call_count == count * asked

    async def test_left_from_another_thread(self, wire: Any) -> None:
        """A client on another loop gets the error, and its callback is cancelled on that loop."""
        mock = aiointercept(wire=wire)
        waiting = Waiting()
        mock.start()
        mock.get(URL, callback=waiting)
        outcome: list[BaseException] = []

        async def client() -> None:
            async with mock.session() as session:
                outcome.append(await raised_by(session))
            await until(lambda: waiting.ended)

        thread = threading.Thread(target=lambda: asyncio.run(client()))
        thread.start()
        await until(lambda: waiting.started)
        await mock.stop()
        await asyncio.to_thread(thread.join)
        assert [type(exc) for exc in outcome] == [InterceptClosedError]
        assert waiting.ended


class TestReferences:
    async def test_a_dropped_session(self, mock: aiointercept) -> None:
        """A session that nobody holds goes at once, its mocked connections notwithstanding."""
        mock.get(URL, callback=lambda *_, **__: None, repeat=True)
        session = mock.session(trace_configs=[TraceConfig()])
        await ask(session)
        await settle()
        gc.collect()
        gc.disable()
        try:
            gone = weakref.ref(session)
            connector = session.connector
            session.detach()
            del session
            assert gone() is None
        finally:
            gc.enable()
        assert connector is not None
        await connector.close()

    async def test_connections_that_are_over(self, mock: aiointercept) -> None:
        """A server keeps nothing of connections that are closed."""
        mock.get(URL, repeat=True)
        for _ in range(3):
            async with mock.session() as session:
                await ask(session)
        await settle()
        (server,) = mock.interceptor._servers.values()
        assert server.connections == []

    async def test_connection_never_used(self, mock: aiointercept) -> None:
        """A connection that ends before its first byte is forgotten too."""

        class Request(aiohttp.ClientRequest):
            async def send(self, conn: object) -> Any:
                raise BoomError

        mock.get(URL, repeat=True)
        async with mock.session(request_class=Request) as session:
            assert type(await raised_by(session)) is BoomError
        await settle()
        (server,) = mock.interceptor._servers.values()
        assert server.connections == []

    async def test_cancelled_while_connecting(self, mock: aiointercept) -> None:
        """A request that is cancelled while its wire is made leaves no socket behind."""
        mock.get(URL, body="x", repeat=True)
        async with ClientSession(connector=mock.connector(limit=0)) as session:
            for turns in range(6):
                task = asyncio.create_task(ask(session))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
        await settle()
        gc.collect()
