"""The pool: one for real and mocked connections, which it never takes for one another."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, TCPConnector, TraceConfig

from aiointercept_connector import (
    CallbackResult,
    InterceptClosedError,
    InterceptConnector,
    aiointercept,
)
from aiointercept_connector.serving import Wire
from tests.real import real_server

pytestmark = pytest.mark.anyio

SITE = "http://api.test/x"


async def text(session: ClientSession, url: str) -> str:
    """Return the body of the answer."""
    async with session.get(url) as response:
        return await response.text()


async def test_real_connection_is_not_used_for_a_host_registered_later() -> None:
    """A pooled real connection waits while its host is mocked, and is used again afterwards."""
    async with real_server() as real, ClientSession() as session:
        assert await text(session, real.url) == "real"
        async with aiointercept(True) as mock:
            mock.get(real.url, body="mock", repeat=True)
            assert await text(session, real.url) == "mock"
            assert len(real.requests) == 1
        assert await text(session, real.url) == "real"
    assert len(real.connections) == 1


async def test_real_connection_of_an_explicit_connector_is_kept_apart() -> None:
    """The same holds for the pool of an ``InterceptConnector``, route by route."""
    async with real_server() as real, aiointercept() as mock, mock.session() as session:
        assert await text(session, real.url) == "real"
        mock.get(f"{real.url}/mocked", body="mock")
        assert await text(session, f"{real.url}/mocked") == "mock"
        mock.clear()
        assert await text(session, real.url) == "real"
    assert len(real.connections) == 1


async def test_connections_of_two_mocks_are_kept_apart(wire: Wire) -> None:
    """Two mocks of one host, used by one session in turn, never get each other's connections."""
    async with ClientSession() as session, aiointercept(True, wire=wire) as outer:
        outer.get(SITE, body="outer", repeat=True)
        assert await text(session, SITE) == "outer"
        async with aiointercept(True, wire=wire) as inner:
            inner.get(SITE, body="inner", repeat=True)
            assert await text(session, SITE) == "inner"
        assert await text(session, SITE) == "outer"
    assert (outer.call_count, inner.call_count) == (2, 1)


async def test_inner_mock_that_leaves_takes_no_wire_of_the_outer_one(wire: Wire) -> None:
    """A call that the outer mock is answering goes on when the inner one, of one host, goes."""
    crowd = Crowd(2)
    async with ClientSession() as session, aiointercept(True, wire=wire) as outer:
        outer.get(SITE, callback=crowd)
        async with aiointercept(True, wire=wire) as inner:
            inner.get(SITE, body="inner")
            assert await text(session, SITE) == "inner"
            call = asyncio.create_task(text(session, SITE))
            await crowd.begun.wait()
        crowd.full.set()
        assert await call == ""
    assert (outer.call_count, inner.call_count) == (1, 1)


async def test_mock_that_is_started_again_has_wires_of_its_own(wire: Wire) -> None:
    """No wire of an earlier run is taken for one of the next, closed by now or not."""
    mock = aiointercept(wire=wire)
    connector = mock.connector()
    async with ClientSession(connector=connector) as session:
        for _ in range(2):
            async with mock:
                mock.get(SITE)
                await text(session, SITE)
        assert len(connector._conns) == 2


async def test_pool_keys_still_tell_the_host(wire: Wire) -> None:
    """The keys of mocked connections answer what aiohttp, and its users, ask of a key."""
    async with aiointercept(wire=wire) as mock:
        connector = mock.connector()
        async with ClientSession(connector=connector) as session:
            mock.get("https://api.test:8443/x")
            await text(session, "https://api.test:8443/x")
            (key,) = connector._conns
    assert (key.host, key.port, key.is_ssl) == ("api.test", 8443, True)


@pytest.mark.parametrize(
    ("options", "made"),
    [({}, 1), ({"force_close": True}, 3), ({"keepalive_timeout": 1e-9}, 3), ({"limit": 1}, 1)],
)
async def test_connections_are_kept_alive_as_the_connector_says(
    wire: Wire, options: dict[str, Any], made: int
) -> None:
    """Three requests in turn take as many wires as they would take sockets."""
    wires: list[None] = []
    traced = TraceConfig()

    async def created(*args: object) -> None:
        wires.append(None)

    traced.on_connection_create_end.append(created)
    async with aiointercept(wire=wire) as mock:
        mock.get(SITE, repeat=True)
        connector = mock.connector(**options)
        async with ClientSession(connector=connector, trace_configs=[traced]) as session:
            for _ in range(3):
                await text(session, SITE)
    assert len(wires) == made


class Crowd:
    """A callback that lets nobody go before *size* have come, and knows how many came at most."""

    def __init__(self, size: int) -> None:
        self.size, self.here, self.peak = size, 0, 0
        self.begun, self.full = asyncio.Event(), asyncio.Event()

    async def __call__(self, *args: object, **kwargs: object) -> CallbackResult:
        """Wait for the others."""
        self.begun.set()
        self.here += 1
        self.peak = max(self.peak, self.here)
        if self.here == self.size:
            self.full.set()
        await self.full.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        self.here -= 1
        return CallbackResult()


@pytest.mark.parametrize("limit", ["limit", "limit_per_host"])
@pytest.mark.parametrize("make", [InterceptConnector, TCPConnector])
async def test_limits_of_the_connector_hold(
    wire: Wire, limit: str, make: type[TCPConnector]
) -> None:
    """No more mocked requests run at once than the connector allows, ours or the user's own."""
    async with aiointercept(True, wire=wire) as mock:
        crowd = Crowd(2)
        mock.get(SITE, callback=crowd, repeat=True)
        options: dict[str, Any] = {limit: 2}
        async with ClientSession(connector=make(**options)) as session:
            await asyncio.gather(*(text(session, SITE) for _ in range(6)))
    assert (crowd.peak, mock.call_count) == (2, 6)


async def test_limit_is_shared_with_real_connections(wire: Wire) -> None:
    """Real and mocked connections count towards one limit."""
    async with real_server() as real, aiointercept(True, wire=wire) as mock:
        mock.get(SITE)
        async with ClientSession(connector=TCPConnector(limit=1)) as session:
            holder = asyncio.create_task(text(session, f"{real.url}/hold"))
            await real.asked.wait()
            waiting = asyncio.create_task(text(session, SITE))
            await asyncio.sleep(0.01)
            assert not mock.called
            real.go.set()
            assert [await holder, await waiting] == ["real", ""]


@pytest.mark.parametrize("make", [InterceptConnector, TCPConnector])
async def test_request_that_waits_for_the_pool_does_not_get_out(
    wire: Wire, make: type[TCPConnector], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that waits for a place while the mock leaves fails as the one that has the place."""

    async def dialled(*args: object, **kwargs: object) -> None:
        pytest.fail("a mocked request reached the network")

    monkeypatch.setattr(TCPConnector, "_create_direct_connection", dialled)
    mock = aiointercept(True, wire=wire)
    await mock.start()
    crowd = Crowd(3)
    mock.get(SITE, callback=crowd, repeat=True)
    connector = make(limit=1)
    async with ClientSession(connector=connector) as session:
        calls = [asyncio.create_task(text(session, SITE)) for _ in range(2)]
        await crowd.begun.wait()
        await mock.stop()
        ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ends] == [InterceptClosedError] * 2
    assert "_create_connection" not in vars(connector)


async def test_connect_timeout_covers_the_wait_for_the_pool(wire: Wire) -> None:
    """A ``connect`` timeout ends the wait for a place in the pool, as ever."""
    async with aiointercept(wire=wire) as mock:
        crowd = Crowd(3)
        mock.get(SITE, callback=crowd, repeat=True)
        timeout = aiohttp.ClientTimeout(connect=0.01)
        async with ClientSession(connector=mock.connector(limit=1)) as session:
            first = asyncio.create_task(text(session, SITE))
            await crowd.begun.wait()
            with pytest.raises(asyncio.TimeoutError):
                await session.get(SITE, timeout=timeout)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)


async def test_closing_the_connector_closes_its_wires(wire: Wire) -> None:
    """When the session is closed, the mock's ends of its pooled wires go as well."""
    async with aiointercept(wire=wire) as mock:
        mock.get(SITE)
        session = mock.session()
        await text(session, SITE)
        server = mock.interceptor._servers[asyncio.get_running_loop()]
        assert len(server.connections) == 1
        await session.close()
        for _ in range(100):
            await asyncio.sleep(0.001)
            if not server.connections:
                break
        assert not server.connections
