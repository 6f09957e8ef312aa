from __future__ import annotations

import asyncio
import gzip
import io
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from aiointercept_connector import aiointercept
from tests.loopback.conftest import settle, until
from tests.loopback.http_requests import (
    EOF_REQUEST,
    LARGE,
    MEGABYTE,
    Connections,
    bodies,
    echo,
    get,
    in_pieces,
    text,
)
from tests.loopback.http_support import URL, OpenRaw, exchange, handle

pytestmark = pytest.mark.anyio


class TestBodies:
    @pytest.mark.parametrize("size", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 2**18 + 1, 10 * MEGABYTE])
    async def test_up(self, mock: aiointercept, size: int) -> None:
        """A body of any size is captured whole."""
        mock.post(URL, repeat=2)
        async with mock.session() as session:
            assert await text(session, method="POST", data=io.BytesIO(LARGE[:size])) == ""
        assert mock.last_request is not None
        assert (mock.last_request.captured_body or b"") == LARGE[:size]

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    @pytest.mark.parametrize("size", [0, 1, 2**16 + 1, 10 * MEGABYTE])
    async def test_down(self, mock: aiointercept, size: int, called: bool) -> None:
        """A body of any size is received whole."""
        callback = (lambda *_, **__: None) if called else None
        mock.get(URL, body=LARGE[:size], callback=callback, repeat=2)
        async with mock.session() as session:
            for _ in range(2):
                async with session.get(URL) as response:
                    assert await response.read() == LARGE[:size]

    async def test_both(self, mock: aiointercept) -> None:
        """What goes up comes back, large as it is."""
        mock.post(URL, callback=echo, repeat=2)
        async with mock.session() as session:
            for _ in range(2):
                async with session.post(URL, data=io.BytesIO(LARGE)) as response:
                    assert await response.read() == LARGE

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    @pytest.mark.parametrize("piece", [1, 1000, 2**17])
    async def test_chunked(self, mock: aiointercept, piece: int, called: bool) -> None:
        """An upload of unknown length arrives whole, in whatever pieces it comes."""
        body = LARGE[: 300 * piece]
        mock.post(URL, callback=(lambda *_, **__: None) if called else None, repeat=2)
        async with mock.session() as session:
            for _ in range(2):
                await text(session, method="POST", data=in_pieces(body, piece))
        assert [call.captured_body for call in mock.calls] == [body, body]

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    @pytest.mark.parametrize("size", [4, MEGABYTE])
    async def test_compressed(self, mock: aiointercept, encoding: str, size: int) -> None:
        """A compressed body is captured as it was before."""
        mock.post(URL, repeat=2)
        async with mock.session() as session:
            for _ in range(2):
                await text(session, method="POST", data=LARGE[:size], compress=encoding)
        assert [call.captured_body for call in mock.calls] == [LARGE[:size]] * 2
        assert mock.calls[0].headers["Content-Encoding"] == encoding

    async def test_many_uploads_on_one_connection(self, mock: aiointercept) -> None:
        """More bodies than aiohttp's parser holds requests go up one connection."""
        mock.post(URL, callback=echo, repeat=True)
        counted = Connections()
        async with mock.session(trace_configs=[counted]) as session:
            for number in range(70):
                body = in_pieces(b"body %d" % number, 3)
                assert await text(session, method="POST", data=body) == f"body {number}"
        assert counted.made == 1

    async def test_in_any_segments(self, mock: aiointercept, raw: OpenRaw) -> None:
        """Requests may arrive byte by byte."""
        mock.post("/x", callback=echo, repeat=2)
        mock.get("/last", body="last")
        post = get("/x", "Content-Length: 4", method="POST") + b"body"
        sent = post + post + EOF_REQUEST
        answer = await exchange(await raw(), *(sent[at : at + 1] for at in range(len(sent))))
        assert bodies(answer) == [b"body", b"body", b"last"]


class TestFlowControl:
    async def test_slow_reader(self, mock: aiointercept) -> None:
        """A client that reads a little at a time gets it all."""
        mock.get(URL, body=LARGE[:MEGABYTE])
        received = bytearray()
        async with mock.session(read_bufsize=2**12) as session, session.get(URL) as response:
            async for piece in response.content.iter_chunked(2**14):
                received += piece
                await asyncio.sleep(0)
        assert received == LARGE[:MEGABYTE]

    async def test_stream_waits_for_its_reader(self, mock: aiointercept) -> None:
        """A stream that nobody reads is held up after a few megabytes."""
        written = 0

        async def endless(request: web.Request) -> web.StreamResponse:
            nonlocal written
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(LARGE[: 2**16])
                written += 2**16
                assert written < 64 * MEGABYTE, "flow control never set in"

        handle(mock, endless)
        async with mock.session() as session, session.get(URL) as response:
            before = -1
            while before != written:
                before = written
                await settle()
            await response.content.readexactly(written)
            await until(lambda: written > before)
            response.close()

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_pipeline_waits_for_its_reader(
        self, mock: aiointercept, raw: OpenRaw, called: bool
    ) -> None:
        """Answers to pipelined requests stop being written when nobody reads them."""
        body = LARGE[: 2**16]
        callback = (lambda *_, **__: None) if called else None
        mock.get("/x", body=body, callback=callback, repeat=True)
        mock.get("/last", body="last")
        reader, writer = await raw()
        transport: Any = writer.transport
        transport.pause_reading()
        for _ in range(40):
            writer.write(get("/x") * 10)
            await settle()
        assert mock.call_count < 300
        transport.resume_reading()
        writer.write(EOF_REQUEST)
        received = bodies(await asyncio.wait_for(reader.read(), 10))
        assert received == [body] * 400 + [b"last"]


class TestStreams:
    async def test_chunked_down(self, mock: aiointercept) -> None:
        """What a handler writes arrives as it is written, before the handler has ended."""
        received = asyncio.Event()

        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"first")
            await received.wait()
            await response.write(b"second")
            return response

        handle(mock, stream)
        async with mock.session() as session, session.get(URL) as response:
            assert await response.content.readany() == b"first"
            received.set()
            assert await response.content.read() == b"second"
            assert response.headers["Transfer-Encoding"] == "chunked"

    async def test_reads_the_request(self, mock: aiointercept) -> None:
        """A handler finds the body read, and knows its peer and transport."""
        seen: dict[str, Any] = {}

        async def look(request: web.Request) -> web.StreamResponse:
            seen.update(body=await request.read(), scheme=request.scheme, peer=request.remote)
            seen.update(transport=request.transport, task=request.task)
            return web.Response()

        handle(mock, look, method="POST")
        async with mock.session() as session:
            await text(session, method="POST", data=b"body")
        assert (seen["body"], seen["scheme"], seen["peer"]) == (b"body", "https", "127.0.0.1")
        assert seen["transport"] is not None
        assert seen["task"] is not None

    async def test_gzip(self, mock: aiointercept) -> None:
        """A response that a handler compresses arrives compressed, and is undone by the client."""

        async def compressed(request: web.Request) -> web.StreamResponse:
            response = web.Response(body=LARGE[:MEGABYTE])
            response.enable_compression(web.ContentCoding.gzip)
            return response

        handle(mock, compressed)
        async with mock.session() as session, session.get(URL) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert await response.read() == LARGE[:MEGABYTE]

    async def test_gzip_by_hand(self, mock: aiointercept) -> None:
        """A static body may be compressed beforehand."""
        zipped = gzip.compress(b"body")
        mock.get(URL, body=zipped, headers={"Content-Encoding": "gzip"})
        async with mock.session() as session:
            assert await text(session) == "body"

    async def test_file(self, mock: aiointercept, tmp_path: Path) -> None:
        """A file is sent whole, or the range that was asked for."""
        path = tmp_path / "file"
        path.write_bytes(LARGE[:MEGABYTE])

        async def file(request: web.Request) -> web.StreamResponse:
            return web.FileResponse(path)

        handle(mock, file, repeat=2)
        async with mock.session() as session:
            async with session.get(URL) as response:
                assert await response.read() == LARGE[:MEGABYTE]
            async with session.get(URL, headers={"Range": "bytes=10-19"}) as response:
                assert (response.status, await response.read()) == (206, LARGE[10:20])
