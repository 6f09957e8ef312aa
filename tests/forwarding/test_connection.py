"""How the real host is reached, and what happens where it is not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import ClientSession, ClientTimeout, TCPConnector, UnixConnector, web

from aiointercept_connector import (
    AiointerceptRequest,
    InterceptClosedError,
    aiointercept,
)
from tests.forwarding.asking import forwarded, own_session, session, text_of, ways
from tests.hosts import NAME, ToLoopback, plain, real_host

pytestmark = pytest.mark.anyio


class TestConnection:
    """How the real host is reached: as the client's own session would have reached it."""

    @pytest.mark.parametrize("options", [{"limit": 1}, {"limit_per_host": 1}], ids=str)
    @ways
    async def test_limits_do_not_hold_it_up(
        self, mock: aiointercept, options: dict[str, int], reply: Any
    ) -> None:
        """The wire to the mock has the only place, and yet the real host is reached."""
        async with real_host() as host:
            mock.get(host.url, reply=reply, repeat=True)
            for client in (session(**options), own_session(mock, **options)):
                async with client:
                    texts = [client.get(host.url) for _ in range(3)]
                    answers = await asyncio.gather(*[text_of(one) for one in texts])
                    assert answers == ["real GET"] * 3

    async def test_real_connections_are_pooled(self, mock: aiointercept) -> None:
        """One connection serves all that is forwarded one after another, and what passes."""
        async with real_host() as host, session() as client:
            mock.get(host.url, callback=forwarded, repeat=True)
            for _ in range(3):
                assert await text_of(client.get(host.url)) == "real GET"
            mock.stop()
            assert await text_of(client.get(host.url)) == "real GET"
            assert len(host.connections) == 1

    async def test_connection_that_the_host_closes_is_not_used_again(
        self, mock: aiointercept
    ) -> None:
        """A host that closes behind every answer is asked over a new connection."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            response = web.Response(text="bye")
            response.force_close()
            return response

        async with real_host(answer) as host, session() as client:
            mock.get(host.url, callback=forwarded, repeat=True)
            for _ in range(2):
                assert await text_of(client.get(host.url)) == "bye"
            assert len(host.connections) == 2

    @ways
    async def test_tls_is_that_of_the_call(self, mock: aiointercept, reply: Any) -> None:
        """``ssl=`` is used for the handshake with the real host, and errors are the caller's."""
        authority = trustme.CA()
        here = ssl.create_default_context()
        there = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.configure_trust(here)
        authority.issue_cert(NAME).configure_cert(there)
        async with real_host(tls=there) as host, session() as client:
            mock.get(host.url, reply=reply, repeat=True)
            assert await text_of(client.get(host.url, ssl=here)) == "real GET"
            with pytest.raises(aiohttp.ServerFingerprintMismatch):
                await client.get(host.url, ssl=aiohttp.Fingerprint(bytes(32)))

    async def test_proxy_is_that_of_the_call(self, mock: aiointercept) -> None:
        """``proxy=`` is asked, with the whole URL."""
        async with real_host() as proxy, session() as client:
            mock.get("http://else.test/x", callback=forwarded, repeat=True)
            for _ in range(2):
                asked = client.get("http://else.test/x", proxy=f"http://u:p@{NAME}:{proxy.port}")
                assert await text_of(asked) == "real GET"
            mock.stop()
            # aiohttp 3.12 shows a proxy who it is on new connections alone.
            async with session() as other:
                asked = other.get("http://else.test/x", proxy=f"http://u:p@{NAME}:{proxy.port}")
                await text_of(asked)
        assert proxy.asked[0] == proxy.asked[2]
        assert proxy.asked[0][0] == "GET http://else.test/x"

    async def test_unix_connector(self, mock: aiointercept, tmp_path: Path) -> None:
        """What was to go over a Unix socket goes over it."""
        server = web.ServerRunner(web.Server(plain))
        await server.setup()
        path = str(tmp_path / "socket")
        await web.UnixSite(server, path).start()
        mock.get("http://localhost/x", callback=forwarded)
        async with ClientSession(connector=UnixConnector(path)) as client:
            assert await text_of(client.get("http://localhost/x")) == "real GET"
        await server.cleanup()

    async def test_redirect_is_the_clients_to_follow(self, mock: aiointercept) -> None:
        """A redirect is returned as it is; the client follows it."""
        seen = []

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": "https://api.test/else"})

        async def callback(request: AiointerceptRequest) -> Any:
            response = await request.forward()
            seen.append(response.status)
            return response

        async with real_host(answer) as host, session() as client:
            mock.get(host.url, callback=callback)
            mock.get("https://api.test/else", body="followed")
            assert await text_of(client.get(host.url)) == "followed"
        assert (seen, len(host.asked)) == ([302], 1)

    async def test_no_mock_is_asked(self, mock: aiointercept) -> None:
        """What is forwarded meets no mock, not one within and not the one that forwards."""
        within = aiointercept(True, scope="task")
        async with real_host() as host, within as inner, session() as client:
            mock.get(host.url, body="outer", repeat=True)
            inner.get(host.url, callback=forwarded, repeat=True)
            assert await text_of(client.get(host.url)) == "real GET"
        assert (mock.call_count, inner.call_count, len(inner.passed_through)) == (0, 1, 1)


@ways
class TestErrors:
    """What the real connection ends in is raised to the client's caller."""

    async def test_nobody_listens(self, mock: aiointercept, reply: Any) -> None:
        """A refused connection is the error that it is without a mock."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://{NAME}:{server.getsockname()[1]}/"
        mock.get(url, reply=reply)
        async with session() as client:
            with pytest.raises(aiohttp.ClientConnectorError) as with_mock:
                await client.get(url)
            mock.stop()
            with pytest.raises(aiohttp.ClientConnectorError) as without:
                await client.get(url)
        assert type(with_mock.value) is type(without.value)
        assert str(with_mock.value) == str(without.value)

    async def test_host_closes_without_an_answer(self, mock: aiointercept, reply: Any) -> None:
        """The client hears of it, and repeats an idempotent request as often as without a mock."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        async with real_host(answer) as host, session() as client:
            mock.get(host.url, reply=reply)
            with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                await client.get(host.url)
            attempts = len(host.asked)
            mock.stop()
            with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                await client.get(host.url)
            assert attempts == len(host.asked) - attempts

    async def test_answer_breaks_off(self, mock: aiointercept, reply: Any) -> None:
        """A body that ends too soon is a ClientPayloadError."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            request.transport.close()
            return web.Response()

        async with real_host(answer) as host, session() as client:
            mock.post(host.url, reply=reply)
            with pytest.raises(aiohttp.ClientPayloadError):
                async with client.post(host.url) as response:
                    await response.read()

    async def test_client_gives_up(self, mock: aiointercept, reply: Any) -> None:
        """A client that waits no longer ends the real request too."""
        async with real_host(_never) as host, session() as client:
            mock.get(host.url, reply=reply)
            asking = asyncio.ensure_future(client.get(host.url))
            await host.reached.wait()
            asking.cancel()
            await host.left.wait()

    async def test_connecting_takes_too_long(self, mock: aiointercept, reply: Any) -> None:
        """The client's own limits on connecting hold for the real connection."""

        class Slow(ToLoopback):
            async def resolve(self, *args: Any, **kwargs: Any) -> Any:
                await asyncio.Event().wait()

        mock.get(f"http://{NAME}/", reply=reply)
        connector = TCPConnector(resolver=Slow())
        async with ClientSession(connector=connector) as client:
            with pytest.raises(aiohttp.ConnectionTimeoutError) as caught:
                await client.get(f"http://{NAME}/", timeout=ClientTimeout(connect=0.01))
        assert str(caught.value) == f"Connection timeout to host http://{NAME}/"

    async def test_mock_is_left(self, mock: aiointercept, reply: Any) -> None:
        """Leaving the mock ends the real request, and tells the client."""
        async with real_host(_never) as host, session() as client:
            mock.get(host.url, reply=reply)
            asking = asyncio.ensure_future(client.get(host.url))
            await host.reached.wait()
            await mock.stop()
            with pytest.raises(InterceptClosedError):
                await asking
            await host.left.wait()


async def _never(request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError
