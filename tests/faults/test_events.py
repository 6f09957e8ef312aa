"""Every fault against its real event on loopback sockets, on the same aiohttp."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from typing import Any

import pytest
from aiohttp import ClientSession, Fingerprint, ServerFingerprintMismatch, TCPConnector

from aiointercept_connector import aiointercept, faults
from aiointercept_connector.faults.servers import fingerprint_mismatch
from aiointercept_connector.faults.table import KINDS
from aiointercept_connector.loopback.tls import certificate_shown_by
from tests.faults.events import EVENTS
from tests.faults.meeting import Event, Met, Place, met
from tests.faults.places import real_session

pytestmark = [
    pytest.mark.anyio,
    # Python 3.10 leaves its transport open where a server has refused a client's certificate.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <function _SSLProtocolTransport"),
    # aiohttp 3.10 takes uvloop's connection to a proxy for one that cannot be encrypted.
    pytest.mark.filterwarnings("ignore:An HTTPS request is being sent:RuntimeWarning"),
    # uvloop leaves to the collector the socket of a connection that it could not make.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket"),
]


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
    """No row of the table goes without; that of ``drop_idle`` takes more than one call."""
    assert {name.partition(",")[0] for name in EVENTS} == KINDS.keys() - {"drop_idle"}


@pytest.mark.parametrize("name", EVENTS)
async def test_a_fault_is_met_as_its_real_event(name: str, wire: str, way: str) -> None:
    """Class, message, errno, status, ``os_error`` and causes are those of the real event."""
    event = EVENTS[name]
    if name == "reset_on_accept" and "uvloop" in way:
        pytest.skip("the server is so near that uvloop's client hears of it before it writes")
    if name.startswith("stall_"):
        # aiohttp 3.10 never looks at what becomes of a writer that it has given up.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    expected, attempts, place = await real(event)
    if name == "reset_on_accept, TLS":
        # It complains of its socket when that is collected, wherever that is.
        gc.collect()
    if name == "refused, proxy":
        proxy = place.url
        place = Place("https://localhost/", {"proxy": proxy})
        async with ClientSession(timeout=event.timeout) as session:
            expected = await met(session, event, place.url, proxy=proxy)
    seen, recorded = await mocked(event, name, place, wire, way)
    assert seen == expected
    assert attempts in {recorded, None}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_idle_connection_is_dropped(method: str, wire: Any, way: str) -> None:
    """A dropped idle connection is met as over sockets: a GET heals itself, a POST does not."""
    event = Event(real_session, method=method)
    async with real_session() as (session, url, drop):
        await (await session.get(url)).read()
        drop()
        expected = await met(session, event, url)
    async with aiointercept(way == "install", wire=wire) as mock:
        mock.get(url)
        mock.add(url, method, exception=faults.drop_idle())
        mock.add(url, method)
        async with ClientSession(
            connector=mock.connector() if way != "install" else TCPConnector()
        ) as session:
            await (await session.get(url)).read()
            assert await met(session, event, url) == expected
        assert [call.attempts for call in mock.calls] == [1, 2 if method == "GET" else 1]


async def test_the_fingerprint_is_that_of_the_certificate() -> None:
    """What a client got, in place of what it has pinned, is the hash of what the host shows."""
    async with aiointercept() as mock, mock.session() as session:
        mock.get("https://localhost/", exception=faults.fingerprint_mismatch())
        with pytest.raises(ServerFingerprintMismatch) as caught:
            await session.get("https://localhost/", ssl=Fingerprint(b"0" * 32))
    shown = certificate_shown_by(fingerprint_mismatch("localhost").context)
    assert caught.value.got == hashlib.sha256(shown).digest()
