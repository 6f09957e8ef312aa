"""What type checkers make of the public API; `make lint` runs mypy and pyright over this file.

Where an argument is wrong, an ignore stands beside it: both checkers report an ignore without use.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy, MultiDictProxy
from yarl import URL

import aiointercept_connector
from aiointercept_connector import (
    ANY,
    AiointerceptRequest,
    CallbackResult,
    InterceptConnector,
    MockResponse,
    Route,
    UnmatchedRequestError,
    aiointercept,
    install,
    uninstall,
)

if TYPE_CHECKING:
    from typing_extensions import assert_type

    from aiointercept_connector.journal.journal import RequestsByUrl
    from aiointercept_connector.journal.parts import Part

    def registering(mock: aiointercept) -> None:
        """Routes."""
        assert_type(mock.get("/x"), Route)
        assert_type(mock.add(URL("https://a.com"), "PURGE", 200, "body"), Route)
        mock.post(re.compile("x"), json=None, status=201, headers=CIMultiDict({"a": "b"}))
        mock.put("/x", body=memoryview(b""), repeat=True, content_type="a/b", reason="R")
        mock.patch("/x", exception=True)
        mock.delete("/x", exception=TimeoutError)
        mock.head("/x", exception=OSError("x"), priority=1, name="x")
        mock.options("/x", payload=[1], repeat=2)
        response: MockResponse = mock.get("/x")
        assert_type(response.call_count, int)

        mock.get(5)  # type: ignore[arg-type] # no URL
        mock.get("/x", status="200")  # type: ignore[arg-type] # no int
        mock.get("/x", body=5)  # type: ignore[arg-type] # no body
        mock.get("/x", boby="x")  # type: ignore[call-arg] # no such argument
        mock.get("/x", exception="x")  # type: ignore[arg-type] # no exception
        mock.add("/x", callback=5)  # type: ignore[arg-type] # cannot be called

    def callbacks(mock: aiointercept) -> None:
        """Callbacks of every kind."""

        def plain(url: URL, **kwargs: Any) -> CallbackResult:
            return CallbackResult()

        async def coroutine(url: URL, **kwargs: Any) -> CallbackResult:
            return CallbackResult(body=b"", headers={"a": "b"})

        async def maybe(url: URL, *, headers: CIMultiDictProxy[str], **kw: Any) -> None: ...

        async def handler(request: AiointerceptRequest) -> dict[str, int]:
            return {}

        mock.get("/x", callback=plain)
        mock.get("/x", callback=coroutine)
        mock.get("/x", callback=maybe)
        mock.get("/x", callback=lambda url, **kwargs: None)
        mock.get("/x", callback=handler, read_body=False)
        mock.get("/x", reply=handler)

    def constructing() -> None:
        """The class and its options."""
        aiointercept(True, ["a.com", URL("http://b.com")], True, "m")
        aiointercept(wire="tcp", tls="assume", scope="task")
        aiointercept(wire="udp")  # type: ignore[arg-type] # no such wire
        aiointercept(scope="thread")  # type: ignore[arg-type] # no such scope
        assert_type(install(), aiointercept)
        uninstall()

    async def lifecycle(mock: aiointercept) -> None:
        """Ways to start and stop."""
        with mock as one:
            assert_type(one, aiointercept)
        async with mock as two:
            assert_type(two, aiointercept)
        assert_type(mock.start(), Awaitable[aiointercept])
        assert_type(await mock.start(), aiointercept)
        await mock.stop()
        assert_type(mock.connector(limit=3), InterceptConnector)
        assert_type(mock.session(), aiohttp.ClientSession)
        assert_type(mock.server_url, str)
        assert_type(mock.server_port, int)

    class Mock(aiointercept):
        """A subclass stays what it is."""

    async def subclass(mock: Mock) -> None:
        """Ways to start it."""
        async with mock as one:
            assert_type(one, Mock)
        assert_type(await mock.start(), Mock)

    @aiointercept(True)
    async def decorated(one: int, mock: aiointercept) -> str:
        """Is called without the mock."""
        return ""

    @aiointercept(True)
    class Decorated:
        """Stays a class."""

        async def test(self, mock: aiointercept) -> None:
            """Test something."""

    async def decorating() -> None:
        """What is decorated keeps what it returns."""
        assert_type(Decorated(), Decorated)
        assert_type(await decorated(1), str)

    async def records(mock: aiointercept) -> None:
        """What was asked."""
        assert_type(mock.requests, RequestsByUrl)
        assert_type(mock.requests["GET", URL("/x")], list[AiointerceptRequest])
        assert_type(mock.requests["GET", "/x"], list[AiointerceptRequest])
        assert_type(mock.requests.get(("GET", "/x")), list[AiointerceptRequest] | None)
        assert_type(mock.requests.get(("GET", "/x"), []), list[AiointerceptRequest])
        assert_type(mock.ordered_requests, list[tuple[tuple[str, URL], AiointerceptRequest]])
        assert_type(mock.calls, list[AiointerceptRequest])
        assert_type(mock.last_request, AiointerceptRequest | None)
        assert_type(mock.call_count, int)
        assert_type(mock.called, bool)

    async def request(one: AiointerceptRequest) -> None:
        """One record."""
        assert_type(one.url, URL)
        assert_type(one.canonical_url, URL)
        assert_type(one.captured_body, bytes | None)
        assert_type(one.captured_text, str)
        assert_type(one.captured_json, Any)
        assert_type(one.captured_form, MultiDictProxy[str] | None)
        assert_type(one.captured_parts, tuple[Part, ...] | None)
        assert_type(one.kwargs["query"], dict[str, list[str]])
        assert_type(one.kwargs["data"], bytes | None)
        assert_type(one.route, Route | None)
        assert_type(one.proxy, URL | None)
        assert_type(await one.read(), bytes)
        assert_type(await one.text(), str)

    def asserting(mock: aiointercept) -> None:
        """Assertions."""
        mock.assert_any_call("/x", "POST", {"a": 1})
        mock.assert_any_call(URL("/x"), params=[("a", "1")])
        mock.assert_called_with("/x", data={"a": ANY}, json=None, headers={"a": ANY})
        mock.assert_called_once_with("/x", "GET", "a=1", strict_headers=True)
        mock.assert_any_call(5)  # type: ignore[arg-type] # no URL

    def errors(error: UnmatchedRequestError) -> None:
        """The error of a request without a route."""
        as_the_client_s: list[aiohttp.ClientConnectionError] = [error]
        assert_type(as_the_client_s[0], aiohttp.ClientConnectionError)
        assert_type(error.request, AiointerceptRequest | None)


def test_typed() -> None:
    """The package tells type checkers that it has annotations."""
    assert (Path(aiointercept_connector.__file__).parent / "py.typed").exists()
