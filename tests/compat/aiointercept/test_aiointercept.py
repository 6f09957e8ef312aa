"""The API of aiointercept, and its own behaviour where that was asked for."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import ANY

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from aiointercept_connector import UnmatchedRequestError

pytestmark = pytest.mark.anyio

API = "https://api.example.com"


async def get(session: aiohttp.ClientSession, url: str = f"{API}/x", method: str = "GET") -> int:
    """Return the status of an answer."""
    async with session.request(method, url) as response:
        await response.read()
        return response.status


async def status_or_none(session: aiohttp.ClientSession, method: str) -> int | None:
    """Return the status of an answer, or None if the connection broke."""
    try:
        return await get(session, method=method)
    except aiohttp.ServerDisconnectedError:
        return None


class TestNames:
    def test_names(self, library: Any) -> None:
        """The same names are there, in the same modules."""
        names = {"AiointerceptRequest", "CallbackResult", "MockResponse", "aiointercept"}
        assert names <= set(library.__all__)

    @pytest.mark.parametrize(
        "url",
        [
            "http://h.test?b=2&a=1&a=0#f",
            "https://h.test./p/",
            "http://h.test/a%2Fb?c=%20d",
            "/path?b&a",
        ],
    )
    def test_normalize_url(self, url: str) -> None:
        """URLs have the same normal form."""
        compat = pytest.importorskip("aiointercept.compat")
        from aiointercept_connector.compat.aiointercept import compat as ours

        assert str(ours.normalize_url(url)) == str(compat.normalize_url(url))
        assert ours.merge_params(url, {"z": "1"}) == compat.merge_params(url, {"z": "1"})
        assert ours.merge_params(url) == compat.merge_params(url)


class TestArguments:
    @pytest.mark.filterwarnings("default")
    def test_unknown_arguments_warn(self, library: Any) -> None:
        """What the constructor does not know has no effect, and is warned of."""
        message = "^Passing extra parameters to aiointercept via kwargs is deprecated"
        with pytest.warns(DeprecationWarning, match=message):
            library.aiointercept(whatever=1)

    def test_ours_do_not(self, ours: Any) -> None:
        """This library's own arguments may be given."""
        assert ours.aiointercept(strict=True, wire="tcp").strict

    async def test_json_none_is_none(self, library: Any, session: aiohttp.ClientSession) -> None:
        """``json=None`` is as if it were not given, in answers and in assertions."""
        async with library.aiointercept(True) as mock:
            mock.post(f"{API}/x", body="text", json=None)
            async with session.post(f"{API}/x", json={"a": 1}) as response:
                assert await response.text() == "text"
            mock.assert_called_with(f"{API}/x", "POST", json=None)
            mock.assert_called_once_with(f"{API}/x", "POST", json=None, headers=ANY)

    async def test_braces_are_literal(self, library: Any, session: aiohttp.ClientSession) -> None:
        """A URL is no template."""
        async with library.aiointercept(True) as mock:
            mock.get(f"{API}/{{id}}")
            assert await get(session, f"{API}/{{id}}") == 200
            with pytest.raises(aiohttp.ClientConnectionError):
                await get(session, f"{API}/7")

    @pytest.mark.parametrize("in_callback", [False, True])
    async def test_a_body_in_pieces(
        self, library: Any, session: aiohttp.ClientSession, in_callback: bool
    ) -> None:
        """A body may be an asynchronous iterable; it is sent in chunks."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"a"
            yield b"b"

        def callback(url: URL, **kwargs: Any) -> Any:
            return library.CallbackResult(body=pieces(), status=201)

        async with library.aiointercept(True) as mock:
            how = {"callback": callback} if in_callback else {"body": pieces(), "status": 201}
            mock.get(f"{API}/x", **how)
            async with session.get(f"{API}/x") as response:
                assert response.headers["Transfer-Encoding"] == "chunked"
                assert (response.status, await response.read()) == (201, b"ab")

    @pytest.mark.filterwarnings("default")
    async def test_unknown_arguments_of_assertions_warn(
        self, library: Any, session: aiohttp.ClientSession
    ) -> None:
        """What an assertion does not know is not compared, and warned of."""
        async with library.aiointercept(True) as mock:
            mock.get(f"{API}/x")
            await get(session)
            message = "^Passing extra parameters to assert_called_with via kwargs is deprecated"
            with pytest.warns(DeprecationWarning, match=message):
                mock.assert_called_with(f"{API}/x", allow_redirects=True)

    async def test_registries(self, library: Any, session: aiohttp.ClientSession) -> None:
        """``handlers`` and ``patterns_handler`` have what is left; ``server`` is there or not."""
        mock = library.aiointercept(True)
        assert not mock.server
        async with mock:
            assert mock.server
            assert (mock.handlers, mock.patterns_handler) == ({}, {})
            mock.get(f"{API}/x", repeat=True)
            pattern = re.compile("^https://other")
            mock.post(pattern, repeat=True)
            assert list(mock.handlers) == [(f"{API}/x", "GET")]
            assert list(mock.patterns_handler) == [(pattern, "POST")]
        assert (mock.server, mock.handlers) == (None, {})

    async def test_what_is_left(self, library: Any, session: aiohttp.ClientSession) -> None:
        """A registry has, of a URL, the response for ever, or one for each answer that is left."""
        async with library.aiointercept(True) as mock:
            pattern = re.compile("^https://other")
            for_ever = mock.get(f"{API}/x", repeat=True)
            twice = mock.get(f"{API}/y", repeat=2)
            once = mock.get(f"{API}/y")
            mock.get(pattern)
            await get(session, f"{API}/y")
            await get(session, "https://other.test/")
            assert mock.handlers[f"{API}/x", "GET"] is for_ever
            assert mock.handlers[f"{API}/y", "GET"] == [twice, once]
            assert mock.patterns_handler == {}
            await get(session, f"{API}/y")
            await get(session, f"{API}/y")
            assert mock.handlers[f"{API}/y", "GET"] == []

    async def test_call_count_of_a_registration(
        self, library: Any, session: aiohttp.ClientSession
    ) -> None:
        """``add`` returns a ``MockResponse``, which counts."""
        async with library.aiointercept(True) as mock:
            route = mock.get(f"{API}/x", repeat=2)
            await get(session)
            assert isinstance(route, library.MockResponse)
            assert route.call_count == 1


class TestDecorating:
    async def test_function(self, library: Any) -> None:
        """A function gets the mock behind its positional arguments."""

        @library.aiointercept(True)  # type: ignore[untyped-decorator]
        async def function(first: int, mock: Any, second: int) -> tuple[Any, ...]:
            return first, type(mock).__name__, second

        assert await function(1, second=2) == (1, "aiointercept", 2)

    async def test_method(self, library: Any) -> None:
        """A method gets it behind ``self``, whatever else it takes."""

        class Suite:
            @library.aiointercept(True)  # type: ignore[untyped-decorator]
            async def method(self, mock: Any, *values: int) -> tuple[Any, ...]:
                return type(mock).__name__, *values

        assert await Suite().method(1, 2) == ("aiointercept", 1, 2)

    async def test_param(self, library: Any) -> None:
        """Under a name it is a keyword argument."""

        @library.aiointercept(True, param="mocked")  # type: ignore[untyped-decorator]
        async def function(first: int, **kwargs: Any) -> Any:
            return first, list(kwargs)

        assert await function(1) == (1, ["mocked"])

    def test_ours_decorates_more(self, ours: Any) -> None:
        """Plain functions can be decorated, too."""

        @ours.aiointercept(True)  # type: ignore[untyped-decorator]
        def function(mock: Any) -> bool:
            return bool(mock.active)

        assert function() is True


class TestLegacy:
    async def test_unmatched(self, legacy: Any, session: aiohttp.ClientSession) -> None:
        """A request that nothing is registered for is a connection that breaks."""
        async with legacy(True) as mock:
            mock.post(f"{API}/x")
            with pytest.raises(aiohttp.ServerDisconnectedError) as raised:
                await get(session)
            assert str(raised.value) == "Server disconnected"
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await get(session, method="DELETE")
            assert await get(session, method="POST") == 200

    @pytest.mark.parametrize(
        ("registered", "method", "message"),
        [
            (
                [("get", {})],
                "GET",
                (
                    "no handler for GET https://api.example.com/x — all registered"
                    " handlers for this method+url have already been consumed"
                    " (finite repeat exhausted)"
                ),
            ),
            (
                [("get", {})],
                "POST",
                (
                    "no matching handler — closest registered (diff):\n"
                    "- POST https://api.example.com/x\n? ^^^\n+ GET https://api.example.com/x\n? ^^"
                ),
            ),
        ],
    )
    async def test_the_log_says_why(
        self,
        legacy: Any,
        session: aiohttp.ClientSession,
        caplog: pytest.LogCaptureFixture,
        registered: list[Any],
        method: str,
        message: str,
    ) -> None:
        """A warning says why, in the words of aiointercept."""
        async with legacy(True) as mock:
            for verb, arguments in registered:
                getattr(mock, verb)(f"{API}/x", **arguments)
            if method == "GET":
                await get(session)
            with caplog.at_level(logging.WARNING), pytest.raises(aiohttp.ClientConnectionError):
                await session.request(method, f"{API}/x")
        assert {one.getMessage() for one in caplog.records} == {f"aiointercept: {message}"}

    async def test_the_error_says_why(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """What is raised has a note that lists the registrations that came near."""
        async with ours.aiointercept(True, legacy=True) as mock:
            mock.post(f"{API}/x")
            with pytest.raises(aiohttp.ServerDisconnectedError) as raised:
                await get(session)
        for note in getattr(raised.value, "__notes__", ["Nearest routes:"]):
            assert "Nearest routes:" in note

    async def test_exceptions(
        self, legacy: Any, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever ``exception=`` says is a connection that breaks, and is warned of."""
        async with legacy(True) as mock:
            mock.post(f"{API}/x", exception=True)
            mock.post(f"{API}/x", exception=ValueError())
            for _ in range(2):
                with pytest.raises(aiohttp.ServerDisconnectedError):
                    await get(session, method="POST")
        assert [record.getMessage() for record in caplog.records] == [
            (
                "aiointercept only raise ClientConnectionError, "
                "pass exception=True instead of an specific exception"
            )
        ]

    @pytest.mark.parametrize(("method", "statuses"), [("GET", [201, 201]), ("POST", [None, 201])])
    async def test_a_call_that_aiohttp_sends_twice(
        self,
        legacy: Any,
        session: aiohttp.ClientSession,
        method: str,
        statuses: list[int | None],
    ) -> None:
        """What aiohttp sends again, because the connection broke, gets the next answer."""
        async with legacy(True) as mock:
            broken = mock.add(f"{API}/x", method, exception=True)
            mock.add(f"{API}/x", method, status=201, repeat=2)
            assert [await status_or_none(session, method) for _ in statuses] == statuses
            assert broken.call_count == 1
            assert mock.call_count == 1 + statuses.count(201)

    async def test_ip_addresses_are_real(self, legacy: Any, session: aiohttp.ClientSession) -> None:
        """A host that is an IP address is asked for real, registered or not."""

        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=203)

        app = web.Application()
        app.router.add_get("/x", answer)
        async with TestServer(app) as server, legacy(True) as mock:
            url = str(server.make_url("/x"))
            mock.get(url)
            assert await get(session, url) == 203

    @pytest.mark.parametrize("what", ["raises", "returns None", "raises later"])
    async def test_callbacks(self, legacy: Any, session: aiohttp.ClientSession, what: str) -> None:
        """A callback that raises, or returns nothing, is a 500."""

        def callback(url: URL, **kwargs: Any) -> None:
            if what == "raises":
                raise ValueError(url)

        async def later(url: URL, **kwargs: Any) -> None:
            await asyncio.sleep(0)
            raise ValueError(url)

        async with legacy(True) as mock:
            mock.get(f"{API}/x", callback=later if what == "raises later" else callback)
            assert await get(session) == 500

    async def test_a_callback_that_returns_something_else(
        self, legacy: Any, session: aiohttp.ClientSession
    ) -> None:
        """What a callback returns must have the attributes of a ``CallbackResult``."""

        def callback(url: URL, **kwargs: Any) -> dict[str, int]:
            return {"a": 1}

        async with legacy(True) as mock:
            mock.get(f"{API}/x", callback=callback)
            async with session.get(f"{API}/x") as response:
                assert response.status == 500
                assert await response.text() == (
                    "500 Internal Server Error\n\nServer got itself in trouble"
                )

    @pytest.mark.parametrize("status", [204, 304])
    @pytest.mark.parametrize("how", [{"body": b"abc"}, {"payload": [1]}, {"json": 0}])
    async def test_a_body_that_http_does_not_allow(
        self, legacy: Any, session: aiohttp.ClientSession, status: int, how: dict[str, Any]
    ) -> None:
        """With a status that allows no body, what was given as one is left out."""
        async with legacy(True) as mock:
            mock.get(f"{API}/x", status=status, content_type="text/x", **how)
            async with session.get(f"{API}/x") as response:
                assert (response.status, await response.read()) == (status, b"")
                assert response.headers["Content-Type"] == "text/x"

    @pytest.mark.parametrize("status", [204, 304])
    async def test_a_result_that_http_does_not_allow(
        self, library: Any, legacy: Any, session: aiohttp.ClientSession, status: int
    ) -> None:
        """So is what a callback returns as one."""

        def callback(url: URL, **kwargs: Any) -> Any:
            return library.CallbackResult(status=status, payload={"a": 1})

        async with legacy(True) as mock:
            mock.get(f"{API}/x", callback=callback)
            async with session.get(f"{API}/x") as response:
                assert (response.status, await response.read()) == (status, b"")

    async def test_nothing_as_a_body(self, legacy: Any, session: aiohttp.ClientSession) -> None:
        """``body=None`` is an empty body, and ``callback=`` something else than one is none."""
        async with legacy(True) as mock:
            mock.get(f"{API}/x", body=None, callback=False)
            async with session.get(f"{API}/x") as response:
                assert (response.status, await response.read()) == (200, b"")

    async def test_a_negative_repeat(self, legacy: Any) -> None:
        """A negative ``repeat`` is refused, in the words of aiointercept."""
        async with legacy(True) as mock:
            for url in (f"{API}/x", re.compile(API)):
                with pytest.raises(ValueError, match=r"^repeat must be at least 1$"):
                    mock.get(url, repeat=-1)

    async def test_no_url_before_the_start(self, legacy: Any) -> None:
        """Before ``start()`` there is no ``server_url``; after ``stop()`` it is what it was."""
        mock = legacy()
        for name in ("server_url", "server_host", "server_port"):
            assert not hasattr(mock, name)
        async with mock:
            url = mock.server_url
        assert mock.server_url == url == f"http://{mock.server_host}:{mock.server_port}"

    async def test_what_is_kept(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """The bounds of what is kept of requests hold with ``legacy=True``, too."""
        async with ours.aiointercept(True, legacy=True, max_requests=1, max_body=2) as mock:
            mock.post(f"{API}/x", repeat=True)
            for _ in range(2):
                await session.post(f"{API}/x", data=b"abc")
            (request,) = mock.calls
            assert (mock.call_count, request.captured_body) == (2, b"ab")

    @pytest.mark.parametrize("url", [f"{API}/x", re.compile(API)])
    async def test_repeat_replaces_what_is_queued(
        self, legacy: Any, session: aiohttp.ClientSession, url: Any
    ) -> None:
        """``repeat=True`` drops what was queued for the URL."""
        async with legacy(True) as mock:
            mock.get(url, status=201)
            mock.get(url, status=202, repeat=True)
            assert await get(session) == 202

    @pytest.mark.parametrize(
        ("url", "what"), [(f"{API}/x", f"{API}/x"), (re.compile("a"), "pattern re.compile('a')")]
    )
    async def test_nothing_is_queued_behind_repeat(self, legacy: Any, url: Any, what: str) -> None:
        """What could never answer is refused."""
        async with legacy(True) as mock:
            mock.get(url, repeat=True)
            with pytest.raises(ValueError, match=r"has repeat=True") as raised:
                mock.get(url)
        assert str(raised.value) == (
            f"Existing handler for {what} GET has repeat=True, cannot add more handlers to it."
        )

    async def test_registering(self, legacy: Any) -> None:
        """Nothing can be registered before the start, or without a host."""
        mock = legacy(True)
        with pytest.raises(RuntimeError, match=r"^Server not started"):
            mock.get(f"{API}/x")
        async with mock:
            with pytest.raises(ValueError, match=r"^Cannot extract host from URL\('/x'\)$"):
                mock.get("/x")


class TestNotLegacy:
    async def test_no_url_before_the_start(self, ours: Any) -> None:
        """Before the start, asking for ``server_url`` says what is missing."""
        with pytest.raises(RuntimeError, match=r"^server_url: the mock is not started"):
            _ = ours.aiointercept().server_url

    async def test_unmatched(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """If that was not asked for, this library's own behaviour holds."""
        async with ours.aiointercept(True) as mock:
            mock.get("http://192.0.2.1/", exception=ValueError("mine"))
            with pytest.raises(UnmatchedRequestError):
                await get(session)
            with pytest.raises(ValueError, match=r"^mine$"):
                await get(session, "http://192.0.2.1/")

    async def test_nothing_is_started_for_registering(
        self, ours: Any, session: aiohttp.ClientSession
    ) -> None:
        """What is registered before the start answers."""
        mock = ours.aiointercept(True)
        mock.get(f"{API}/x", status=201)
        mock.get(f"{API}/x", status=202, repeat=True)
        async with mock:
            assert [await get(session) for _ in range(3)] == [201, 202, 202]
