"""Handshakes on every way to a mock, and when it is left."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, TCPConnector, UnixConnector

from aiointercept_connector import InterceptClosedError, InterceptConnector, aiointercept
from aiointercept_connector.serving import Wire
from tests.securing.site import (
    HOST,
    LONG,
    LONG_AGO,
    ON_BOTH_LOOPS,
    SITE,
    client_context,
    names_in,
    told,
)
from tests.tls import met

pytestmark = pytest.mark.anyio


class TestWaysIn:
    async def test_wss(self, mock: aiointercept) -> None:
        """A WebSocket's connection begins with the same handshake."""
        url = f"wss://{HOST}/ws"

        async def echo(ws: Any, request: Any) -> None:
            async for message in ws:
                await ws.send_str(message.data)

        mock.ws(url, echo)
        async with mock.session() as session:
            async with session.ws_connect(url) as ws:
                await ws.send_str("hello")
                assert await ws.receive_str() == "hello"
                assert names_in(ws.get_extra_info("peercert")) == [HOST]
            mock.certificate(HOST, not_after=LONG_AGO)
            with pytest.raises(aiohttp.ClientConnectorCertificateError, match="has expired"):
                await session.ws_connect(url)

    async def test_through_a_proxy(self, mock: aiointercept) -> None:
        """The handshake is with the host, as it would be through a tunnel."""
        mock.get(SITE, body=LONG, repeat=True)
        async with mock.session() as session:
            info = await told(session, proxy="http://proxy.test:3128")
            assert names_in(info["peercert"]) == [HOST]
            mock.certificate(HOST, hosts=["proxy.test"])
            outcome = await met(session, SITE, proxy="http://proxy.test:3128", ssl=client_context())
        assert "Hostname mismatch" in outcome.text

    async def test_explicit_connector(self, wire: Wire) -> None:
        """A mock that is not installed makes handshakes too."""
        async with aiointercept(wire=wire, tls="verify") as mock:
            mock.get(SITE, body=LONG)
            async with ClientSession(connector=InterceptConnector(mock, ssl=False)) as session:
                info = await told(session)
        assert info["peercert"] == {}

    async def test_session_from_before(self, wire: Wire) -> None:
        """A session that is older than the mock verifies with its own connector's settings."""
        async with ClientSession(connector=TCPConnector(ssl=client_context())) as session:
            async with aiointercept(True, wire=wire, tls="verify") as mock:
                mock.get(SITE, repeat=True)
                assert (await met(session, SITE)).kind == "response"
            async with aiointercept(True, wire=wire, tls="verify") as mock:
                mock.certificate(HOST, not_after=LONG_AGO)
                mock.get(SITE)
                assert "has expired" in (await met(session, SITE)).text

    @pytest.mark.parametrize("wire", ["memory"])
    async def test_unix_socket_has_no_handshake(self, mock: aiointercept) -> None:
        """To aiohttp, a Unix socket is never encrypted, whatever the URL says."""
        mock.get(SITE, body=LONG)
        async with ClientSession(connector=UnixConnector("/nowhere")) as session:
            info = await told(session)
        assert info["ssl_object"] is None

    async def test_the_mocks_mode_decides(self, mock: aiointercept, wire: Wire) -> None:
        """Of two mocks, the one whose route answers says whether there is a handshake."""
        mock.get(SITE, body=LONG)
        async with aiointercept(True, wire=wire) as inner, ClientSession() as session:
            inner.get("https://inner.test/", body=LONG)
            outer_info = await told(session)
            inner_info = await told(session, "https://inner.test/")
        assert outer_info["ssl_object"] is not None
        assert inner_info["ssl_object"] is None

    async def test_server_url_is_not_encrypted(self, mock: aiointercept) -> None:
        """It is for clients of every kind, which do not know our authority."""
        assert mock.server_url.startswith("http://")

    @pytest.mark.parametrize("wire", ["memory"])
    async def test_threads(self, mock: aiointercept) -> None:
        """Loops in many threads ask for the same new host at once, and meet one certificate."""
        mock.get("/x", body=LONG, repeat=True)
        seen: list[Any] = []

        async def ask() -> None:
            context = client_context()
            async with ClientSession() as session:
                info = await told(session, "https://threads.test/x", ssl=context)
                seen.append(info["peercert"]["serialNumber"])

        threads = [threading.Thread(target=asyncio.run, args=[ask()]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.get_running_loop().run_in_executor(None, thread.join)
        assert len(seen) == 8
        assert len(set(seen)) == 1


@ON_BOTH_LOOPS
class TestLeaving:
    async def test_open_connections_are_closed(self, wire: Wire) -> None:
        """A session may keep its connection longer than the mock is there."""
        async with ClientSession() as session:
            async with aiointercept(True, wire=wire, tls="verify") as mock:
                mock.get(SITE, body=LONG)
                response = await session.get(SITE)
            with pytest.raises(aiohttp.ClientError):
                await response.read()

    @pytest.mark.parametrize("turns", range(8))
    async def test_a_call_is_cancelled_meanwhile(self, wire: Wire, turns: int) -> None:
        """Wherever a handshake stands when its caller gives up, nothing of it is left."""
        async with aiointercept(wire=wire, tls="verify") as mock, mock.session() as session:
            mock.get(SITE)
            asking = asyncio.ensure_future(session.get(SITE))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking

    @pytest.mark.parametrize("wire", ["tcp"])
    async def test_the_mock_is_left_meanwhile(self, wire: Wire) -> None:
        """A call whose handshake is under way hears that the mock is gone."""
        mock = aiointercept(wire=wire, tls="verify")
        async with mock, mock.session() as session:
            mock.get(SITE)
            asking = asyncio.ensure_future(session.get(SITE))
            for _ in range(2):
                await asyncio.sleep(0)
            await mock.stop()
            with pytest.raises(InterceptClosedError):
                await asking

    async def test_no_mock_is_kept_alive(self, wire: Wire) -> None:
        """Nothing that lasts as long as the process holds on to a mock."""

        async def used() -> weakref.ref[Any]:
            async with aiointercept(True, wire=wire, tls="verify") as mock:
                mock.get(SITE)
                async with ClientSession() as session:
                    await session.get(SITE, ssl=client_context())
                return weakref.ref(mock.interceptor)

        interceptor = await used()
        for _ in range(5):
            # Connections end one turn after they are closed.
            await asyncio.sleep(0)
        gc.collect()
        assert interceptor() is None
