"""What aiohttp's client does by itself works on a mocked connection as on a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, ServerDisconnectedError, TCPConnector, TraceConfig, web
from yarl import URL

from aiointercept_connector import InterceptConnector, Route, aiointercept
from aiointercept_connector.routing.route import parse_target
from aiointercept_connector.serving import Wire
from tests.real import real_server

pytestmark = pytest.mark.anyio

SITE = "https://api.test/x"
SIGNALS = sorted(name for name in dir(TraceConfig) if name.startswith("on_"))
MIDDLEWARES = pytest.mark.skipif(
    not hasattr(aiohttp, "ClientMiddlewareType"), reason="this aiohttp has no middlewares"
)


@pytest.fixture
async def mock(wire: Wire) -> AsyncIterator[aiointercept]:
    """Return a mock that is not installed."""
    async with aiointercept(wire=wire) as mock:
        yield mock


async def test_redirects_are_followed_across_hosts(mock: aiointercept) -> None:
    """A redirect to another mocked host is a second call, and the history tells the first."""
    mock.get(SITE, status=302, headers={"Location": "http://else.test/y"})
    mock.get("http://else.test/y", body="there")
    async with mock.session() as session, session.get(SITE) as response:
        assert await response.text() == "there"
    assert [str(one.url) for one in response.history] == [SITE]
    assert [str(call.url) for call in mock.calls] == [SITE, "http://else.test/y"]


async def test_cookies_of_an_answer_go_into_the_jar(mock: aiointercept) -> None:
    """A ``Set-Cookie`` of a mock, ``Secure`` included, comes back with the next request."""
    mock.get(SITE, headers={"Set-Cookie": "token=1; Secure; Path=/"}, repeat=True)
    async with mock.session() as session:
        await session.get(SITE)
        await session.get(SITE)
    assert [call.cookies.get("token") for call in mock.calls] == [None, "1"]


async def test_base_url(mock: aiointercept) -> None:
    """A session's ``base_url`` makes the URL that a route is found by."""
    mock.get("https://api.test/v1/users")
    async with mock.session(base_url="https://api.test") as session:
        assert (await session.get("/v1/users")).status == 200


async def test_raise_for_status(mock: aiointercept) -> None:
    """``raise_for_status=True`` raises for a mock's status, with the URL that was asked."""
    mock.get(SITE, status=404, reason="Gone fishing")
    async with mock.session(raise_for_status=True) as session:
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            await session.get(SITE)
    assert (caught.value.status, caught.value.message) == (404, "Gone fishing")
    assert str(caught.value.request_info.real_url) == SITE


async def test_raise_for_status_may_be_a_function(mock: aiointercept) -> None:
    """A function as ``raise_for_status`` is handed the mock's answer."""
    seen: list[int] = []

    async def look(response: aiohttp.ClientResponse) -> None:
        seen.append(response.status)

    mock.get(SITE, status=418)
    async with mock.session(raise_for_status=look) as session:
        await session.get(SITE)
    assert seen == [418]


# aiohttp 3.14 has deprecated BasicAuth; older ones have nothing else.
@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
async def test_auth(mock: aiointercept) -> None:
    """Credentials of the session, and those in a URL, arrive as a header."""
    mock.get(SITE, repeat=True)
    async with mock.session(auth=aiohttp.BasicAuth("u", "p")) as session:
        await session.get(SITE)
    async with mock.session() as session:
        await session.get("https://u:p@api.test/x")
    assert [call.headers["Authorization"] for call in mock.calls] == ["Basic dTpw"] * 2


async def test_request_function(mock: aiointercept) -> None:
    """``aiohttp.request()`` reaches a mock through its ``connector=``, and an installed one."""
    mock.get(SITE, body="own")
    connector = mock.connector()
    async with connector, aiohttp.request("GET", SITE, connector=connector) as response:
        assert await response.text() == "own"
    async with aiointercept(True) as installed:
        installed.get(SITE, body="installed")
        async with aiohttp.request("GET", SITE) as response:
            assert await response.text() == "installed"


@MIDDLEWARES
async def test_middlewares_run(mock: aiointercept) -> None:
    """A client middleware sees the request go and the answer come."""

    async def marked(request: Any, handler: Any) -> Any:
        request.headers["X-Marked"] = "1"
        response = await handler(request)
        return response if response.status == 200 else None

    mock.get(SITE)
    async with mock.session(middlewares=(marked,)) as session:
        assert (await session.get(SITE)).status == 200
    assert mock.calls[0].headers["X-Marked"] == "1"


@pytest.mark.parametrize("scheme", ["ws", "wss", "http", "https"])
async def test_websockets(mock: aiointercept, scheme: str) -> None:
    """``ws_connect`` talks to a reply that is a WebSocket, to the closing code."""
    opened: list[web.WebSocketResponse] = []

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        opened.append(socket)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    plain = {"ws": "http", "wss": "https"}.get(scheme, scheme)
    route = Route("GET", parse_target(f"{plain}://api.test/ws"), echo)
    mock.interceptor.registry.add(route)
    url = f"{scheme}://api.test/ws"
    async with mock.session() as session, session.ws_connect(url) as socket:
        await socket.send_str("hello")
        assert await socket.receive_str() == "HELLO"
        await socket.close(code=4001)
    assert opened[0].close_code == 4001
    assert route.call_count == 1


def recorder() -> tuple[TraceConfig, list[tuple[str, object]]]:
    """Return a configuration that writes down every signal, with the host if it has one."""
    config, seen = TraceConfig(), list[tuple[str, object]]()

    def noted(name: str) -> Callable[..., Awaitable[None]]:
        async def note(session: Any, context: Any, params: Any) -> None:
            seen.append((name, getattr(params, "host", None) or getattr(params, "chunk", None)))

        return note

    for name in SIGNALS:
        getattr(config, name).append(noted(name))
    return config, seen


async def use(connector: TCPConnector, url: str) -> list[tuple[str, object]]:
    """Make a call, and another over the same connection; return the signals."""
    config, seen = recorder()
    async with ClientSession(connector=connector, trace_configs=[config]) as session:
        for _ in range(2):
            async with session.post(url, data=b"up") as response:
                await response.read()
    return seen


@pytest.mark.parametrize("options", [{}, {"use_dns_cache": False}], ids=["cache", "no cache"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_tracing_signals_are_those_of_a_real_request(
    wire: Wire, host: str, options: dict[str, Any]
) -> None:
    """Names, order and parameters of all signals are a real server's, DNS and reuse included."""
    async with real_server() as real:
        url = f"http://{host}:{real.port}/x"
        expected = await use(TCPConnector(**options), url)
        async with aiointercept(True, wire=wire) as mock:
            mock.post(url, body="real", repeat=True)
            ours = await use(InterceptConnector(**options), url)
            adopted = await use(TCPConnector(**options), url)
        assert len(real.requests) == 2
    assert ours == expected
    assert adopted == expected
    assert ("on_connection_reuseconn", None) in expected
    assert (("on_dns_resolvehost_start", "localhost") in expected) is (host == "localhost")


async def test_tracing_signals_of_a_failure(mock: aiointercept) -> None:
    """A call that raises sends ``on_request_exception``, with the exception that it raises."""
    seen: list[BaseException] = []
    config = TraceConfig()

    async def note(session: Any, context: Any, params: Any) -> None:
        seen.append(params.exception)

    config.on_request_exception.append(note)
    mock.get(SITE, exception=(error := ValueError("no")))
    async with mock.session(trace_configs=[config]) as session:
        with pytest.raises(ValueError, match="no"):
            await session.get(SITE)
    assert seen == [error]


async def outcome(session: ClientSession, method: str = "GET", **kwargs: Any) -> object:
    """Return the status of a call, or the class of its error."""
    try:
        async with session.request(method, SITE, **kwargs) as response:
            return response.status
    except aiohttp.ClientError as exc:
        return type(exc)


async def test_second_attempt_of_aiohttp_is_the_same_call(mock: aiointercept) -> None:
    """A silent second attempt is no second call: one record of two attempts, and the same fault."""
    mock.get(SITE, exception=ServerDisconnectedError())
    mock.get(SITE, status=201)
    async with mock.session() as session:
        assert await outcome(session) is ServerDisconnectedError
        assert [call.attempts for call in mock.calls] == [2]
        assert await outcome(session) == 201
    assert [call.attempts for call in mock.calls] == [2, 1]


async def test_post_is_attempted_once(mock: aiointercept) -> None:
    """A request that aiohttp does not repeat is one attempt."""
    mock.post(SITE, exception=ServerDisconnectedError())
    mock.post(SITE, status=201)
    async with mock.session() as session:
        assert await outcome(session, "POST") is ServerDisconnectedError
        assert await outcome(session, "POST") == 201
    assert [call.attempts for call in mock.calls] == [1, 1]


@MIDDLEWARES
async def test_retry_of_a_middleware_is_a_call_of_its_own(mock: aiointercept) -> None:
    """A middleware that tries again gets the next route, and its attempt is recorded."""

    async def again(request: Any, handler: Any) -> Any:
        try:
            return await handler(request)
        except ServerDisconnectedError:
            return await handler(request)

    mock.get(SITE, exception=ServerDisconnectedError())
    mock.get(SITE, status=201)
    async with mock.session(middlewares=(again,)) as session:
        assert await outcome(session) == 201
    assert [call.attempts for call in mock.calls] == [1, 1]


@MIDDLEWARES
async def test_second_attempt_at_another_url_is_a_call_of_its_own(mock: aiointercept) -> None:
    """A middleware that turns aiohttp's second attempt to another host gets that host's answer."""
    hosts = iter([URL(SITE), URL("https://spare.test/x")])

    async def fail_over(request: Any, handler: Any) -> Any:
        request.url = next(hosts)
        return await handler(request)

    mock.get(SITE, exception=ServerDisconnectedError())
    mock.get("https://spare.test/x", status=201)
    async with mock.session(middlewares=(fail_over,)) as session:
        assert await outcome(session) == 201
    assert [call.attempts for call in mock.calls] == [1, 1]


async def test_redirect_to_the_same_url_is_a_call_of_its_own(mock: aiointercept) -> None:
    """A URL that redirects to itself is asked again, and answered by the next route."""
    mock.get(SITE, status=302, headers={"Location": SITE})
    mock.get(SITE, status=201)
    async with mock.session() as session:
        assert await outcome(session) == 201
    assert [call.attempts for call in mock.calls] == [1, 1]


async def test_retry_of_the_caller_is_a_call_of_its_own(mock: aiointercept) -> None:
    """A caller that catches the error and asks again, in the same task, makes a new call."""
    mock.post(SITE, exception=ServerDisconnectedError(), repeat=2)
    mock.get(SITE, exception=ServerDisconnectedError())
    mock.get(SITE, status=201)
    async with mock.session() as session:
        ends = [await outcome(session, method) for method in ("POST", "GET", "GET")]
    assert ends == [ServerDisconnectedError, ServerDisconnectedError, 201]
    assert [call.attempts for call in mock.calls] == [1, 2, 1]


async def test_concurrent_calls_keep_their_own_second_attempts(mock: aiointercept) -> None:
    """Two calls of one session that break at the same time are two records of two attempts."""
    mock.get(SITE, exception=ServerDisconnectedError(), repeat=2)
    async with mock.session() as session:
        ends = list(await asyncio.gather(outcome(session), outcome(session)))
    assert ends == [ServerDisconnectedError] * 2
    assert [call.attempts for call in mock.calls] == [2, 2]


async def test_no_more_than_one_broken_call_is_kept_for_a_task(mock: aiointercept) -> None:
    """Calls that break and are not repeated do not pile up."""
    mock.post(SITE, exception=ServerDisconnectedError(), repeat=True)
    async with mock.session() as session:
        for _ in range(5):
            await outcome(session, "POST")
        await asyncio.gather(*(outcome(session, "POST") for _ in range(5)))
    assert len(mock.interceptor._broken or ()) <= 1
