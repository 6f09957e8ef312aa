"""The explicit connector: its arguments, every way to say a host, TLS, what the server sees."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import aiohttp
import pytest
from aiohttp import ClientSession, Fingerprint
from aiohttp.abc import AbstractResolver

from aiointercept_connector import (
    InterceptClosedError,
    InterceptConnector,
    UnmatchedRequestError,
    aiointercept,
)
from aiointercept_connector.serving import Wire
from tests.real import real_server

pytestmark = pytest.mark.anyio

SITE = "https://api.test/x"


class NeverAsked(AbstractResolver):
    """A resolver that must not be asked."""

    async def resolve(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Fail the test."""
        raise AssertionError("the resolver was asked")

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.fixture
async def mock(wire: Wire) -> AsyncIterator[aiointercept]:
    """Return a mock that is not installed, with one route."""
    async with aiointercept(wire=wire) as mock:
        mock.get(SITE, json={"who": "mock"}, repeat=True)
        yield mock


async def who(session: ClientSession, url: str = SITE, **kwargs: Any) -> str:
    """Return who answers."""
    async with session.get(url, **kwargs) as response:
        return str((await response.json())["who"])


OPTIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "limit": {"limit": 1},
    "no limit": {"limit": 0},
    "limit_per_host": {"limit_per_host": 1},
    "force_close": {"force_close": True},
    "keepalive_timeout": {"keepalive_timeout": 1},
    "family": {"family": socket.AF_INET6},
    "local_addr": {"local_addr": ("192.0.2.1", 0)},
    "resolver": {"resolver": NeverAsked()},
    "use_dns_cache": {"use_dns_cache": False},
    "ttl_dns_cache": {"ttl_dns_cache": None},
    "happy_eyeballs_delay": {"happy_eyeballs_delay": None},
    "interleave": {"interleave": 2},
    "timeout_ceil_threshold": {"timeout_ceil_threshold": 1},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
async def test_takes_any_argument_of_tcp_connector(
    mock: aiointercept, options: dict[str, Any]
) -> None:
    """Any argument of TCPConnector is accepted, and none gets in the way of an answer."""
    async with ClientSession(connector=InterceptConnector(mock, **options)) as session:
        assert [await who(session), await who(session)] == ["mock", "mock"]


async def test_unknown_argument_is_refused_as_by_aiohttp() -> None:
    """An argument that TCPConnector does not have is refused with aiohttp's own error."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        InterceptConnector(nonsense=1)


async def test_socket_factory_is_not_called(mock: aiointercept) -> None:
    """A socket factory is not asked for the socket of a mocked connection."""
    try:
        connector = InterceptConnector(mock, socket_factory=lambda info: pytest.fail("called"))
    except TypeError:
        pytest.skip("this aiohttp has no socket_factory")
    async with ClientSession(connector=connector) as session:
        assert await who(session) == "mock"


TLS: dict[str, Any] = {
    "True": True,
    "False": False,
    "default context": ssl.create_default_context(),
    "own context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    "fingerprint": Fingerprint(b"\0" * 32),
}


@pytest.mark.parametrize("form", TLS.values(), ids=TLS)
async def test_every_form_of_ssl_on_the_connector(mock: aiointercept, form: Any) -> None:
    """An https URL is answered whatever the connector's ``ssl=`` is, and the mock sees https."""
    async with ClientSession(connector=mock.connector(ssl=form)) as session:
        assert await who(session) == "mock"
    assert (mock.calls[0].scheme, str(mock.calls[0].url)) == ("https", SITE)


@pytest.mark.parametrize("form", TLS.values(), ids=TLS)
async def test_every_form_of_ssl_on_the_request(mock: aiointercept, form: Any) -> None:
    """An https URL is answered whatever the request's ``ssl=`` is, and the mock sees https."""
    async with mock.session() as session:
        assert await who(session, ssl=form) == "mock"
    assert mock.calls[0].scheme == "https"


async def test_server_hostname_does_not_change_the_route(mock: aiointercept) -> None:
    """``server_hostname=`` names a certificate, not a host to be matched."""
    async with mock.session() as session:
        assert await who(session, server_hostname="other.test") == "mock"
    assert mock.calls[0].host == "api.test"


async def test_http_and_https_are_different_routes(mock: aiointercept) -> None:
    """What is registered for https does not answer http on the same host."""
    async with mock.session() as session:
        with pytest.raises(UnmatchedRequestError):
            await session.get("http://api.test/x")


async def test_encoded_slash_is_not_a_slash(mock: aiointercept) -> None:
    """``%2F`` in a path is no separator."""
    mock.get("https://api.test/a/b", json={"who": "slash"})
    mock.get("https://api.test/a%2Fb", json={"who": "encoded"})
    async with mock.session() as session:
        assert await who(session, "https://api.test/a%2Fb") == "encoded"
        assert await who(session, "https://api.test/a/b") == "slash"


SPELLINGS = [
    ("http://192.0.2.1/x", "http://192.0.2.1/x"),
    ("https://192.0.2.1:8443/x", "https://192.0.2.1:8443/x"),
    ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
    ("http://[2001:db8::1]/x", "http://[2001:db8::1]/x"),
    ("https://[::1]:8443/x", "https://[::1]:8443/x"),
    ("http://api.test/x", "http://API.Test/x"),
    ("http://api.test/x", "http://api.test./x"),
    ("http://api.test./x", "http://api.test/x"),
    ("http://api.test/x", "http://api.test:80/x"),
    ("https://api.test:443/x", "https://api.test/x"),
    ("http://bücher.test/x", "http://xn--bcher-kva.test/x"),
    ("http://xn--bcher-kva.test/x", "http://bücher.test/x"),
    ("http://api.test:8080/x", "http://api.test:8080/x"),
]


@pytest.mark.parametrize(("registered", "asked"), SPELLINGS)
async def test_every_spelling_of_a_host(wire: Wire, registered: str, asked: str) -> None:
    """IP literals, case, trailing dots, IDN and default ports find their route."""
    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.get(registered, json={"who": "mock"})
        assert await who(session, asked) == "mock"


async def test_another_port_is_another_origin(mock: aiointercept) -> None:
    """A route answers at its own port alone."""
    async with mock.session() as session:
        with pytest.raises(UnmatchedRequestError):
            await session.get("https://api.test:8443/x")


async def test_ip_literal_that_is_not_registered_is_refused(mock: aiointercept) -> None:
    """An address without a route is refused as a name is."""
    async with mock.session() as session:
        with pytest.raises(UnmatchedRequestError, match=r"GET http://192\.0\.2\.7/x met no route"):
            await session.get("http://192.0.2.7/x")


async def test_request_is_the_one_that_a_real_server_gets(wire: Wire) -> None:
    """The mock sees the method, target, headers and body that a real server would, no more."""
    form: dict[str, Any] = {"data": {"a": "1", "b": ""}, "headers": {"X-Own": "1"}}
    async with real_server() as real, aiointercept(wire=wire) as mock:
        url = f"{real.url}/p%2Fq?z=1&a=2"
        mock.post(url)
        async with ClientSession() as plain, mock.session() as mocked:
            await plain.post(url, **form)
            await mocked.post(url, **form)
        there, here = real.requests[0], mock.calls[0]
    assert here.raw_headers == there.raw_headers
    assert (here.method, here.raw_path, here.version) == (
        there.method,
        there.raw_path,
        there.version,
    )
    assert here.captured_body == await there.read()


async def test_own_mock_is_asked_before_an_installed_one(mock: aiointercept) -> None:
    """An explicit connector asks its own mock first."""
    async with aiointercept(True) as installed:
        installed.get(SITE, json={"who": "installed"}, repeat=True)
        async with mock.session() as session:
            assert await who(session) == "mock"
    assert not installed.called


async def test_installed_mocks_answer_what_the_own_one_does_not(mock: aiointercept) -> None:
    """What the connector's own mock has no route for is asked of the installed ones."""
    async with aiointercept(True) as installed:
        installed.get("https://else.test/", json={"who": "installed"})
        async with mock.session() as session:
            assert await who(session, "https://else.test/") == "installed"
    assert (mock.call_count, installed.call_count) == (0, 1)


async def test_own_mock_decides_what_may_pass() -> None:
    """What no mock answers is refused by the connector's own mock, and recorded there."""
    lenient = aiointercept(True, passthrough_unmatched=True)
    async with lenient as installed, aiointercept() as mock, mock.session() as session:
        with pytest.raises(UnmatchedRequestError):
            await session.get("https://else.test/")
    assert (len(mock.unmatched), installed.call_count) == (1, 0)


async def test_own_mock_may_let_pass_what_an_installed_one_would_not() -> None:
    """The connector's own mock decides, though a stricter one is installed."""
    own = aiointercept(passthrough=["api.test"])
    async with real_server() as proxy, aiointercept(True), own as mock, mock.session() as session:
        response = await session.get("http://api.test/", proxy=proxy.url)
        assert await response.text() == "real"


async def test_request_that_passed_is_answered_once_a_mock_is_installed() -> None:
    """What the connector's own mock has let pass is asked of a mock that is installed later."""
    async with real_server() as real, aiointercept() as mock, mock.session() as session:
        assert await (await session.get(real.url)).text() == "real"
        async with aiointercept(True) as installed:
            installed.get(real.url, body="installed")
            assert await (await session.get(real.url)).text() == "installed"


async def test_own_mock_that_is_installed_too_is_asked_once() -> None:
    """A mock may be installed and be a connector's own; a call is recorded once."""
    async with aiointercept(True) as mock, mock.session() as session:
        mock.get(SITE, json={"who": "mock"})
        assert await who(session) == "mock"
        with pytest.raises(UnmatchedRequestError):
            await session.get(SITE)
    assert mock.call_count == 2


async def test_connector_without_mock_is_an_ordinary_one() -> None:
    """Without a mock of its own, and with none installed, the connector reaches real servers."""
    connector = InterceptConnector()
    async with real_server() as real, ClientSession(connector=connector) as session:
        assert await (await session.get(real.url)).text() == "real"


async def test_connector_without_mock_asks_the_installed_ones() -> None:
    """Without a mock of its own the connector asks whatever is installed."""
    async with aiointercept(True) as mock, ClientSession(connector=InterceptConnector()) as session:
        mock.get(SITE, json={"who": "installed"})
        assert await who(session) == "installed"


@pytest.mark.parametrize("started", [False, True])
async def test_mock_that_is_not_active_says_so(started: bool) -> None:
    """A connector whose mock is not started, or stopped, raises an error that says so."""
    mock = aiointercept()
    if started:
        mock.start()
        mock.stop()
    async with mock.session() as session:
        with pytest.raises(InterceptClosedError) as caught:
            await session.get(SITE)
    assert str(caught.value) == (
        f"GET {SITE}: the mock that was to answer is not active. "
        "It has been stopped, or not been started."
    )
    assert not mock.called


async def test_route_of_a_mock_that_is_not_started_does_not_answer() -> None:
    """A route registered before the start claims its requests, and refuses to answer them."""
    mock = aiointercept()
    mock.get(SITE)
    async with mock.session() as session:
        with pytest.raises(InterceptClosedError, match="the mock that was to answer is not active"):
            await session.get(SITE)


async def test_connector_serves_a_mock_that_is_started_again(wire: Wire) -> None:
    """A connector whose mock is stopped and started again goes on, over new wires."""
    mock = aiointercept(wire=wire)
    async with mock.session() as session:
        for _ in range(2):
            async with mock:
                mock.get(SITE, json={"who": "mock"})
                assert await who(session) == "mock"


async def test_websocket_urls_are_answered_over_plain_and_secure_wires(wire: Wire) -> None:
    """``ws_connect`` reaches the route of its URL, spelled with any scheme of that kind."""
    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.get("https://api.test/ws", status=403)
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect("wss://api.test/ws")
    assert caught.value.status == 403
    assert mock.calls[0].headers["Upgrade"] == "websocket"
