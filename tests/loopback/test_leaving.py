"""The client goes away, or the mock is left, while a reply is being made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, ServerTimeoutError, WSMsgType, web

from aiointercept_connector import InterceptClosedError, aiointercept
from tests.loopback.conftest import settle, until
from tests.loopback.http_support import URL, handle
from tests.loopback.link_support import Waiting, ask, raised_by

pytestmark = pytest.mark.anyio


class TestClientLeaves:
    async def test_cancelled(self, mock: aiointercept) -> None:
        """A client that is cancelled cancels the callback that it waits for."""
        waiting = Waiting()
        mock.get(URL, callback=waiting)
        async with mock.session() as session:
            task = asyncio.create_task(ask(session))
            await until(lambda: waiting.started)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: waiting.ended)
        assert mock.call_count == 1
        assert waiting.task is not None
        assert waiting.task.cancelled()

    @pytest.mark.parametrize(
        ("timeout", "raises"),
        [
            (aiohttp.ClientTimeout(total=0.05), asyncio.TimeoutError),
            (aiohttp.ClientTimeout(sock_read=0.05), ServerTimeoutError),
        ],
        ids=["total", "sock_read"],
    )
    async def test_timeout(
        self, mock: aiointercept, timeout: aiohttp.ClientTimeout, raises: type[Exception]
    ) -> None:
        """The client's own timeouts run, and cancel the callback."""
        waiting = Waiting()
        mock.get(URL)
        mock.get(URL, callback=waiting)
        async with mock.session() as session:
            await ask(session)
            with pytest.raises(raises):
                await ask(session, timeout=timeout)
            await until(lambda: waiting.ended)

    async def test_session_closed(self, mock: aiointercept) -> None:
        """A session that is closed cancels the callbacks of its requests."""
        waiting = Waiting()
        mock.post(URL, callback=waiting)
        session = mock.session()
        task = asyncio.create_task(raised_by(session, "POST"))
        await until(lambda: waiting.started)
        await session.close()
        await until(lambda: waiting.ended)
        assert isinstance(await task, aiohttp.ClientError)

    async def test_in_the_middle_of_a_stream(self, mock: aiointercept) -> None:
        """A client that closes a response cancels the stream it was reading."""
        ended = asyncio.Event()

        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                while True:
                    await response.write(b"more")
                    await asyncio.sleep(0.001)
            finally:
                ended.set()

        handle(mock, stream)
        async with mock.session() as session:
            response = await session.get(URL)
            assert await response.content.readexactly(4) == b"more"
            response.close()
            await asyncio.wait_for(ended.wait(), 5)

    async def test_in_the_middle_of_an_upload(self, mock: aiointercept) -> None:
        """A request that never arrives whole uses no route, and is not recorded."""
        route = mock.post(URL)

        async def upload() -> AsyncIterator[bytes]:
            yield b"begun"
            await asyncio.Event().wait()

        async with mock.session() as session:
            task = asyncio.create_task(ask(session, "POST", data=upload()))
            await settle()
            task.cancel()
            await asyncio.wait([task])
            await settle()
        assert (route.call_count, mock.call_count) == (0, 0)


class TestLeaving:
    """What becomes of requests in flight when the mock is left."""

    @pytest.fixture
    async def left(self, wire: Any, reports: list[dict[str, Any]]) -> aiointercept:
        """Give a mock that has been started, to be left by the test."""
        return await aiointercept(wire=wire).start()

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_waiting_for_an_answer(self, left: aiointercept, method: str) -> None:
        """The client gets an error that aiohttp does not retry, and the callback is cancelled."""
        waiting = Waiting()
        left.add(URL, method, callback=waiting, repeat=True)
        async with left.session() as session:
            task = asyncio.create_task(raised_by(session, method))
            await until(lambda: waiting.started)
            await left.stop()
            assert waiting.ended
            raised = await task
        assert type(raised) is InterceptClosedError
        assert str(raised) == "The mock was left before it had answered this request."
        assert left.call_count == 1

    async def test_each_client_an_exception_of_its_own(self, left: aiointercept) -> None:
        """Clients that wait side by side do not share the object, whose traceback would mix."""
        waiting = Waiting()
        left.get(URL, callback=waiting, repeat=True)
        async with left.session() as session:
            tasks = [asyncio.create_task(raised_by(session)) for _ in range(3)]
            await until(lambda: waiting.log == ["started"] * 3)
            await left.stop()
            raised = await asyncio.gather(*tasks)
        assert {type(exc) for exc in raised} == {InterceptClosedError}
        assert len({id(exc) for exc in raised}) == 3

    async def test_upload(self, left: aiointercept) -> None:
        """A client in the middle of an upload gets the error too."""
        left.post(URL)
        begun = asyncio.Event()

        async def upload() -> AsyncIterator[bytes]:
            begun.set()
            while True:
                yield b"x" * 2**16
                await asyncio.sleep(0.001)

        async with left.session() as session:
            task = asyncio.create_task(raised_by(session, "POST", data=upload()))
            await begun.wait()
            await settle()
            await left.stop()
            raised = await task
        assert type(raised) is InterceptClosedError
        assert left.call_count == 0

    async def test_body_being_read(self, left: aiointercept) -> None:
        """A client that has the head and waits for more of the body gets the error there."""
        ended = asyncio.Event()

        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                await response.write(b"begun")
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

        handle(left, stream)
        async with left.session() as session, session.get(URL) as response:
            assert await response.content.readany() == b"begun"
            task = asyncio.create_task(response.read())
            await settle()
            await left.stop()
            assert ended.is_set()
            with pytest.raises(InterceptClosedError):
                await task

    async def test_body_that_is_not_read(self, left: aiointercept) -> None:
        """A response that its client does not read is not waited for either."""
        left.get(URL, body=b"x" * 2**22)
        async with left.session() as session, session.get(URL) as response:
            await settle()
            (server,) = left.interceptor._servers.values()
            assert len(server.connections) == 1
            await left.stop()
            await settle()
            assert server.connections == []
            with pytest.raises(InterceptClosedError):
                await response.read()

    async def test_body_that_is_there(self, left: aiointercept) -> None:
        """A body that has arrived whole can still be read."""
        left.get(URL, body="x" * 1000)
        async with left.session() as session, session.get(URL) as response:
            await settle()
            await left.stop()
            assert await response.text() == "x" * 1000

    async def test_websocket(self, left: aiointercept) -> None:
        """An open WebSocket is over for the client, as when its connection breaks."""
        ended = asyncio.Event()

        async def chat(request: web.Request) -> web.StreamResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            try:
                await socket.receive()
            finally:
                ended.set()
            return socket

        handle(left, chat)
        async with left.session() as session, session.ws_connect(URL) as socket:
            task = asyncio.create_task(socket.receive())
            await settle()
            await left.stop()
            await until(ended.is_set)
            assert (await task).type is WSMsgType.CLOSED
            assert socket.closed

    async def test_waiting_for_the_pool(self, left: aiointercept) -> None:
        """A request that waits for a place in the pool gets the error as well."""
        waiting = Waiting()
        left.get(URL, callback=waiting, repeat=True)
        async with ClientSession(connector=left.connector(limit=1)) as session:
            tasks = [asyncio.create_task(raised_by(session)) for _ in range(2)]
            await until(lambda: waiting.started)
            await left.stop()
            raised = await asyncio.gather(*tasks)
        assert [type(exc) for exc in raised] == [InterceptClosedError] * 2

    async def test_idle_connections(self, left: aiointercept) -> None:
        """Connections that wait in a pool are closed."""
        left.get(URL)
        async with left.session() as session:
            await ask(session)
            assert isinstance(session.connector, aiohttp.BaseConnector)
            (pooled,) = session.connector._conns.values()
            protocol = pooled[0][0]
            await left.stop()
            await settle()
            assert not protocol.is_connected()

    async def test_never_retried(self, left: aiointercept) -> None:
        """Leaving and entering again at once does not have the request answered after all."""
        waiting = Waiting()
        left.get(URL, callback=waiting)
        async with left.session() as session:
            task = asyncio.create_task(raised_by(session))
            await until(lambda: waiting.started)
            left.stop()
            left.start()
            left.get(URL, body="too late", repeat=True)
            assert type(await task) is InterceptClosedError
        assert left.call_count == 0
        await left.stop()

    async def test_a_callback_that_will_not_end(self, left: aiointercept) -> None:
        """Leaving waits for no reply: one that takes its time to end does not hold it up."""
        go_on, ended = asyncio.Event(), asyncio.Event()

        async def stubborn(url: object, **_: Any) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await go_on.wait()
                ended.set()

        left.get(URL, callback=stubborn)
        async with left.session() as session:
            task = asyncio.create_task(raised_by(session))
            await until(lambda: left.call_count == 1)
            await settle()
            await left.stop()
            assert type(await task) is InterceptClosedError
            assert not ended.is_set()
            go_on.set()
            await ended.wait()

    async def test_leaves_no_task(self, left: aiointercept) -> None:
        """When leaving has been awaited, no task of the mock's is left."""
        before = asyncio.all_tasks()
        waiting = Waiting()
        left.get(URL, body="x")
        left.get(URL, callback=waiting, repeat=True)
        async with left.session() as session:
            await ask(session)
            task = asyncio.create_task(raised_by(session))
            await until(lambda: waiting.started)
            await left.stop()
            await task
        await settle()
        assert asyncio.all_tasks() == before

    async def test_while_connecting(self, left: aiointercept) -> None:
        """A request for which a wire is being made when the mock is left gets the error."""
        left.get(URL, body="x", repeat=True)
        async with ClientSession(connector=left.connector(limit=0)) as session:
            for turns in range(6):
                if not left.active:
                    left.start()
                    left.get(URL, body="x", repeat=True)
                task = asyncio.create_task(ask(session))
                for _ in range(turns):
                    await asyncio.sleep(0)
                left.stop()
                (outcome,) = await asyncio.gather(task, return_exceptions=True)
                assert outcome == "x" or type(outcome) is InterceptClosedError
