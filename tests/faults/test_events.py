"""Every fault against its real event on loopback sockets, on the same aiohttp."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector

from aiointercept_connector import aiointercept, faults
from aiointercept_connector.faults.table import KINDS
from tests.faults.events import EVENTS, Event, Met, Place, met

pytestmark = pytest.mark.anyio


async def real(event: Event) -> tuple[Met, int | None, Place]:
    """Return what a client meets, in how many attempts, and where that is."""
    async with event.place() as place:
        async with ClientSession(connector=place.connector(), timeout=event.timeout) as session:
            seen = await met(session, event, place.url, **place.options)
        return seen, place.attempts(), place


@pytest.fixture(params=["connector", "install", "connector on uvloop"])
def way(request: pytest.FixtureRequest) -> str:
    """Come to the mock by a connector of ours, or by an install."""
    return str(request.param)


@pytest.fixture
def anyio_backend(way: str) -> Any:
    """Run on asyncio, in debug mode, or on uvloop."""
    return "asyncio", {"use_uvloop": True} if "uvloop" in way else {"debug": True}


async def mocked(event: Event, name: str, place: Place, wire: Any, way: str) -> tuple[Met, int]:
    """Return what the same client meets at a mock, and how many attempts that records."""
    kind = getattr(faults, name.partition(",")[0])
    method = "GET" if event.method == "WS" else event.method
    async with aiointercept(way == "install", wire=wire) as mock:
        mock.add(place.url, method, exception=kind(**event.fault))
        connector = mock.connector() if way != "install" else TCPConnector()
        async with ClientSession(connector=connector, timeout=event.timeout) as session:
            seen = await met(session, event, place.url, **place.options)
        (call,) = mock.calls
        assert call.route is not None
        return seen, call.attempts


def test_every_fault_has_a_real_event() -> None:
    """No row of the table goes without; ``drop_idle`` has a test of its own."""
    assert {name.partition(",")[0] for name in EVENTS} == KINDS.keys() - {"drop_idle"}


# Python 3.10 leaves its transport open where a server has refused a client's certificate.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <function _SSLProtocolTransport")
# aiohttp 3.10 takes uvloop's connection to a proxy for one that cannot be encrypted.
@pytest.mark.filterwarnings("ignore:An HTTPS request is being sent:RuntimeWarning")
# uvloop leaves to the collector the socket of a connection that it could not make.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket")
@pytest.mark.parametrize("name", EVENTS)
async def test_a_fault_is_met_as_its_real_event(name: str, wire: str, way: str) -> None:
    """Class, message, errno, status, ``os_error`` and causes are those of the real event."""
    event = EVENTS[name]
    if name == "reset_on_accept" and "uvloop" in way:
        pytest.skip("whether uvloop's client reads or writes first is a race")
    if name == "stall_request":
        # aiohttp 3.10 never looks at what becomes of a writer that it has given up.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    expected, attempts, place = await real(event)
    if name == "refused, proxy":
        proxy = place.url
        place = Place("https://localhost/", {"proxy": proxy})
        async with ClientSession(timeout=event.timeout) as session:
            expected = await met(session, event, place.url, proxy=proxy)
    seen, recorded = await mocked(event, name, place, wire, way)
    assert seen == expected
    assert attempts in {recorded, None}
