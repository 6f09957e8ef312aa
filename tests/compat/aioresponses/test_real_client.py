"""What works here because aiohttp's whole client runs, and what this library adds."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import yarl
from aiohttp import ClientSession, ClientTimeout, TraceConfig

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.compat.aioresponses import CallbackResult, aioresponses
from aiointercept_connector.compat.aioresponses.compat import AIOHTTP_VERSION, stream_reader_factory
from aiointercept_connector.compat.aioresponses.core import RequestMatch

pytestmark = pytest.mark.anyio

URL = "http://example.com/a"


async def test_the_quickstart_of_the_seed() -> None:
    """``called``, and ``calls`` whose ``url`` is text, in the order of the calls."""
    with aioresponses() as m:
        m.get(URL, status=200, payload={"key": "value"})
        m.get(f"{URL}/b")
        before = m.called
        async with ClientSession() as session:
            await session.get(f"{URL}/b")
            async with session.get(URL) as response:
                response.raise_for_status()
                assert await response.json() == {"key": "value"}
        assert (before, m.called) == (False, True)
        assert URL in m.calls[1].url
        assert [(call.method, call.url) for call in m.calls] == [("GET", f"{URL}/b"), ("GET", URL)]


async def test_cookies_are_kept() -> None:
    """A cookie that a response sets is sent with the session's next request."""
    with aiointercept(mock_external_urls=True) as outer, aioresponses() as m:
        m.get(URL, headers={"Set-Cookie": "a=1; Path=/"})
        outer.get(f"{URL}/b")
        async with ClientSession() as session:
            await session.get(URL)
            await session.get(f"{URL}/b")
        assert outer.calls[0].cookies == {"a": "1"}


async def test_a_307_keeps_its_method() -> None:
    """A POST that is redirected with 307 is a POST again, and one with 303 a GET."""
    with aioresponses() as m:
        m.post(URL, status=307, headers={"Location": "/b"})
        m.post("http://example.com/b", status=303, headers={"Location": "/c"})
        m.get("http://example.com/c", status=201)
        async with ClientSession() as session, session.post(URL, data=b"x") as response:
            assert (response.status, response.method) == (201, "GET")


async def test_a_redirected_method_comes_first() -> None:
    """What is registered for the method that a client keeps answers before what is for GET."""
    with aioresponses() as m:
        m.post(URL, status=307, headers={"Location": "/b"}, repeat=True)
        m.get("http://example.com/b", status=201)
        m.post("http://example.com/b", status=202)
        async with ClientSession() as session:
            responses = [await session.post(URL) for _ in range(2)]
        assert [(one.status, one.method) for one in responses] == [(202, "POST"), (201, "POST")]


async def test_other_calls_are_no_redirects() -> None:
    """What is registered for GET answers no POST that was not redirected."""
    with aioresponses() as m:
        m.get(URL, repeat=True)
        m.post(f"{URL}/b", status=307)
        async with ClientSession() as session:
            await session.post(f"{URL}/b")
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.post(URL)


@pytest.mark.skipif(
    "middlewares" not in inspect.signature(ClientSession).parameters,
    reason="aiohttp has no client middlewares",
)
async def test_a_second_try_is_no_redirect() -> None:
    """A request that a middleware sends again is answered by what is registered for its method."""

    async def twice(request: Any, handler: Any) -> Any:
        await handler(request)
        return await handler(request)

    options: dict[str, Any] = {"middlewares": [twice]}
    with aioresponses() as m:
        m.get(URL, repeat=True)
        m.post(URL, status=401)
        async with ClientSession(**options) as session:
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.post(URL)


async def test_a_streamed_response_by_hand() -> None:
    """The response that is made by hand has all of its body, however that came."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.001)
            yield b"x"

    match = RequestMatch(URL, callback=lambda url, **kwargs: replies.stream(chunks()))
    response = await match.build_response(yarl.URL(URL))
    assert isinstance(response, aiohttp.ClientResponse)
    assert await response.read() == b"xxx"


async def test_traces_are_told() -> None:
    """A session's trace configuration hears of the request."""
    heard: list[Any] = []

    async def on_end(session: Any, context: Any, params: Any) -> None:
        heard.append(params.response.status)

    traces = TraceConfig()
    traces.on_request_end.append(on_end)
    with aioresponses() as m:
        m.get(URL, status=201)
        async with ClientSession(trace_configs=[traces]) as session:
            await session.get(URL)
    assert heard == [201]


async def test_nothing_stays_open() -> None:
    """Behind a response there is no connection to close, and no timer that would close one.

    Suites do not close every session, and some look for timers that are left.
    """
    opened: list[str] = []

    async def on_opened(session: Any, context: Any, params: Any) -> None:
        opened.append("opened")

    async def on_reused(session: Any, context: Any, params: Any) -> None:
        opened.append("reused")

    traces = TraceConfig()
    traces.on_connection_create_end.append(on_opened)
    traces.on_connection_reuseconn.append(on_reused)
    with aioresponses() as m:
        m.get(URL, payload=[1], headers={"Connection": "keep-alive"}, repeat=True)
        async with ClientSession(trace_configs=[traces]) as session:
            for _ in range(2):
                async with session.get(URL) as response:
                    assert await response.json() == [1]
                    assert response.headers["Connection"] == "keep-alive"
    assert opened == ["opened", "opened"]


async def test_timeouts_hold() -> None:
    """A callback that takes longer than the client waits ends in the client's own timeout."""

    async def never(url: Any, **kwargs: Any) -> None:
        await asyncio.Event().wait()

    with aioresponses() as m:
        m.get(URL, callback=never)
        async with ClientSession(timeout=ClientTimeout(total=0.02)) as session:
            with pytest.raises(asyncio.TimeoutError):
                await session.get(URL)


async def test_a_stream_is_sent_piece_by_piece() -> None:
    """What was read of a stream to record it goes over the wire as a stream."""

    async def stream() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    with aiointercept(mock_external_urls=True) as outer, aioresponses():
        outer.post(URL)
        async with ClientSession() as session:
            await session.post(URL, data=stream())
        assert outer.calls[0].captured_body == b"ab"
        assert outer.calls[0].headers["Transfer-Encoding"] == "chunked"


async def test_a_body_in_chunks_is_sent_in_chunks() -> None:
    """A call that asks for chunks is sent so, if there is anything to send."""
    with aiointercept(mock_external_urls=True) as outer, aioresponses():
        outer.post(URL, repeat=True)
        async with ClientSession() as session:
            await session.post(URL, data=b"x", chunked=True)
            await session.post(URL, json=1, chunked=True)
            await session.post(URL, chunked=True)
        assert [call.captured_body for call in outer.calls] == [b"x", b"1", None]
        chunked = ["Transfer-Encoding" in call.headers for call in outer.calls]
    assert chunked == [True, True, False]


async def test_the_sessions_response_class() -> None:
    """The class that a session makes its responses of is respected."""

    class Response(aiohttp.ClientResponse):
        """A response of the code under test."""

    with aioresponses() as m:
        m.get(URL)
        async with ClientSession(response_class=Response) as session:
            assert type(await session.get(URL)) is Response


async def test_registering_before_the_start() -> None:
    """What is registered before the start is answered after it."""
    m = aioresponses()
    m.get(URL, status=201)
    m.start()
    try:
        async with ClientSession() as session:
            assert (await session.get(URL)).status == 201
    finally:
        m.stop()


async def test_a_second_start() -> None:
    """A mock that is active cannot be started again; one that is not may be stopped."""
    m = aioresponses()
    m.stop()
    with m, pytest.raises(RuntimeError, match="has been started already"):
        m.start()


async def test_mocks_in_one_another() -> None:
    """Mocks nest: the inner one answers first, then the outer, and both record each call."""
    async with ClientSession() as session:
        with aioresponses() as outer:
            outer.get(URL, status=201, repeat=True)
            async with aioresponses() as inner:
                inner.get(URL, status=202)
                statuses = [(await session.get(URL)).status for _ in range(2)]
            assert statuses == [202, 201]
            assert len(inner.calls) == len(outer.calls) == 2
            assert (await session.get(URL)).status == 201


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
async def test_a_refusal_explains_itself() -> None:
    """The error of a call that nothing answers has a note on what came near it."""
    with aioresponses() as m:
        m.post(URL)
        async with ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectionError) as caught:
                await session.get(URL)
    notes: list[str] = getattr(caught.value, "__notes__", [])
    note = "".join(notes)
    assert "Nearest routes:\n  1. POST http://example.com/a\n     ✗ method" in note


async def test_head_has_no_body() -> None:
    """A response to HEAD has its headers, and no body, as on any wire."""
    with aioresponses() as m:
        m.head(URL, body="x", headers={"Content-Length": "5"})
        async with ClientSession() as session, session.head(URL) as response:
            assert response.headers["Content-Length"] == "5"
            assert await response.read() == b""


async def test_a_callback_may_return_a_reply() -> None:
    """What is no ``CallbackResult`` is taken for any other reply of this library."""
    with aioresponses() as m:
        m.get(URL, callback=lambda url, **kwargs: (201, {"a": 1}))
        async with ClientSession() as session, session.get(URL) as response:
            assert (response.status, await response.json()) == (201, {"a": 1})


async def test_what_a_callback_result_lacks_is_told() -> None:
    """A callback that returns something else is told so by its registration."""
    with aioresponses() as m:
        m.get(URL, callback=lambda url, **kwargs: object())
        async with ClientSession() as session:
            with pytest.raises(TypeError, match=r"^callback for RequestMatch\('http://example"):
                await session.get(URL)


async def test_two_loops() -> None:
    """A mock answers in the thread of another loop at the same time."""

    async def ask() -> int:
        async with ClientSession() as session, session.get(URL) as response:
            return response.status

    with aioresponses() as m:
        m.get(URL, status=201, repeat=True)
        assert await asyncio.to_thread(asyncio.run, ask()) == await ask() == 201


async def test_internals_that_are_imported() -> None:
    """What suites import beside the mock is there."""
    match = RequestMatch(f"{URL}?b=1&a=2", method="POST")
    assert match.match("post", yarl.URL(f"{URL}?a=2&b=1"))
    assert repr(match) == f"RequestMatch('{URL}?a=2&b=1')"
    assert str(AIOHTTP_VERSION) == aiohttp.__version__
    stream = stream_reader_factory()
    stream.feed_data(b"x")
    stream.feed_eof()
    assert await stream.read() == b"x"
    assert CallbackResult(payload=1).status == 200
