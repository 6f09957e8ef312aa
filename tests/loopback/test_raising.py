"""What a reply raises reaches the client's caller."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientOSError, ClientSession, WSMsgType, web

from aiointercept_connector import CallbackResult, aiointercept
from tests.loopback.conftest import settle
from tests.loopback.http_support import URL, Handler, handle
from tests.loopback.link_support import RAISED, BoomError, ask, raised_by, wait_for_cancelled

pytestmark = pytest.mark.anyio


@pytest.fixture(params=RAISED, ids=lambda exc: type(exc).__name__)
def exc(request: pytest.FixtureRequest) -> BaseException:
    """Give an exception that the client's caller is to get."""
    raised: BaseException = request.param
    return raised.with_traceback(None)


class TestExceptionArgument:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_reaches_the_caller(
        self, mock: aiointercept, exc: BaseException, method: str
    ) -> None:
        """`exception=` reaches the client's caller as the object it is, and is recorded once."""
        route = mock.add(URL, method, exception=exc)
        async with mock.session() as session:
            assert await raised_by(session, method) is exc
        assert (route.call_count, mock.call_count) == (1, 1)

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize(
        "oserror", [OSError(5, "x"), ConnectionRefusedError(111, "x"), BrokenPipeError()]
    )
    async def test_bare_oserror(self, mock: aiointercept, oserror: OSError, method: str) -> None:
        """A bare `OSError` arrives as the `ClientOSError` that aiohttp makes of every one."""
        mock.add(URL, method, exception=oserror)
        async with mock.session() as session:
            raised = await raised_by(session, method)
        assert type(raised) is ClientOSError
        assert raised.__cause__ is oserror
        assert raised.args == oserror.args
        assert mock.call_count == 1

    async def test_stop_iteration(self, mock: aiointercept) -> None:
        """No coroutine can raise a `StopIteration`: it arrives as Python makes it arrive."""
        stop = StopIteration("x")
        mock.get(URL, exception=stop)
        async with mock.session() as session:
            raised = await raised_by(session)
        assert type(raised) is RuntimeError
        assert raised.__cause__ is stop

    async def test_no_response_is_meant(self, mock: aiointercept) -> None:
        """An `HTTPException` given as `exception=` is an exception, not an answer."""
        exc = web.HTTPNotFound()
        mock.get(URL, exception=exc)
        async with mock.session() as session:
            assert await raised_by(session) is exc

    async def test_cancellation_is_meant(self, mock: aiointercept) -> None:
        """A `CancelledError` given as `exception=` reaches the caller as the object it is."""
        exc = asyncio.CancelledError("x")
        mock.get(URL, exception=exc)
        async with mock.session() as session:
            assert await raised_by(session) is exc

    async def test_again_and_again(self, mock: aiointercept) -> None:
        """One object may be raised many times; its traceback is that of the last time."""
        exc = BoomError("x")
        mock.get(URL, exception=exc, repeat=True)
        lengths = []
        async with mock.session() as session:
            for _ in range(4):
                assert await raised_by(session) is exc
                lengths.append(len(traceback.extract_tb(exc.__traceback__)))
        assert lengths == lengths[:1] * 4

    async def test_session_goes_on(self, mock: aiointercept, exc: BaseException) -> None:
        """After an exception the session's next request is answered."""
        mock.get(URL, exception=exc)
        mock.get(URL, body="x")
        async with mock.session() as session:
            await raised_by(session)
            assert await ask(session) == "x"

    async def test_with_an_upload(self, mock: aiointercept) -> None:
        """The exception comes when the body has arrived, and the body is recorded."""
        exc = BoomError("x")
        mock.post(URL, exception=exc)
        async with mock.session() as session:
            assert await raised_by(session, "POST", data=b"x" * 2**19) is exc
        assert mock.calls[0].captured_body == b"x" * 2**19


class TestCallbackRaises:
    @pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
    async def test_reaches_the_caller(
        self, mock: aiointercept, exc: BaseException, is_async: bool
    ) -> None:
        """What a callback raises reaches the client's caller as the object it is."""

        def plain(url: object, **_: Any) -> CallbackResult:
            raise exc

        async def coroutine(url: object, **_: Any) -> CallbackResult:
            await asyncio.sleep(0)
            raise exc

        mock.get(URL, callback=coroutine if is_async else plain)
        async with mock.session() as session:
            assert await raised_by(session) is exc
        assert mock.call_count == 1

    async def test_response_that_cannot_be_sent(self, mock: aiointercept) -> None:
        """What goes wrong in sending a response reaches the client's caller too."""

        def plain(request: object) -> web.Response:
            return web.Response(headers={"X": "a\r\nb"})

        mock.get(URL, callback=plain)
        async with mock.session() as session:
            assert isinstance(await raised_by(session), ValueError)

    async def test_body_that_breaks(self, mock: aiointercept) -> None:
        """What a response's payload raises reaches who reads the body."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"piece"
            raise BoomError

        mock.get(URL, callback=lambda request: web.Response(body=pieces()))
        async with mock.session() as session, session.get(URL) as response:
            with pytest.raises(BoomError):
                await response.read()

    async def test_traceback(self, mock: aiointercept) -> None:
        """The traceback leads to the line of the callback."""

        def plain(url: object, **_: Any) -> CallbackResult:
            raise BoomError("from here")

        mock.get(URL, callback=plain)
        async with mock.session() as session:
            raised = await raised_by(session)
        assert traceback.extract_tb(raised.__traceback__)[-1].line == 'raise BoomError("from here")'

    async def test_response_exception(self, mock: aiointercept) -> None:
        """An `HTTPException` that a callback raises is its answer, as in any aiohttp handler."""

        def plain(url: object, **_: Any) -> CallbackResult:
            raise web.HTTPGone

        mock.get(URL, callback=plain)
        async with mock.session() as session, session.get(URL) as response:
            assert response.status == 410

    async def test_after_the_head(self, mock: aiointercept, exc: BaseException) -> None:
        """What is raised in the middle of a stream is raised by reading it, after the head."""

        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(status=201)
            await response.prepare(request)
            await response.write(b"begun")
            raise exc

        handle(mock, stream)
        async with mock.session() as session, session.get(URL) as response:
            assert response.status == 201
            await settle()
            raised: list[BaseException] = []
            try:
                await response.read()
            except BaseException as caught:  # noqa: BLE001 - any of them may come
                raised.append(caught)
            assert raised == [exc]

    async def test_what_was_written_is_read_first(self, mock: aiointercept) -> None:
        """What a stream has written before it fails can be read before it fails."""
        go_on = asyncio.Event()

        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"begun")
            await go_on.wait()
            raise BoomError("x")

        handle(mock, stream)
        async with mock.session() as session, session.get(URL) as response:
            assert await response.content.readany() == b"begun"
            go_on.set()
            with pytest.raises(BoomError):
                await response.content.readany()

    async def test_in_a_websocket(self, mock: aiointercept) -> None:
        """What a WebSocket's handler raises is the error message that the client receives."""
        exc = BoomError("x")

        async def socket_handler(request: web.Request) -> web.StreamResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.receive()
            raise exc

        handle(mock, socket_handler)
        async with mock.session() as session, session.ws_connect(URL) as socket:
            await socket.send_str("go")
            message = await socket.receive()
            assert (message.type, message.data) == (WSMsgType.ERROR, exc)

    async def test_next_request_is_not_hit(
        self, mock: aiointercept, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What a handler raises after its answer is not raised to the next call, but logged."""
        exc = BoomError("x")
        mock.get(URL, body="next", priority=-1, repeat=True)
        async with ClientSession(connector=mock.connector(limit=1)) as session:
            for turns in range(8):
                go_on = asyncio.Event()
                handle(mock, _answer_first(go_on, exc))
                assert await ask(session) == "done"
                go_on.set()
                for _ in range(turns):
                    await asyncio.sleep(0)
                assert await ask(session) == "next"
        logged = {record.exc_info[1] for record in caplog.records if record.exc_info}
        assert logged == {exc}
        caplog.clear()

    async def test_next_call_is_known(self, mock: aiointercept) -> None:
        """A call that begins while the handler of the last one is at work is no stranger."""
        go_on = asyncio.Event()
        handle(mock, _answer_first(go_on))
        mock.get(URL, body="next")
        async with ClientSession(connector=mock.connector(limit=1)) as session:
            assert await ask(session) == "done"
            waiting = asyncio.create_task(ask(session))
            await settle()
            go_on.set()
            assert await waiting == "next"
        assert [str(call.url) for call in mock.calls] == [URL, URL]


def _answer_first(go_on: asyncio.Event, exc: Exception | None = None) -> Handler:
    """Return a handler that goes on when it has answered."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.Response(text="done")
        await response.prepare(request)
        await response.write_eof()
        await go_on.wait()
        if exc is not None:
            raise exc
        return response

    return handler


class TestCancelledInside:
    """A callback that awaits something cancelled has failed; its client was not cancelled."""

    async def test_callback(self, mock: aiointercept) -> None:
        """The client gets a connection error that names the callback, and is not cancelled."""

        async def callback(request: object) -> None:
            await wait_for_cancelled()

        mock.get(URL, callback=callback)
        mock.get(URL, body="next")
        async with mock.session() as session:
            asking = asyncio.ensure_future(ask(session))
            await asyncio.wait({asking})
            assert not asking.cancelled()
            raised = asking.exception()
            assert type(raised) is aiohttp.ClientConnectionError
            assert isinstance(raised.__cause__, asyncio.CancelledError)
            name = f"{callback.__qualname__}"
            assert str(raised) == (
                f"GET {URL}: {f'<CallbackReply {name}>':.60}, of GET {URL}, ended in a "
                f"CancelledError: something that it awaited was cancelled. The client was not. "
                f"Catch it in the reply, or to cancel the client's call, register "
                f"exception=asyncio.CancelledError()."
            )
            assert await ask(session) == "next"

    async def test_body(self, mock: aiointercept) -> None:
        """In the middle of a stream it is raised by reading the body."""

        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"begun")
            await wait_for_cancelled()
            return response

        handle(mock, stream)
        async with mock.session() as session, session.get(URL) as response:
            reading = asyncio.ensure_future(response.read())
            await asyncio.wait({reading})
            assert not reading.cancelled()
            assert isinstance(reading.exception(), aiohttp.ClientConnectionError)

    async def test_client_cancelled(self, mock: aiointercept) -> None:
        """A client that is cancelled is, and its callback with it."""
        ended: list[type[BaseException] | None] = []
        begun = asyncio.Event()

        async def callback(request: object) -> None:
            begun.set()
            try:
                await asyncio.sleep(10)
            except BaseException as exc:
                ended.append(type(exc))
                raise

        mock.get(URL, callback=callback)
        async with mock.session() as session:
            asking = asyncio.ensure_future(ask(session))
            await begun.wait()
            asking.cancel()
            await asyncio.wait({asking})
            assert asking.cancelled()
            await settle()
        assert ended == [asyncio.CancelledError]
