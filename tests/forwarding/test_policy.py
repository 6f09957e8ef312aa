"""What of a forwarded request leaves, what may not, and for clients of another make."""

from __future__ import annotations

import asyncio
import urllib.request
from typing import Any

import pytest
from aiohttp import ClientSession

from aiointercept_connector import (
    Match,
    NetworkBlockedError,
    UnmatchedRequestError,
    aiointercept,
    block_network,
)
from aiointercept_connector.serving import Wire
from tests.forwarding.asking import forwarded, session, text_of, ways
from tests.hosts import NAME, real_host
from tests.real import real_server

pytestmark = pytest.mark.anyio


class TestWhatLeaves:
    """What is sent on is known, and can be forbidden."""

    async def test_it_is_listed_and_recorded(self, mock: aiointercept) -> None:
        """The journal has the request, answered by its route; so has the list of what passed."""
        async with real_host() as host, session() as client:
            route = mock.get(f"{host.url}/x", callback=forwarded)
            await client.get(f"{host.url}/x", headers={"X-Mine": "1"})
            (passed,) = mock.passed_through
            assert (passed.method, str(passed.url)) == ("GET", f"{host.url}/x")
            assert passed.headers["X-Mine"] == "1"
            assert route.call_count == mock.call_count == 1

    @ways
    async def test_block_network_forbids_it(self, mock: aiointercept, reply: Any) -> None:
        """A blocked network is blocked for what is sent on, too."""
        async with real_host() as host, session() as client:
            mock.get(host.url, reply=reply, repeat=True)
            with block_network(), pytest.raises(NetworkBlockedError, match="real network"):
                await client.get(host.url)
            with block_network(allow=[NAME]):
                assert await text_of(client.get(host.url)) == "real GET"
        assert len(host.asked) == len(mock.passed_through) == 1

    async def test_it_is_listed_by_the_mock_that_answers(self, mock: aiointercept) -> None:
        """An outer mock that answers what the inner one does not has it in its list."""
        async with real_host() as host, aiointercept(True) as inner, session() as client:
            inner.get(host.url, match=Match(headers={"X-Mine": "1"}))
            mock.get(host.url, callback=forwarded)
            assert await text_of(client.get(host.url)) == "real GET"
            assert (len(mock.passed_through), len(inner.passed_through)) == (1, 0)

    async def test_answered_request_cannot_be_sent_on(self, mock: aiointercept) -> None:
        """A recorded request has no way to its host any more, and says so."""
        mock.get("https://api.test/x")
        async with session() as client:
            await client.get("https://api.test/x")
        with pytest.raises(RuntimeError) as caught:
            await mock.calls[0].forward()
        assert str(caught.value) == (
            "<AiointerceptRequest GET https://api.test/x> has been answered. It can be sent on to "
            "its real host while it is not: call forward() in a callback, with callback(request)."
        )


class TestPolicy:
    """A request whose URL has a route that does not answer it."""

    @pytest.mark.parametrize(
        "match", [Match(headers={"X": "1"}), Match(predicate=lambda _: asyncio.sleep(0))], ids=str
    )
    async def test_it_passes_if_it_may(self, wire: Wire, match: Match) -> None:
        """With ``passthrough_unmatched`` it reaches its host, and is listed as what passed."""
        letting = aiointercept(True, passthrough_unmatched=True, wire=wire, strict=True)
        async with real_host() as host, letting as mock, session(limit=1) as client:
            mock.post(host.url, match=match, times=0)
            async with client.post(host.url, data=b"abc") as response:
                assert await response.text() == "real POST"
            assert host.asked[0][2] == b"abc"
            assert [str(one.url) for one in mock.passed_through] == [host.url]
            assert mock.calls == []

    async def test_it_passes_by_its_host(self, wire: Wire) -> None:
        """The same holds for a host that ``passthrough`` names."""
        letting = aiointercept(True, passthrough=[NAME], wire=wire)
        async with real_host() as host, letting as mock, session() as client:
            mock.get(host.url, match=Match(headers={"X": "1"}))
            assert await text_of(client.get(host.url)) == "real GET"

    async def test_it_is_refused_if_not(self, mock: aiointercept) -> None:
        """Without, it is an unmatched request, as ever."""
        async with real_host() as host, session() as client:
            mock.get(host.url, match=Match(headers={"X": "1"}))
            with pytest.raises(UnmatchedRequestError):
                await client.get(host.url)
        assert (host.asked, mock.passed_through, len(mock.unmatched)) == ([], [], 1)

    async def test_server_here_passes_unless_a_route_names_it(self, mock: aiointercept) -> None:
        """A path on any host names none, so that the user's own servers keep working."""
        async with real_server() as real, session() as client:
            mock.get("/x", match=Match(headers={"X": "1"}))
            assert await text_of(client.get(f"{real.url}/x")) == "real"


class TestServerUrl:
    """Clients that are not aiohttp's."""

    @ways
    async def test_real_host_is_reached(self, reply: Any) -> None:
        """Whoever takes the mock for its proxy gets the real host's answer."""
        async with real_server() as real, aiointercept() as mock:
            mock.get(f"{real.url}/x", reply=reply)
            handler = urllib.request.ProxyHandler({"http": mock.server_url})
            opener = urllib.request.build_opener(handler)
            said = await asyncio.to_thread(_read, opener, f"{real.url}/x")
            assert said == b"real"
            assert len(mock.passed_through) == 1

    @ways
    async def test_mock_does_not_ask_itself(self, reply: Any) -> None:
        """A request for ``server_url`` itself is an error, and no endless loop."""
        async with aiointercept() as mock:
            mock.get("/x", reply=reply, repeat=True)
            url = f"{mock.server_url}/x"
            async with ClientSession() as client, client.get(url) as response:
                assert response.status == 500
                assert (await response.text()).endswith(
                    f"RuntimeError: GET {url} was to be sent on to its real host, but that is this "
                    "mock's own server_url. Say where to: request.forward(url=...)\n"
                )
            async with mock.session() as client:
                with pytest.raises(RuntimeError, match="mock's own server_url"):
                    await client.get(url)


def _read(opener: urllib.request.OpenerDirector, url: str) -> bytes:
    with opener.open(url) as response:
        return bytes(response.read())
