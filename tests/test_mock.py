from __future__ import annotations

import asyncio
import inspect
import os
import re
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession
from yarl import URL

import aiointercept_connector
from aiointercept_connector import (
    CallbackResult,
    InterceptClosedError,
    InterceptConnector,
    MockResponse,
    Route,
    UnmatchedRequestError,
    aiointercept,
    install,
    uninstall,
)
from aiointercept_connector.arguments import RouteOptions
from tests.real import real_server

pytestmark = pytest.mark.anyio

API = "https://api.example.com"


async def text(session: ClientSession, url: str = f"{API}/x", **kwargs: Any) -> str:
    """Return the body of a response."""
    async with session.get(url, **kwargs) as response:
        return await response.text()


class TestLifecycle:
    """Starting and stopping, in every way."""

    async def test_async_with(self, wire: Any) -> None:
        """Within `async with`, ordinary sessions are answered."""
        async with aiointercept(True, wire=wire) as mock, ClientSession() as session:
            mock.get(f"{API}/x", body="mocked")
            assert await text(session) == "mocked"

    async def test_with(self, wire: Any) -> None:
        """Plain `with` does the same, on a running loop."""
        with aiointercept(True, wire=wire) as mock:
            mock.get(f"{API}/x", body="mocked")
            async with ClientSession() as session:
                assert await text(session) == "mocked"

    def test_with_and_no_loop(self, wire: Any) -> None:
        """Plain `with` needs no running loop: code that runs its own is answered."""

        async def program() -> str:
            async with ClientSession() as session:
                return await text(session)

        with aiointercept(True, wire=wire) as mock:
            mock.get(f"{API}/x", body="mocked", repeat=2)
            assert [asyncio.run(program()), asyncio.run(program())] == ["mocked", "mocked"]

    @pytest.mark.parametrize("awaited", [True, False])
    async def test_start_and_stop(self, awaited: bool) -> None:
        """`start()` and `stop()` do their work when called, and may be awaited."""
        mock = aiointercept(True)
        starting = mock.start()
        assert mock.active
        if awaited:
            assert await starting is mock
        mock.get(f"{API}/x", body="mocked")
        async with ClientSession() as session:
            assert await text(session) == "mocked"
            stopping = mock.stop()
            assert repr(mock).startswith("<aiointercept idle")
            if awaited:
                await stopping

    def test_awaited_twice(self) -> None:
        """What `start()` returns may be awaited again."""

        async def program() -> None:
            mock = aiointercept()
            starting = mock.start()
            assert await starting is await starting is mock
            await mock.stop()

        asyncio.run(program())

    async def test_started_twice(self) -> None:
        """Starting what has been started says so, and changes nothing."""
        with aiointercept(True) as mock:
            mock.get(f"{API}/x", body="mocked")
            with pytest.raises(RuntimeError) as raised:
                mock.start()
            assert str(raised.value) == (
                "<aiointercept active, 1 routes, 0 calls> has been started already. "
                "Stop it first, or use another aiointercept()."
            )
            async with ClientSession() as session:
                assert await text(session) == "mocked"

    def test_stopped_twice(self) -> None:
        """Stopping what has been stopped, or was never started, does nothing."""
        mock = aiointercept(True)
        mock.stop()
        mock.start()
        mock.stop()
        mock.stop()
        assert not mock.active

    async def test_stopped_within_the_block(self) -> None:
        """A block may stop its mock itself."""
        async with aiointercept(True) as mock:
            await mock.stop()

    async def test_started_again(self) -> None:
        """A mock that was stopped can be started again, without its old records."""
        mock = aiointercept(True)
        for body in ("first", "second"):
            async with mock, ClientSession() as session:
                mock.get(f"{API}/x", body=body)
                assert await text(session) == body
                assert mock.call_count == 1

    async def test_registered_before_start(self) -> None:
        """Routes may be registered before the start."""
        mock = aiointercept(True)
        mock.get(f"{API}/x", body="mocked")
        async with mock, ClientSession() as session:
            assert await text(session) == "mocked"

    async def test_after_stop(self) -> None:
        """After the stop records stay, routes are gone, and the server too."""
        async with aiointercept(True) as mock, ClientSession() as session:
            mock.get(f"{API}/x", repeat=True)
            await text(session)
        mock.assert_called_once_with(f"{API}/x")
        assert repr(mock) == "<aiointercept idle, 0 routes, 1 calls>"
        with pytest.raises(RuntimeError) as raised:
            _ = mock.server_url
        assert str(raised.value) == "server_url: the mock is not started, so there is no server."

    @pytest.mark.parametrize("moment", ["before", "after"])
    async def test_used_while_idle(self, moment: str) -> None:
        """A session of a mock that is not started gets an error that says so."""
        mock = aiointercept()
        if moment == "after":
            mock.start()
            mock.stop()
        mock.get(f"{API}/x")
        async with mock.session() as session:
            with pytest.raises(InterceptClosedError) as raised:
                await text(session)
        assert str(raised.value) == (
            f"GET {API}/x: the mock that was to answer is not active. "
            f"It has been stopped, or not been started."
        )

    @pytest.mark.parametrize("form", ["with", "async with"])
    async def test_body_raises(self, form: str) -> None:
        """What the block raises is raised on, and nothing is left."""
        mock = aiointercept(True)

        async def block() -> None:
            if form == "with":
                with mock:
                    raise ZeroDivisionError
            async with mock:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await block()
        assert not mock.active

    async def test_body_is_cancelled(self) -> None:
        """A block that is cancelled leaves nothing."""
        mock = aiointercept(True)
        entered = asyncio.Event()

        async def block() -> None:
            async with mock:
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(block())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not mock.active

    def test_leaving_cannot_fail_half_way(self) -> None:
        """Where finding out what to complain of fails, the mock is stopped all the same."""

        class Broken(aiointercept):
            def problems(self) -> list[str]:
                raise ZeroDivisionError

        mock = Broken(True)
        with pytest.raises(ZeroDivisionError), mock:
            pass
        assert not mock.active

    async def test_repr(self) -> None:
        """The repr tells whether it is active, and counts routes and calls."""
        mock = aiointercept()
        mock.get("/x")
        assert repr(mock) == "<aiointercept idle, 1 routes, 0 calls>"
        async with mock, mock.session() as session:
            await text(session)
            assert repr(mock) == "<aiointercept active, 1 routes, 1 calls>"

    def test_attributes(self) -> None:
        """The arguments can be read back."""
        mock = aiointercept(True, ["a.com"], True, "m", wire="tcp", scope="task")
        assert (mock.mock_external_urls, mock.passthrough) == (True, ("a.com",))
        assert (mock.passthrough_unmatched, mock.param) == (True, "m")
        assert (mock.wire, mock.tls, mock.scope) == ("tcp", "assume", "task")


class TestWaysIn:
    """Explicit sessions, and the server for clients of every kind."""

    async def test_session(self) -> None:
        """`session()` asks the mock, and takes any argument of `ClientSession`."""
        with aiointercept() as mock:
            mock.get(f"{API}/x", body="mocked")
            async with mock.session(base_url=API, headers={"X-A": "1"}) as session:
                assert await text(session, "/x") == "mocked"
        mock.assert_called_with(f"{API}/x", headers={"X-A": "1"})

    async def test_connector(self) -> None:
        """`connector()` returns a connector to the mock; it takes those of `TCPConnector`."""
        with aiointercept() as mock:
            mock.get(f"{API}/x", body="mocked")
            connector = mock.connector(limit=3)
            assert isinstance(connector, InterceptConnector)
            assert connector.limit == 3
            async with ClientSession(connector=connector) as session:
                assert await text(session) == "mocked"

    async def test_other_sessions(self) -> None:
        """Without `mock_external_urls` other sessions are left alone."""
        async with real_server() as real:
            with aiointercept() as mock:
                mock.get(real.url, body="mocked")
                async with ClientSession() as session:
                    assert await text(session, real.url) == "real"
        mock.assert_not_called()

    def test_server_url(self) -> None:
        """`server_url` answers a client that blocks the test's own thread."""
        with aiointercept() as mock:
            mock.get(f"{mock.server_url}/x", body="mocked")
            with urllib.request.urlopen(f"{mock.server_url}/x") as response:
                assert response.read() == b"mocked"
            assert mock.server_url == f"http://{mock.server_host}:{mock.server_port}"
            assert (mock.server_host, type(mock.server_port)) == ("127.0.0.1", int)
            mock.assert_called_once_with(f"{mock.server_url}/x")

    def test_server_url_before_start(self) -> None:
        """There is no `server_url` before the start."""
        for name in ("server_url", "server_host", "server_port"):
            with pytest.raises(RuntimeError, match="the mock is not started"):
                getattr(aiointercept(), name)


class TestRoutes:
    """Registering, beyond what the other libraries have."""

    @pytest.fixture
    def mock(self) -> Any:
        """A mock that is started, for explicit sessions."""
        with aiointercept() as mock:
            yield mock

    async def test_path_on_any_host(self, mock: aiointercept) -> None:
        """A path alone is for any host."""
        mock.get("/x", body="mocked", repeat=True)
        async with mock.session() as session:
            assert await text(session, "http://a.com/x") == "mocked"
            assert await text(session, "https://b.com:8443/x") == "mocked"

    async def test_json_null(self, mock: aiointercept) -> None:
        """`json=None` is JSON null; `payload=None` is nothing."""
        mock.get("/x", json=None)
        mock.get("/x", payload=None, body="body")
        async with mock.session() as session:
            assert [await text(session), await text(session)] == ["null", "body"]

    async def test_finite_before_endless(self, mock: aiointercept) -> None:
        """What is registered first answers first, also before an endless route."""
        mock.get("/x", body="once")
        mock.get("/x", body="ever", repeat=True)
        async with mock.session() as session:
            assert [await text(session) for _ in range(3)] == ["once", "ever", "ever"]

    async def test_endless_over_endless(self, mock: aiointercept) -> None:
        """A later endless route replaces an earlier one of the same URL."""
        mock.get("/x", body="fixture", repeat=True)
        mock.get("/x", body="test", repeat=True)
        async with mock.session() as session:
            assert await text(session) == "test"

    async def test_priority(self, mock: aiointercept) -> None:
        """A higher priority answers before what was registered first."""
        mock.get("/x", body="default", repeat=True)
        mock.get("/x", body="first", priority=1)
        async with mock.session() as session:
            assert [await text(session), await text(session)] == ["first", "default"]

    async def test_unusual_method(self, mock: aiointercept) -> None:
        """Any token is a method."""
        mock.add("/x", "m-search", body="found")
        async with mock.session() as session, session.request("M-SEARCH", f"{API}/x") as response:
            assert await response.text() == "found"

    async def test_callback_none(self, mock: aiointercept) -> None:
        """A callback that returns None leaves the answer to what is registered beside it."""
        mock.get("/x", callback=lambda url, **kwargs: None, status=202, body="beside")
        async with mock.session() as session:
            assert await text(session) == "beside"

    @pytest.mark.parametrize("exception", [KeyError("mine"), aiohttp.ServerDisconnectedError()])
    async def test_exception(self, mock: aiointercept, exception: BaseException) -> None:
        """The exception reaches the caller, the very object."""
        called: list[Any] = []
        mock.get("/x", exception=exception, callback=lambda *args, **kwargs: called.append(args))
        async with mock.session() as session:
            with pytest.raises(type(exception)) as raised:
                await text(session)
        assert raised.value is exception
        assert called == []

    async def test_exception_of_callback(self, mock: aiointercept) -> None:
        """What a callback raises reaches the caller too."""

        def callback(url: URL, **kwargs: Any) -> CallbackResult:
            raise KeyError("mine")

        mock.get("/x", callback=callback)
        async with mock.session() as session:
            with pytest.raises(KeyError, match="mine"):
                await text(session)

    async def test_no_exception(self, mock: aiointercept) -> None:
        """`exception=False` is no exception."""
        mock.get("/x", exception=False, body="mocked")
        async with mock.session() as session:
            assert await text(session) == "mocked"

    async def test_handle(self, mock: aiointercept) -> None:
        """What `add` returns tells how the route was used."""
        route = mock.get(f"{API}/x", repeat=2, name="x")
        assert isinstance(route, MockResponse)
        assert isinstance(route, Route)
        assert (route.called, route.call_count, route.calls, route.last_call) == (
            False,
            0,
            [],
            None,
        )
        async with mock.session() as session:
            await text(session)
        assert (route.called, route.call_count, route.remaining) == (True, 1, 1)
        assert route.calls == [mock.last_request]
        assert route.last_call is mock.last_request
        assert route.name == "x"

    @pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "head", "options"])
    def test_verbs(self, mock: aiointercept, verb: str) -> None:
        """Every verb registers its own method."""
        assert getattr(mock, verb)("/x").method == verb.upper()

    def test_options_are_those_of_add(self) -> None:
        """What type checkers let the verbs take is what `add` takes."""
        parameters = inspect.signature(aiointercept.add).parameters
        assert set(RouteOptions.__annotations__) == set(parameters) - {
            "self",
            "url",
            "method",
            "unknown",
        }


class TestRegisteredAt:
    """A route knows where it was registered."""

    def test_here(self) -> None:
        """By file and line, the file as seen from the current directory."""
        here = inspect.currentframe()
        assert here is not None
        route = aiointercept().get("/x")
        expected = Path(__file__)
        if expected.is_relative_to(Path.cwd()):
            expected = expected.relative_to(Path.cwd())
        assert route.registered_at == f"{expected}:{here.f_lineno - 4}"

    def test_elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file elsewhere is named whole."""
        monkeypatch.chdir(tmp_path)
        registered_at = aiointercept().add("/x").registered_at
        assert registered_at is not None
        assert registered_at.rpartition(":")[0] == __file__

    def test_in_a_directory_that_is_gone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A current directory that does not exist any more is no obstacle."""
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        registered_at = aiointercept().get("/x").registered_at
        monkeypatch.chdir(os.sep)
        assert registered_at is not None
        assert registered_at.startswith(__file__)


class TestRecords:
    """What was asked."""

    async def test_views(self) -> None:
        """`calls`, `called`, `call_count`, `last_request`, `ordered_requests`, `requests`."""
        async with aiointercept() as mock, mock.session() as session:
            assert (mock.called, mock.call_count, mock.calls) == (False, 0, [])
            mock.get("/x", repeat=True)
            await text(session)
            await text(session, "http://other/x")
            assert (mock.called, mock.call_count) == (True, 2)
            assert [str(call.url) for call in mock.calls] == [f"{API}/x", "http://other/x"]
            assert mock.last_request is mock.calls[-1]
            assert mock.ordered_requests == [
                (("GET", URL(f"{API}/x")), mock.calls[0]),
                (("GET", URL("http://other/x")), mock.calls[1]),
            ]
            assert mock.requests["get", f"{API}:443/x"] == mock.calls[:1]

    async def test_unmatched(self) -> None:
        """A refused request is recorded once, and is the error's `request`."""
        async with aiointercept() as mock, mock.session() as session:
            with pytest.raises(UnmatchedRequestError) as raised:
                await text(session)
            assert mock.unmatched == mock.calls == [raised.value.request]
            assert mock.last_request is not None
            assert mock.last_request.route is None

    async def test_clear(self) -> None:
        """`clear()` forgets records and routes, and the mock goes on."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get("/x", repeat=True)
            await text(session)
            mock.clear()
            assert repr(mock) == "<aiointercept active, 0 routes, 0 calls>"
            assert mock.requests == {}
            with pytest.raises(UnmatchedRequestError):
                await text(session)

    async def test_assertions(self) -> None:
        """The mock's assertions look at its journal."""
        async with aiointercept() as mock, mock.session() as session:
            mock.assert_not_called()
            mock.post("/x?q=1")
            mock.post("/x")
            await session.post(f"{API}/x", json={"a": None}, params={"q": "1"})
            mock.assert_called()
            mock.assert_called_once()
            mock.assert_any_call(f"{API}/x", "POST", {"q": 1})
            mock.assert_called_with(f"{API}/x?q=1", "POST", json={"a": None})
            mock.assert_called_once_with(f"{API}/x", "POST", {"q": 1}, None, {"a": None})
            with pytest.raises(AssertionError, match="expected None, got"):
                mock.assert_called_with(f"{API}/x?q=1", "POST", json=None)
            await session.post(f"{API}/x")
            with pytest.raises(AssertionError, match=re.escape("Expected exactly 1 call, got 2.")):
                mock.assert_called_once_with(f"{API}/x", "POST")

    async def test_warning_names_the_line(self) -> None:
        """The warning of ignored keywords is about the line of the test."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get("/x")
            await text(session)
            for check in (mock.assert_called_with, mock.assert_called_once_with):
                with pytest.warns(DeprecationWarning, match="cannot see: ssl, timeout") as caught:
                    check(f"{API}/x", timeout=1, ssl=False)
                assert [warning.filename for warning in caught] == [__file__]


class TestInstall:
    """`install()` and `uninstall()`."""

    async def test_pair(self) -> None:
        """Between the two every session is answered."""
        mock = install()
        try:
            mock.get(f"{API}/x", body="mocked")
            async with ClientSession() as session:
                assert await text(session) == "mocked"
        finally:
            uninstall()
        assert not mock.active

    def test_options(self) -> None:
        """`install()` takes the arguments of the class."""
        mock = install(wire="tcp", param="m")
        uninstall(mock)
        assert (mock.wire, mock.param, mock.mock_external_urls) == ("tcp", "m", True)

    def test_mock_of_one_s_own(self) -> None:
        """A mock of one's own is started, and returned."""
        mock = aiointercept(True)
        assert install(mock) is mock
        assert mock.active
        uninstall(mock)
        assert not mock.active

    def test_stack(self) -> None:
        """Without an argument the last install is undone; they may leave in any order."""
        first, second, third = install(), install(), install()
        uninstall(second)
        assert [mock.active for mock in (first, second, third)] == [True, False, True]
        uninstall()
        assert [mock.active for mock in (first, second, third)] == [True, False, False]
        uninstall()
        assert not first.active

    def test_stopped_by_itself(self) -> None:
        """An installed mock that was stopped by itself is passed over."""
        first, second = install(), install()
        second.stop()
        uninstall()
        assert not first.active

    def test_nothing_installed(self) -> None:
        """Without any install, `uninstall()` does nothing."""
        uninstall()

    def test_of_wrong_mock(self) -> None:
        """A mock that is not for external URLs is refused, and so are options beside a mock."""
        with pytest.raises(ValueError, match=r"^install\(\) needs a mock made with mock_external"):
            install(aiointercept())
        with pytest.raises(TypeError) as refused:
            install(aiointercept(True), wire="tcp")
        assert str(refused.value) == "install() takes a mock or options for one, not both: ['wire']"


def test_public_names() -> None:
    """Every public name is there, and listed in order."""
    names = aiointercept_connector.__all__
    assert all(hasattr(aiointercept_connector, name) for name in names)
    assert len(names) == len(set(names))
