"""Proxies: a mocked request goes through none, and a refused one reaches none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import BasicAuth, ClientSession

from aiointercept_connector import UnmatchedRequestError, aiointercept
from aiointercept_connector.serving import Wire
from tests.real import RealServer, real_server

pytestmark = pytest.mark.anyio

SITES = ["http://api.test/x", "https://api.test/x"]


@pytest.fixture
async def proxy() -> AsyncIterator[RealServer]:
    """Return a proxy that nobody is to dial."""
    async with real_server() as real:
        yield real
        assert real.requests == []


@pytest.fixture
async def mock(wire: Wire) -> AsyncIterator[aiointercept]:
    """Return a mock that is installed, with a route for each site."""
    async with aiointercept(True, wire=wire) as mock:
        for site in SITES:
            mock.post(site, repeat=True)
        yield mock


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, proxy: RealServer) -> str:
    """Set the environment's proxies, and return the one it names."""
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy.named_url)
    return proxy.named_url


@pytest.mark.parametrize("site", SITES)
async def test_explicit_proxy_is_reported_and_not_dialled(
    mock: aiointercept, proxy: RealServer, site: str
) -> None:
    """With ``proxy=`` the mock answers, and its request tells the proxy."""
    async with ClientSession() as session:
        response = await session.post(site, proxy=proxy.url)
    assert response.status == 200
    assert str(mock.calls[0].proxy) == proxy.url
    assert str(mock.calls[0].url) == site


@pytest.mark.parametrize("site", SITES)
async def test_proxy_over_tls_is_not_dialled(mock: aiointercept, site: str) -> None:
    """A proxy that is spoken to over TLS is passed by as well."""
    async with ClientSession() as session:
        response = await session.post(site, proxy="https://proxy.test:3128")
    assert (response.status, str(mock.calls[0].proxy)) == (200, "https://proxy.test:3128")


@pytest.mark.parametrize("site", SITES)
async def test_proxy_of_the_environment_is_reported_and_not_dialled(
    mock: aiointercept, environment: str, site: str
) -> None:
    """With ``trust_env=True`` the mock answers, and its request tells the environment's proxy."""
    async with ClientSession(trust_env=True) as session:
        response = await session.post(site)
    assert (response.status, str(mock.calls[0].proxy)) == (200, environment)


async def test_no_proxy_is_reported_where_there_is_none(mock: aiointercept) -> None:
    """Without a proxy the request's ``proxy`` is None."""
    async with ClientSession() as session:
        await session.post(SITES[0])
    assert mock.calls[0].proxy is None


# aiohttp 3.14 has deprecated BasicAuth; older ones have nothing else.
@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
@pytest.mark.parametrize("site", SITES)
async def test_second_request_over_a_pooled_connection_is_identical(
    mock: aiointercept, proxy: RealServer, site: str
) -> None:
    """The first request, over a new connection, and the second, over the same, are the same."""
    auth = BasicAuth("u", "p")
    async with ClientSession() as session:
        for _ in range(2):
            await session.post(site, proxy=proxy.url, proxy_auth=auth, data=b"1")
    first, second = mock.calls
    assert first.raw_headers == second.raw_headers
    assert (first.path, first.raw_path, first.proxy) == (second.path, second.raw_path, second.proxy)


async def test_unmatched_request_reaches_no_proxy(mock: aiointercept, proxy: RealServer) -> None:
    """A request without a route is refused before its proxy is dialled."""
    async with ClientSession() as session:
        with pytest.raises(UnmatchedRequestError):
            await session.get("http://else.test/", proxy=proxy.named_url)
    assert str(mock.unmatched[0].proxy) == proxy.named_url


async def test_loopback_host_behind_a_proxy_elsewhere_is_refused(mock: aiointercept) -> None:
    """A loopback host may be reached, but not through a proxy that is somewhere else."""
    async with ClientSession() as session:
        with pytest.raises(UnmatchedRequestError):
            await session.get("http://localhost:1/", proxy="http://proxy.test:3128")


async def test_passing_host_is_reached_through_its_proxy() -> None:
    """A host that may pass is reached as without a mock: through the proxy."""
    mock = aiointercept(True, passthrough=["api.test"])
    async with real_server() as proxy, mock, ClientSession() as session:
        response = await session.get(SITES[0], proxy=proxy.url)
        assert await response.text() == "real"
    assert [request.raw_path for request in proxy.requests] == [SITES[0]]
    assert not mock.called
