"""Faults before there is a connection: the pool, the limits, the signals, the journal."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from aiointercept_connector import (
    ImpossibleFaultError,
    Match,
    aiointercept,
    faults,
    replies,
)
from tests.faults.calling import outcome, tracing
from tests.faults.events import EVENTS
from tests.real import real_server

pytestmark = pytest.mark.anyio

URL = "http://api.example.com/x"
BEFORE_A_CONNECTION = [
    "dns_failure", "dns_timeout", "refused", "unreachable", "connect_timeout", "pool_timeout",
    "reset_on_accept", "unknown_ca", "expired", "wrong_host", "handshake_aborted",
]  # fmt: skip


class TestPool:
    @pytest.mark.parametrize("name", BEFORE_A_CONNECTION)
    async def test_a_pooled_connection_does_not_help(
        self, wire: Any, name: str, session_of: Any
    ) -> None:
        """A fault on the way happens though an idle connection is pooled, which stays."""
        url = URL.replace("http", "https")
        async with aiointercept(True, wire=wire) as mock, session_of(mock) as session:
            mock.get(url)
            mock.get(url, exception=getattr(faults, name)())
            mock.get(url)
            await (await session.get(url)).read()
            await asyncio.sleep(0)  # aiohttp 3.10 lets go of a connection a turn later
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(url, timeout=ClientTimeout(connect=1))
            assert session.connector is not None
            assert sum(map(len, session.connector._conns.values())) == 1
            assert (await session.get(url)).status == 200

    async def test_nothing_is_left_in_the_pool(self, wire: Any) -> None:
        """The place that a failed call had in the pool is free again."""
        async with aiointercept(wire=wire) as mock:
            mock.get(URL, exception=faults.refused(), repeat=3)
            mock.get(URL)
            async with ClientSession(connector=mock.connector(limit=1)) as session:
                for _ in range(3):
                    with pytest.raises(aiohttp.ClientConnectorError):
                        await session.get(URL)
                assert (await session.get(URL)).status == 200

    async def test_the_limit_holds(self) -> None:
        """A call waits for a place in the pool before it fails, as it would."""
        go = asyncio.Event()

        async def wait(request: Any) -> int:
            await go.wait()
            return 200

        async with aiointercept() as mock:
            mock.get("http://else.test/", reply=wait)
            mock.get(URL, exception=faults.refused())
            async with ClientSession(connector=mock.connector(limit=1)) as session:
                first = asyncio.ensure_future(session.get("http://else.test/"))
                await asyncio.sleep(0.01)
                second = asyncio.ensure_future(session.get(URL))
                await asyncio.sleep(0.01)
                assert not second.done()
                go.set()
                (await first).release()
                with pytest.raises(aiohttp.ClientConnectorError):
                    await second


class TestSignals:
    @pytest.mark.parametrize("name", ["dns_failure", "refused", "connect_timeout", "pool_timeout"])
    @pytest.mark.parametrize("cached", [True, False])
    async def test_signals_are_those_of_the_real_event(self, name: str, cached: bool) -> None:
        """A trace is told of the lookup, the queue and the connection up to where it fails."""
        event = EVENTS[name]
        real: list[str] = []
        ours: list[str] = []
        async with event.place() as place:
            connector = place.connector()
            if name != "pool_timeout":
                connector._use_dns_cache = cached
            async with ClientSession(
                connector=connector, timeout=event.timeout, trace_configs=[tracing(real)]
            ) as session:
                with pytest.raises(aiohttp.ClientError):
                    await session.get(place.url)
        async with aiointercept() as mock:
            mock.get(place.url, exception=getattr(faults, name)())
            async with ClientSession(
                connector=mock.connector(use_dns_cache=cached),
                timeout=event.timeout,
                trace_configs=[tracing(ours)],
            ) as session:
                with pytest.raises(aiohttp.ClientError):
                    await session.get(place.url)
        assert ours == real


class TestDeciding:
    async def test_a_call_is_recorded_once(self) -> None:
        """What never had a connection is in the journal, with its route, headers and body."""
        async with aiointercept(strict=True) as mock, mock.session() as session:
            route = mock.post(URL, exception=faults.refused())
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.post(URL, json={"a": 1}, headers={"X-A": "1"})
            (call,) = mock.calls
            assert call.route is route
            assert call.captured_json == {"a": 1}
            assert call.headers["X-A"] == "1"
            assert route.call_count == call.attempts == 1

    async def test_routes_are_used_up_in_turn(self) -> None:
        """A fault is one answer of its route: what was registered next is next."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, json=1)
            mock.get(URL, exception=faults.dns_failure())
            mock.get(URL, json=2)
            assert await (await session.get(URL)).json() == 1
            with pytest.raises(aiohttp.ClientConnectorDNSError):
                await session.get(URL)
            assert await (await session.get(URL)).json() == 2

    async def test_a_sequence_may_hold_one(self, wire: Any) -> None:
        """A sequence goes on over calls that fail early, late, and not at all."""
        steps = [faults.refused(), 200, faults.truncated(), faults.dns_failure(), {"a": 1}]
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            route = mock.get(URL, reply=replies.sequence(steps))
            assert [await outcome(session, "GET", URL) for _ in steps] == [
                "ClientConnectorError", "200", "ClientPayloadError", "ClientConnectorDNSError",
                "200",
            ]  # fmt: skip
            assert route.call_count == mock.call_count == 5

    async def test_conditions_on_headers_hold(self) -> None:
        """A fault's route is passed over by calls that do not meet its conditions."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.refused(), match=Match(headers={"X-A": "1"}))
            mock.get(URL, repeat=True)
            assert (await session.get(URL)).status == 200
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(URL, headers={"X-A": "1"})

    async def test_conditions_that_are_awaited_hold(self) -> None:
        """So it is with conditions that are coroutine functions."""

        async def wanted(request: Any) -> bool:
            await asyncio.sleep(0)
            return "X-A" in request.headers

        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.refused(), match=Match(predicate=wanted))
            mock.get(URL, repeat=True)
            assert (await session.get(URL)).status == 200
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(URL, headers={"X-A": "1"})

    async def test_scenarios_hold(self) -> None:
        """A fault's route waits for its state, and goes on to the next."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, then=("it", "down"))
            mock.get(URL, exception=faults.refused(), when=("it", "down"), then=("it", "up"))
            mock.get(URL, when=("it", "up"))
            assert (await session.get(URL)).status == 200
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(URL)
            assert (await session.get(URL)).status == 200

    async def test_a_condition_on_the_body_may_come_first(self) -> None:
        """A route that has to see the body is asked before a fault that stands behind it."""
        async with aiointercept() as mock, mock.session() as session:
            mock.post(URL, match=Match(json={"a": 1}), status=201, repeat=True)
            mock.post(URL, exception=faults.refused())
            assert (await session.post(URL, json={"a": 1})).status == 201
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.post(URL, json={"a": 2})

    @pytest.mark.parametrize("name", ["refused", "dns_failure", "connect_timeout", "pool_timeout",
                                      "reset_on_accept"])  # fmt: skip
    async def test_a_callback_may_return_one(self, wire: Any, name: str) -> None:
        """It comes late, for the request has been sent; the error is the same."""
        errors = []
        for late in (False, True):
            async with aiointercept(wire=wire) as mock:
                fault = getattr(faults, name)()
                timeout = ClientTimeout(total=5, connect=1)
                if late:
                    mock.post(URL, callback=lambda request: fault)  # noqa: B023 - called here
                else:
                    mock.post(URL, exception=fault)
                async with mock.session(timeout=timeout) as session:
                    with pytest.raises(aiohttp.ClientError) as caught:
                        await session.post(URL)
                errors.append((type(caught.value), str(caught.value)))
        assert errors[0][0] is errors[1][0]


class TestElsewhere:
    async def test_real_traffic_is_left_alone(self) -> None:
        """A fault for one host does not keep anybody from another."""
        async with real_server() as real, aiointercept(True) as mock:
            mock.get(URL, exception=faults.refused(), repeat=True)
            async with ClientSession(connector=TCPConnector()) as session:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(URL)
                assert await (await session.get(real.url)).text() == "real"

    async def test_an_outer_mock_s_fault(self) -> None:
        """A fault of an outer mock happens where the inner one has no route."""
        async with aiointercept(True) as outer, aiointercept(True), ClientSession() as session:
            outer.get(URL, exception=faults.refused())
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(URL)
            assert outer.call_count == 1


class TestPatience:
    async def test_who_waits_for_ever_is_told(self) -> None:
        """Virtual time ends with a message where no timeout of the client's would end it."""
        async with aiointercept() as mock, mock.session(timeout=ClientTimeout()) as session:
            mock.get(URL, exception=faults.pool_timeout())
            with pytest.raises(ImpossibleFaultError) as caught:
                await session.get(URL)
            assert str(caught.value) == (
                f"GET {URL} met faults.pool_timeout(), which sets off a timeout of the client's, "
                f"and its ClientTimeout has no connect= or total=: it would wait for ever. Give "
                f"the client timeout=ClientTimeout(connect=...); or the fault virtual=False, to "
                f"have it wait."
            )

    @pytest.mark.parametrize("name", ["dns_timeout", "connect_timeout"])
    async def test_the_system_may_never_give_up(self, name: str) -> None:
        """With ``seconds=None`` nobody but the client ends it, and that is told who cannot."""
        fault = getattr(faults, name)(seconds=None)
        async with aiointercept() as mock, mock.session(timeout=ClientTimeout()) as session:
            mock.get(URL, exception=fault)
            with pytest.raises(ImpossibleFaultError, match=r"seconds=None\).* no connect= or "):
                await session.get(URL)

    async def test_the_system_gives_up(self) -> None:
        """A client without timeouts gets what the system says in the end."""
        async with aiointercept() as mock, mock.session(timeout=ClientTimeout()) as session:
            mock.get(URL, exception=faults.connect_timeout())
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get(URL)
            assert isinstance(caught.value.os_error, TimeoutError)

    @pytest.mark.parametrize("name", ["dns_timeout", "connect_timeout", "pool_timeout"])
    async def test_really_waiting_is_the_same(self, name: str) -> None:
        """``virtual=False`` waits, and ends in the same exception."""
        seen = []
        for virtual in (True, False):
            timeout = ClientTimeout(total=5, connect=0.02)
            async with aiointercept() as mock, mock.session(timeout=timeout) as session:
                mock.get(URL, exception=getattr(faults, name)(virtual=virtual))
                with pytest.raises(aiohttp.ClientError) as caught:
                    await session.get(URL)
                seen.append((type(caught.value), str(caught.value)))
        assert seen[0] == seen[1]
