"""What the server answers is what aiohttp's own server does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from aiointercept_connector import aiointercept
from tests.loopback.http_requests import get
from tests.loopback.http_support import (
    Handler,
    OpenRaw,
    exchange,
    handle,
    real_server,
    without_names,
)

pytestmark = pytest.mark.anyio


async def served(request: Any) -> web.StreamResponse:
    """Answer as the mock of the comparison does."""
    await request.read()
    return web.Response(text="served", content_type="text/plain", charset="utf-8")


class TestAsTheRealServer:
    """What aiohttp's own ``web.Server`` answers over TCP, byte for byte."""

    async def compare(
        self, mock: aiointercept, raw: OpenRaw, handler: Handler, *segments: bytes
    ) -> bytes:
        """Send the same to both, assert that they answer alike, and return the answer."""
        for method in ("GET", "POST", "CONNECT"):
            handle(mock, handler, "/x", method, repeat=True)
        ours = await exchange(await raw(), *segments)
        async with real_server(handler) as port:
            real = await asyncio.open_connection("127.0.0.1", port)
            theirs = await exchange(real, *segments)
            real[1].close()
        assert without_names(ours) == without_names(theirs)
        return ours

    @pytest.mark.parametrize(
        "sent",
        [
            pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
            pytest.param(b"nonsense\r\n\r\n", id="nonsense"),
            pytest.param(b"GET\r\n\r\n", id="no target"),
            pytest.param(b"GE T /x HTTP/1.1\r\nHost: h\r\n\r\n", id="method"),
            pytest.param(b"GET /x HTTP/9.9\r\nHost: h\r\n\r\n", id="version"),
            pytest.param(b"GET /x HTTP/1.1\r\nno colon\r\n\r\n", id="no colon"),
            pytest.param(b"GET /x HTTP/1.1\r\nHost: h\r\nA\x00: b\r\n\r\n", id="name"),
            pytest.param(b"GET /x HTTP/1.1\r\nHost: h\r\nA: b\x00\r\n\r\n", id="value"),
            pytest.param(b"GET /x HTTP/1.1\r\nHost: h\r\n A: b\r\n\r\n", id="folded"),
            pytest.param(get("/x", "Content-Length: x", method="POST"), id="length"),
            pytest.param(get("/x", "Content-Length: -1", method="POST"), id="negative"),
            pytest.param(get("/x", "Content-Length: 1", "Content-Length: 2"), id="two lengths"),
            pytest.param(
                get("/x", "Transfer-Encoding: chunked", "Content-Length: 2", method="POST"),
                id="length and chunked",
            ),
            pytest.param(
                get("/x", "Transfer-Encoding: chunked", method="POST") + b"zz\r\n", id="chunk size"
            ),
            pytest.param(
                get("/x", "Content-Encoding: gzip", "Content-Length: 4", method="POST") + b"nope",
                id="gzip",
            ),
            pytest.param(get("/x") + b"nonsense\r\n\r\n", id="after a good one"),
        ],
    )
    @pytest.mark.parametrize("piece", [None, 20], ids=["at once", "in pieces"])
    async def test_malformed(
        self,
        mock: aiointercept,
        raw: OpenRaw,
        caplog: pytest.LogCaptureFixture,
        sent: bytes,
        piece: int | None,
    ) -> None:
        """Malformed requests are refused with the very bytes of aiohttp's own server."""
        # A last request, for what is not refused after all.
        sent += get("/x", "Connection: close")
        pieces = [sent[at : at + (piece or len(sent))] for at in range(0, len(sent), piece or 999)]
        await self.compare(mock, raw, served, *pieces)
        caplog.clear()

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_well_formed(
        self, mock: aiointercept, raw: OpenRaw, version: str, method: str
    ) -> None:
        """A handler's answer is written as aiohttp's own server writes it."""
        request = get("/x", "Connection: close", method=method, version=version)
        answer = await self.compare(mock, raw, served, request)
        assert answer.endswith(b"served")

    async def test_upgrade_declined(self, mock: aiointercept, raw: OpenRaw) -> None:
        """A handler that takes no notice of `Upgrade` answers in plain HTTP."""
        headers = ("Connection: Upgrade, close", "Upgrade: websocket")
        answer = await self.compare(mock, raw, served, get("/x", *headers))
        assert answer.endswith(b"served")

    async def test_connect(self, mock: aiointercept, raw: OpenRaw) -> None:
        """`CONNECT` meets no route; nobody waits for a body that it does not have."""
        sent = b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nConnection: close\r\n\r\n"
        ours = await exchange(await raw(), sent)
        assert ours.startswith(b"HTTP/1.1 404 Not Found\r\n")
