"""The same test bodies over aiointercept 1.0.0 and over this package, where both should agree.

They run over the real thing where it is installed, which needs Python 3.11 or newer:
`pip install aiointercept==1.0.0`.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any
from unittest.mock import ANY

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

pytestmark = pytest.mark.anyio

API = "https://api.example.com"


@pytest.fixture(params=["aiointercept", "aiointercept_connector"])
def lib(request: pytest.FixtureRequest) -> Any:
    """The library under test: the seed's own, and ours."""
    if request.param == "aiointercept_connector":
        return importlib.import_module("aiointercept_connector")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("aiointercept")


@pytest.fixture
def anyio_backend(lib: Any) -> Any:
    """Run in debug mode but for the seed, whose own thread starts a slow loop in it."""
    return "asyncio", {"debug": lib.__name__ == "aiointercept_connector"}


@pytest.fixture
async def mock(lib: Any) -> AsyncIterator[Any]:
    """A mock of the whole process."""
    async with lib.aiointercept(mock_external_urls=True) as mock:
        yield mock


@pytest.fixture
async def session(mock: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """An ordinary session."""
    async with aiohttp.ClientSession() as session:
        yield session


async def outcome(
    session: aiohttp.ClientSession, url: str = f"{API}/x", method: str = "GET"
) -> Any:
    """Return all of a response that a test may look at."""
    async with session.request(method, url) as response:
        headers = CIMultiDict(response.headers)
        for added_by_a_server in ("Date", "Server"):
            headers.popall(added_by_a_server, None)
        return (
            response.status,
            response.reason,
            response.content_type,
            response.charset,
            headers,
            await response.read(),
        )


def says(raised: pytest.ExceptionInfo[AssertionError]) -> str:
    """Return the first line of an assertion's message."""
    return str(raised.value).splitlines()[0]


class TestResponses:
    @pytest.mark.parametrize(
        ("reply", "status", "content_type", "body"),
        [
            ({}, 200, "application/json", b""),
            ({"status": 201, "body": "héllo"}, 201, "application/json", "héllo".encode()),
            ({"body": b"\x00\xff"}, 200, "application/json", b"\x00\xff"),
            ({"json": {"a": [1, None]}}, 200, "application/json", b'{"a": [1, null]}'),
            ({"payload": [1]}, 200, "application/json", b"[1]"),
            ({"payload": [1], "json": [2]}, 200, "application/json", b"[2]"),
            ({"payload": [1], "body": "b"}, 200, "application/json", b"[1]"),
            ({"json": 0, "body": "b"}, 200, "application/json", b"0"),
            ({"json": {}, "payload": [1]}, 200, "application/json", b"{}"),
            ({"body": "<p>", "content_type": "text/html"}, 200, "text/html", b"<p>"),
            ({"body": "p", "headers": {"content-type": "text/x"}}, 200, "text/x", b"p"),
            ({"json": 1, "content_type": "application/x+json"}, 200, "application/x+json", b"1"),
            ({"status": 204}, 204, "application/json", b""),
            ({"status": 304}, 304, "application/json", b""),
            ({"status": 404, "reason": "Gone fishing"}, 404, "application/json", b""),
            ({"status": 599}, 599, "application/json", b""),
        ],
    )
    async def test_what_add_says_comes(
        self,
        mock: Any,
        session: aiohttp.ClientSession,
        reply: dict[str, Any],
        status: int,
        content_type: str,
        body: bytes,
    ) -> None:
        """Status, body and content type are those that were registered, or the defaults."""
        mock.get(f"{API}/x", **reply)
        came = await outcome(session)
        assert (came[0], came[2], came[5]) == (status, content_type, body)

    @pytest.mark.parametrize("status", [200, 201, 206, 299, 302, 400, 418, 422, 429, 451, 500, 503])
    async def test_reason_of_status(
        self, mock: Any, session: aiohttp.ClientSession, status: int
    ) -> None:
        """Without a reason phrase, the usual one of the status is sent."""
        mock.get(f"{API}/x", status=status)
        expected = HTTPStatus(status).phrase if status != 299 else ""
        assert (await outcome(session))[1] == expected

    async def test_headers_and_nothing_else(
        self, mock: Any, session: aiohttp.ClientSession
    ) -> None:
        """Given headers are sent, repeated ones as often as they are, with type and length."""
        headers = CIMultiDict([("X-Many", "1"), ("X-Many", "2"), ("ETag", '"v"')])
        mock.get(f"{API}/x", body="four", headers=headers)
        came = (await outcome(session))[4]
        assert came.getall("X-Many") == ["1", "2"]
        names = {name.lower() for name in came}
        assert names == {"content-length", "content-type", "etag", "x-many"}
        assert came["Content-Length"] == "4"

    async def test_set_cookie(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """Several Set-Cookie headers reach the session's jar, and the next request."""
        headers = CIMultiDict([("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/")])
        mock.get(f"{API}/x", headers=headers)
        mock.get(f"{API}/y")
        await outcome(session)
        await outcome(session, f"{API}/y")
        assert mock.last_request.cookies == {"a": "1", "b": "2"}

    @pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
    async def test_verbs(self, mock: Any, session: aiohttp.ClientSession, method: str) -> None:
        """Each verb registers its method, which requests have in any case."""
        getattr(mock, method)(f"{API}/x", body=method)
        assert (await outcome(session, method=method))[5] == method.encode()

    async def test_head(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """HEAD is answered with the length of the body, and without the body."""
        mock.head(f"{API}/x", body="four")
        came = await outcome(session, method="HEAD")
        assert (came[4]["Content-Length"], came[5]) == ("4", b"")

    async def test_method_in_any_case(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """The method of `add` may be written in any case."""
        mock.add(f"{API}/x", "pUt", status=202)
        assert (await outcome(session, method="PUT"))[0] == 202

    @pytest.mark.parametrize("url", [f"{API}/x", URL(f"{API}/x"), re.compile(rf"{API}/\w")])
    async def test_forms_of_url(self, mock: Any, session: aiohttp.ClientSession, url: Any) -> None:
        """A URL may be text, a `yarl.URL`, or an expression matched at the URL's start."""
        mock.get(url, body="yes")
        assert (await outcome(session))[5] == b"yes"

    async def test_query_in_any_order(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """A query is compared whole, in any order."""
        mock.get(f"{API}/x?b=2&a=1", body="yes")
        assert (await outcome(session, f"{API}/x?a=1&b=2"))[5] == b"yes"

    @pytest.mark.parametrize(("repeat", "times"), [(False, 1), (0, 1), (1, 1), (2, 2), (True, 5)])
    async def test_repeat(
        self, mock: Any, session: aiohttp.ClientSession, repeat: Any, times: int
    ) -> None:
        """`repeat` says how often a route answers, and its handle counts."""
        handle = mock.get(f"{API}/x", repeat=repeat)
        for _ in range(times):
            await outcome(session)
        assert handle.call_count == times
        if repeat is not True:
            with pytest.raises(aiohttp.ClientConnectionError):
                await outcome(session)
            assert handle.call_count == times

    async def test_queue(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """Routes of one URL answer in order of registration."""
        for body in ("1", "2", "3"):
            mock.get(f"{API}/x", body=body)
        assert [(await outcome(session))[5] for _ in range(3)] == [b"1", b"2", b"3"]

    async def test_exact_before_pattern(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """An exact URL answers before a pattern that was registered earlier."""
        mock.get(re.compile(API), body="pattern")
        mock.get(f"{API}/x", body="exact")
        assert [(await outcome(session))[5] for _ in range(2)] == [b"exact", b"pattern"]

    async def test_exception_true(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """`exception=True` is a `ClientConnectionError` to the client."""
        # A POST, for aiohttp would repeat a GET after the error that the seed's server causes.
        mock.post(f"{API}/x", exception=True)
        with pytest.raises(aiohttp.ClientConnectionError):
            await outcome(session, method="POST")

    async def test_redirect(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """The client follows redirects, and each hop is recorded."""
        mock.get(f"{API}/old", status=302, headers={"Location": "/x"})
        mock.get(f"{API}/x", body="new")
        assert (await outcome(session, f"{API}/old"))[5] == b"new"
        assert [str(key[1]) for key, _ in mock.ordered_requests] == [f"{API}/old", f"{API}/x"]


class TestCallbacks:
    async def test_arguments(self, lib: Any, mock: Any, session: aiohttp.ClientSession) -> None:
        """A callback gets the canonical URL, and headers, query, JSON and data by keyword."""
        calls: list[Any] = []

        def callback(url: URL, **kwargs: Any) -> Any:
            calls.append((url, kwargs))
            return lib.CallbackResult(payload={"ok": True})

        mock.post(f"{API}/x?b=2&a=1&a=0", callback=callback)
        await session.post(f"{API}/x?b=2&a=1&a=0#top", json={"n": [1]}, headers={"X-A": "1"})
        ((url, kwargs),) = calls
        assert url == URL(f"{API}/x?a=0&a=1&b=2")
        assert sorted(kwargs) == ["data", "headers", "json", "query"]
        assert kwargs["headers"]["x-a"] == "1"
        assert {name: sorted(values) for name, values in kwargs["query"].items()} == {
            "a": ["0", "1"],
            "b": ["2"],
        }
        assert (kwargs["json"], kwargs["data"]) == ({"n": [1]}, b'{"n": [1]}')

    async def test_no_body(self, lib: Any, mock: Any, session: aiohttp.ClientSession) -> None:
        """Without a body, JSON and data are None."""
        kwargs: dict[str, Any] = {}

        def callback(url: URL, **given: Any) -> Any:
            kwargs.update(given)
            return lib.CallbackResult()

        mock.get(f"{API}/x", callback=callback)
        await outcome(session)
        assert (kwargs["json"], kwargs["data"]) == (None, None)

    @pytest.mark.parametrize("form", ["plain", "coroutine"])
    @pytest.mark.parametrize(
        ("result", "status", "content_type", "body"),
        [
            ({}, 200, "application/json", b""),
            ({"status": 203, "body": "b"}, 203, "application/json", b"b"),
            ({"body": b"b", "content_type": "text/plain"}, 200, "text/plain", b"b"),
            ({"payload": {"a": 1}, "body": "b"}, 200, "application/json", b'{"a": 1}'),
            ({"headers": {"content-type": "text/x"}, "body": "b"}, 200, "text/x", b"b"),
            ({"status": 500, "reason": "Oops"}, 500, "application/json", b""),
        ],
    )
    async def test_result(
        self,
        lib: Any,
        mock: Any,
        session: aiohttp.ClientSession,
        form: str,
        result: dict[str, Any],
        status: int,
        content_type: str,
        body: bytes,
    ) -> None:
        """What a callback returns is sent, whether it is a coroutine function or not."""

        def plain(url: URL, **kwargs: Any) -> Any:
            return lib.CallbackResult(**result)

        async def coroutine(url: URL, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return lib.CallbackResult(**result)

        mock.get(f"{API}/x", callback=plain if form == "plain" else coroutine, status=418)
        came = await outcome(session)
        assert (came[0], came[2], came[5]) == (status, content_type, body)
        assert came[1] == result.get("reason", came[1])

    async def test_caller_s_loop(self, lib: Any, mock: Any, session: aiohttp.ClientSession) -> None:
        """A coroutine callback runs on the test's loop and can use its primitives."""
        event = asyncio.Event()

        async def callback(url: URL, **kwargs: Any) -> Any:
            await event.wait()
            return lib.CallbackResult(body=str(asyncio.get_running_loop() is loop))

        loop = asyncio.get_running_loop()
        mock.get(f"{API}/x", callback=callback)
        asking = asyncio.create_task(outcome(session))
        await asyncio.sleep(0.01)
        event.set()
        assert (await asking)[5] == b"True"

    def test_result_has_these_attributes(self, lib: Any) -> None:
        """A `CallbackResult` keeps what it was given; a content type among headers wins."""
        result = lib.CallbackResult()
        assert vars(result) == {
            "method": "GET",
            "status": 200,
            "body": "",
            "content_type": "application/json",
            "payload": None,
            "headers": None,
            "response_class": None,
            "reason": None,
        }
        assert lib.CallbackResult(headers={"CONTENT-TYPE": "a/b"}).content_type is None


class TestRecords:
    async def test_requests(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """Requests are kept by method and normal URL, each a list in order of arrival."""
        mock.get(re.compile(API), repeat=True)
        mock.post(re.compile(API), repeat=True)
        await session.get(f"{API}/x?b=2&a=1#top")
        await session.get(f"{API}/x?a=1&b=2")
        await session.post(f"{API}:443", data=b"body")
        assert list(mock.requests) == [
            ("GET", URL(f"{API}/x?a=1&b=2")),
            ("POST", URL(f"{API}/")),
        ]
        first, second = mock.requests["GET", URL(f"{API}/x?a=1&b=2")]
        assert first is not second
        assert [key for key, _ in mock.ordered_requests] == [
            ("GET", URL(f"{API}/x?a=1&b=2")),
            ("GET", URL(f"{API}/x?a=1&b=2")),
            ("POST", URL(f"{API}/")),
        ]
        assert mock.call_count == 3
        assert mock.last_request is mock.ordered_requests[-1][1]

    async def test_request(self, lib: Any, mock: Any, session: aiohttp.ClientSession) -> None:
        """A record is a `web.Request` with the body, the callback's values and the URL."""
        mock.post(f"{API}/x")
        await session.post(f"{API}/x", json={"a": 1}, headers={"X-A": "1"})
        request = mock.last_request
        assert isinstance(request, lib.AiointerceptRequest)
        assert issubclass(lib.AiointerceptRequest, web.Request)
        assert request.captured_body == b'{"a": 1}'
        assert request.canonical_url == URL(f"{API}/x")
        assert (request.method, request.headers["x-a"]) == ("POST", "1")
        assert sorted(request.kwargs) == ["data", "headers", "json", "query"]
        assert (await request.json(), await request.text()) == ({"a": 1}, '{"a": 1}')

    async def test_no_requests(self, mock: Any) -> None:
        """Before the first request there is none."""
        assert (mock.call_count, mock.last_request) == (0, None)
        assert (mock.requests, mock.ordered_requests) == ({}, [])

    async def test_unmatched_is_recorded(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """A request that meets no route is recorded too."""
        mock.get(f"{API}/other")
        with pytest.raises(aiohttp.ClientConnectionError):
            await outcome(session, method="POST")
        assert ("POST", URL(f"{API}/x")) in mock.requests

    async def test_clear(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """`clear()` forgets records and routes."""
        mock.get(f"{API}/x", repeat=True)
        await outcome(session)
        mock.clear()
        assert (mock.call_count, mock.requests, mock.ordered_requests) == (0, {}, [])
        mock.get(f"{API}/x", body="new")
        assert (await outcome(session))[5] == b"new"


class TestAssertions:
    async def test_pass(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """Every assertion passes where it holds."""
        mock.post(f"{API}/x?a=1")
        await session.post(f"{API}/x", params={"a": "1"}, json={"k": [1]}, headers={"X-A": "1"})
        mock.assert_called()
        mock.assert_called_once()
        mock.assert_any_call(f"{API}/x?a=1", "post")
        mock.assert_any_call(URL(f"{API}/x"), method="POST", params={"a": "1"})
        mock.assert_called_with(f"{API}/x", "POST", {"a": "1"}, json={"k": [1]})
        mock.assert_called_with(f"{API}/x?a=1", "POST", data=b'{"k": [1]}')
        mock.assert_called_with(f"{API}/x?a=1", "POST", data='{"k": [1]}', headers={"x-a": "1"})
        mock.assert_called_with(f"{API}/x?a=1", "POST", json=ANY, data=ANY, headers={"X-A": ANY})
        mock.assert_called_with(f"{API}/x?a=1", "POST", json={"k": ANY})
        mock.assert_called_with(f"{API}/x?a=1", "POST", headers=ANY)
        mock.assert_called_once_with(f"{API}/x?a=1", "POST", json={"k": [1]}, headers={"X-A": "1"})

    async def test_form(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """A mapping as data is compared with the fields of a form."""
        mock.post(f"{API}/x")
        await session.post(f"{API}/x", data={"a": "1", "b": "x y"})
        mock.assert_called_with(f"{API}/x", "POST", data={"b": "x y", "a": 1})
        with pytest.raises(AssertionError) as raised:
            mock.assert_called_with(f"{API}/x", "POST", data={"a": "2", "b": "x y"})
        assert says(raised) == (
            "Form-encoded body mismatch: expected {'a': ['2'], 'b': ['x y']}, "
            "got {'a': ['1'], 'b': ['x y']}"
        )

    async def test_form_of_json(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """A mapping as data does not fit a JSON body, and the message says what would."""
        mock.post(f"{API}/x")
        await session.post(f"{API}/x", json={"a": "1"})
        with pytest.raises(AssertionError) as raised:
            mock.assert_called_with(f"{API}/x", "POST", data={"a": "1"})
        assert says(raised) == (
            "data=dict assertion requires Content-Type: application/x-www-form-urlencoded, "
            "got 'application/json'. Use json= for JSON bodies."
        )

    async def test_strict_headers(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """With `strict_headers` no header may be left out; ANY stands for a value."""
        url = "http://api.example.com/x"  # to https requests the seed's own adds one
        mock.get(url)
        await session.get(url, headers={"X-A": "1"})
        every = dict.fromkeys(mock.last_request.headers, ANY)
        mock.assert_called_with(url, headers=every, strict_headers=True)
        for wrong in ({"X-A": "1"}, None):
            with pytest.raises(AssertionError) as raised:
                mock.assert_called_with(url, headers=wrong, strict_headers=True)
            assert says(raised).startswith(f"Headers mismatch: expected {wrong or {}}, got {{")

    async def test_first_lines(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """What fails says what was expected and what came, in the same words."""
        with pytest.raises(AssertionError) as raised:
            mock.assert_called()
        assert str(raised.value) == "Expected at least one call, got none."
        with pytest.raises(AssertionError) as raised:
            mock.assert_called_once()
        assert says(raised) == "Expected exactly 1 call, got 0."
        with pytest.raises(AssertionError) as raised:
            mock.assert_any_call(f"{API}/x?b=2&a=1")
        assert str(raised.value) == f"No calls to GET {API}/x?a=1&b=2\nNo requests were recorded."

        mock.post(f"{API}/x", repeat=True)
        await session.post(f"{API}/x", json={"a": 1}, headers={"X-A": "1"})
        with pytest.raises(AssertionError) as raised:
            mock.assert_any_call(f"{API}/y")
        assert str(raised.value) == (
            f"No calls to GET {API}/y\nDid you mean one of:\n  - POST {API}/x"
        )
        for wrong, message in (
            ({"json": {"a": 2}}, "JSON body mismatch: expected {'a': 2}, got {'a': 1}"),
            ({"headers": {"X-A": "2"}}, "Header 'X-A': expected '2', got '1'"),
            ({"headers": {"X-B": "2"}}, "Header 'X-B': expected '2', got None"),
        ):
            with pytest.raises(AssertionError) as raised:
                mock.assert_called_with(f"{API}/x", "POST", **wrong)
            assert says(raised) == message
        with pytest.raises(AssertionError, match=r"^Body mismatch: expected "):
            mock.assert_called_with(f"{API}/x", "POST", data=b"other")
        with pytest.raises(AssertionError, match=r"^Expected no calls, got 1"):
            mock.assert_not_called()

        await session.post(f"{API}/x", json={"a": 1})
        with pytest.raises(AssertionError) as raised:
            mock.assert_called_once_with(f"{API}/x", "POST", json={"a": 1})
        assert says(raised) == "Expected exactly 1 call, got 2."

    async def test_last_call_counts(self, mock: Any, session: aiohttp.ClientSession) -> None:
        """`assert_called_with` looks at the last request for the URL."""
        mock.post(f"{API}/x", repeat=True)
        await session.post(f"{API}/x", json=1)
        await session.post(f"{API}/x", json=2)
        mock.assert_called_with(f"{API}/x", "POST", json=2)
        with pytest.raises(AssertionError):
            mock.assert_called_with(f"{API}/x", "POST", json=1)

    async def test_more_keywords_are_ignored(
        self, mock: Any, session: aiohttp.ClientSession
    ) -> None:
        """Keywords that a server cannot see are ignored, with a warning."""
        mock.get(f"{API}/x")
        await outcome(session)
        for check in (mock.assert_called_with, mock.assert_called_once_with):
            with pytest.warns(DeprecationWarning, match="assert_called_with") as caught:
                check(f"{API}/x", timeout=3)
            assert len(caught) == 1


class TestLifecycle:
    async def test_server_url(self, lib: Any) -> None:
        """By default only requests for `server_url` are intercepted."""
        async with lib.aiointercept() as mock, aiohttp.ClientSession() as session:
            assert mock.server_url == f"http://{mock.server_host}:{mock.server_port}"
            mock.get(f"{mock.server_url}/users", payload=[{"id": 1}])
            async with session.get(f"{mock.server_url}/users") as response:
                assert await response.json() == [{"id": 1}]
            mock.assert_called_once_with(f"{mock.server_url}/users")

    async def test_start_and_stop(self, lib: Any) -> None:
        """Records outlive `stop()`, and `start()` clears them."""
        mock = lib.aiointercept(mock_external_urls=True)
        await mock.start()
        mock.get(f"{API}/x")
        async with aiohttp.ClientSession() as session:
            await outcome(session)
        await mock.stop()
        mock.assert_called_once()
        await mock.start()
        mock.assert_not_called()
        await mock.stop()

    async def test_nested(self, lib: Any) -> None:
        """Of nested mocks the inner one answers for its hosts, the outer one for its own."""
        async with AsyncExitStack() as stack:
            outer = await stack.enter_async_context(lib.aiointercept(True))
            inner = await stack.enter_async_context(lib.aiointercept(True))
            outer.get(f"{API}/x", body="outer")
            inner.get("https://inner.example.com/x", body="inner")
            session = await stack.enter_async_context(aiohttp.ClientSession())
            assert (await outcome(session, "https://inner.example.com/x"))[5] == b"inner"
            assert (await outcome(session))[5] == b"outer"

    async def test_decorator(self, lib: Any) -> None:
        """A decorated coroutine function gets the mock as its last positional argument."""

        async def test(number: int, mock: Any) -> Any:
            mock.get(f"{API}/x", body=str(number))
            async with aiohttp.ClientSession() as session:
                return (await outcome(session))[5]

        decorated = lib.aiointercept(mock_external_urls=True)(test)
        assert await decorated(7) == b"7"
        assert decorated.__name__ == "test"

    async def test_param(self, lib: Any) -> None:
        """A decorated coroutine function gets the mock under the name `param`."""

        async def test(number: int, *, web: Any) -> Any:
            return number, type(web)

        assert await lib.aiointercept(param="web")(test)(7) == (7, lib.aiointercept)

    async def test_method(self, lib: Any) -> None:
        """A decorated method gets the mock after `self`."""

        class Case:
            async def test(self, mock: Any) -> Any:
                return type(mock)

        Case.test = lib.aiointercept()(Case.test)  # type: ignore[method-assign] # as a decorator does
        case: Any = Case()
        assert await case.test() is lib.aiointercept

    async def test_default_argument(self, lib: Any) -> None:
        """The parameter may have a default, which keeps pytest from looking for a fixture."""

        async def test(mock: Any = None) -> Any:
            return type(mock)

        assert await lib.aiointercept()(test)() is lib.aiointercept

    def test_passthrough_unmatched_alone(self, lib: Any) -> None:
        """`passthrough_unmatched` without `mock_external_urls` is refused."""
        with pytest.raises(ValueError, match=r"^passthrough_unmatched=True requires mock_external"):
            lib.aiointercept(passthrough_unmatched=True)

    async def test_negative_repeat(self, mock: Any) -> None:
        """A negative `repeat` is refused."""
        with pytest.raises(ValueError, match=r"^repeat must be at least 1"):
            mock.get(f"{API}/x", repeat=-1)

    async def test_finite_behind_endless(self, mock: Any) -> None:
        """A finite route behind an endless one could never answer, and is refused."""
        mock.get(f"{API}/x", repeat=True)
        with pytest.raises(ValueError, match="repeat=True"):
            mock.get(f"{API}/x")

    async def test_url_without_host(self, mock: Any) -> None:
        """A URL that has no host, and is no path, is refused."""
        with pytest.raises(ValueError, match="host"):
            mock.get("users")
