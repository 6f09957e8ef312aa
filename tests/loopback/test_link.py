from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import traceback
import weakref
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import (
    ClientOSError,
    ClientSession,
    ServerDisconnectedError,
    ServerTimeoutError,
    TraceConfig,
    WSMsgType,
    web,
)

from aiointercept_connector import CallbackResult, InterceptClosedError, aiointercept
from aiointercept_connector.loopback.link import ClientEnd, Link
from tests.loopback.conftest import settle, until
from tests.loopback.http_support import (
    URL,
    Handler,
    entered_mock,
    handle,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def mock(
    wire: str, caplog: pytest.LogCaptureFixture, reports: object
) -> AsyncIterator[aiointercept]:
    """Give a mock on the wire of this run."""
    async with entered_mock(wire, caplog) as entered:
        yield entered


class BoomError(Exception):
    """What a callback under test raises."""


class OddOne(BaseException):
    """An exception that `except Exception` does not catch."""


RAISED = [
    BoomError("x"),
    OddOne("x"),
    AssertionError("x"),
    ValueError("x"),
    KeyError("x"),
    asyncio.TimeoutError("x"),
    KeyboardInterrupt("x"),
    SystemExit(3),
    aiohttp.ClientConnectionError("x"),
    aiohttp.ClientPayloadError("x"),
    aiohttp.InvalidURL("x"),
    ServerTimeoutError("x"),
    ServerDisconnectedError("x"),
    ClientOSError(104, "x"),
]


@pytest.fixture(params=RAISED, ids=lambda exc: type(exc).__name__)
def exc(request: pytest.FixtureRequest) -> BaseException:
    """Give an exception that the client's caller is to get."""
    raised: BaseException = request.param
    return raised.with_traceback(None)


async def ask(session: ClientSession, method: str = "GET", **kwargs: Any) -> str:
    """Ask, and return the body."""
    async with session.request(method, URL, **kwargs) as response:
        return await response.text()


async def raised_by(session: ClientSession, method: str = "GET", **kwargs: Any) -> BaseException:
    """Ask, and return what that raises; it is caught here, as no runner would like some of it."""
    try:
        await ask(session, method, **kwargs)
    except BaseException as exc:  # noqa: BLE001 - any of them may come
        return exc
    raise AssertionError("nothing was raised")


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


async def wait_for_cancelled() -> None:
    """Await something that is cancelled."""
    inner = asyncio.ensure_future(asyncio.sleep(10))
    inner.cancel()
    await inner


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


class Waiting:
    """A callback that waits for ever, and writes down what becomes of it."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.task: asyncio.Task[Any] | None = None

    async def __call__(self, url: object, **_: Any) -> CallbackResult:
        """Wait until cancelled."""
        self.log.append("started")
        self.task = asyncio.current_task()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            self.log.append("ended")
        raise AssertionError

    @property
    def started(self) -> bool:
        """Whether it has been called."""
        return bool(self.log)

    @property
    def ended(self) -> bool:
        """Whether it was cancelled and has run its `finally`."""
        return self.log == ["started", "cancelled", "ended"]


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
