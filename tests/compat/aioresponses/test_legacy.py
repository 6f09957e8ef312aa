"""What a session was made with plays no part: on ours with ``legacy=True``, and on the original."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector, TraceConfig, web
from aiohttp.test_utils import TestServer

from aiointercept_connector.compat.aioresponses import aioresponses

pytestmark = pytest.mark.anyio

URL = "http://example.com/a"
LARGE = "x" * 1_000_000


@pytest.fixture
def mocked(library: Any) -> Iterator[Any]:
    """Return a mock that is active; the original takes any argument."""
    with library.aioresponses(legacy=True) as m:
        yield m


@pytest.fixture
def heard() -> list[Any]:
    """Return the list of what ``tracing`` was told of."""
    return []


@pytest.fixture
def tracing(heard: list[Any]) -> TraceConfig:
    """Return a trace that lists the URLs of the requests that start."""

    async def started(session: object, context: object, params: Any) -> None:
        heard.append(params.url)

    config = TraceConfig()
    config.on_request_start.append(started)
    return config


async def test_traces_are_not_told(mocked: Any, tracing: TraceConfig, heard: list[Any]) -> None:
    """A trace that makes calls of its own, to report the others, makes none."""
    mocked.get(URL)
    async with ClientSession(trace_configs=[tracing]) as session:
        await session.get(URL)
    assert heard == []


async def test_traces_are_told_of_what_passes(
    library: Any, tracing: TraceConfig, heard: list[Any]
) -> None:
    """What is asked for real is asked by the session as it was made."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text="real")

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server, ClientSession(trace_configs=[tracing]) as session:
        url = server.make_url("/")
        with library.aioresponses(legacy=True, passthrough=[str(url)]):
            async with session.get(url) as response:
                assert await response.text() == "real"
    assert heard == [url]


@pytest.mark.skipif(not hasattr(aiohttp, "ClientHandlerType"), reason="needs aiohttp 3.12")
async def test_middlewares_are_not_asked(mocked: Any, heard: list[Any]) -> None:
    """Neither the session's middlewares nor those of the call see it."""

    async def middleware(request: Any, handler: Any) -> Any:
        heard.append(request.url)
        return await handler(request)

    mocked.get(URL, repeat=True)
    async with ClientSession(middlewares=[middleware]) as session:
        await session.get(URL)
        await session.get(URL, middlewares=[middleware])
    assert heard == []


async def test_no_timeout_ends_a_call(mocked: Any) -> None:
    """A timeout that is too short for any server is long enough."""

    async def slow(url: object, **kwargs: object) -> None:
        await asyncio.sleep(0.02)

    mocked.get(URL, callback=slow, repeat=True)
    short = ClientTimeout(total=0.001)
    async with ClientSession(timeout=short) as session:
        answers = [await session.get(URL), await session.get(URL, timeout=short)]
    assert [response.status for response in answers] == [200, 200]
    assert mocked.requests["GET", answers[0].url][1].kwargs["timeout"] == short


async def test_the_classes_of_a_session(mocked: Any) -> None:
    """A class that the session makes its requests or responses of is not used."""

    class Request(aiohttp.ClientRequest):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise AssertionError("a request was made")

    class Response(aiohttp.ClientResponse):
        pass

    mocked.get(URL)
    async with ClientSession(request_class=Request, response_class=Response) as session:
        response = await session.get(URL)
    assert type(response) is aiohttp.ClientResponse


async def test_cookies_are_not_kept(mocked: Any) -> None:
    """A response has the cookies that it sets; the session gets none."""
    mocked.get(URL, headers={"Set-Cookie": "a=1"})
    async with ClientSession() as session:
        response = await session.get(URL)
        assert response.cookies["a"].value == "1"
        assert list(session.cookie_jar) == []


async def test_the_pool_is_not_used(mocked: Any) -> None:
    """A limit of the session's connector does not count what nobody has read."""
    mocked.get(URL, body=LARGE, repeat=True)
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        unread = [await session.get(URL) for _ in range(3)]
        assert [response.status for response in unread] == [200] * 3


async def test_a_body_outlives_its_session(mocked: Any) -> None:
    """A response may be read when its session has been closed."""
    mocked.get(URL, body=LARGE)
    async with ClientSession() as session:
        response = await session.get(URL)
    assert await response.text() == LARGE


def test_a_session_of_another_loop(mocked: Any) -> None:
    """A session whose loop is closed is answered, as any other."""

    async def made() -> ClientSession:
        return ClientSession()

    async def ask() -> str:
        async with session.get(URL) as response:
            return await response.text()

    mocked.get(URL, body="x", repeat=True)
    session = asyncio.run(made())
    assert [asyncio.run(ask()) for _ in range(2)] == ["x", "x"]
    asyncio.run(session.close())


async def test_the_headers_of_a_session_are_recorded(mocked: Any) -> None:
    """Headers are what aioresponses does look at."""
    mocked.get(URL)
    async with ClientSession(headers={"X-A": "1"}) as session:
        response = await session.get(URL)
    assert response.request_info.headers == {"X-A": "1"}
    ((call,),) = mocked.requests.values()
    assert call.kwargs["headers"] == {"X-A": "1"}


async def test_it_has_to_be_asked_for() -> None:
    """A suite that has changed its import has asked for a client that is whole."""
    assert not aioresponses().legacy
    assert aioresponses(legacy=True).legacy
