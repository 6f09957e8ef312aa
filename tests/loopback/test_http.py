from __future__ import annotations

import asyncio
import gc
import gzip
import io
import re
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import (
    BodyPartReader,
    ClientSession,
    FormData,
    HttpVersion10,
    TraceConfig,
    WSMsgType,
    web,
)
from aiohttp.test_utils import TestServer

from aiointercept_connector import CallbackResult, aiointercept
from aiointercept_connector.loopback.link import ClientEnd
from aiointercept_connector.loopback.memory import MemoryTransport
from aiointercept_connector.loopback.protocol import ServerProtocol
from tests.loopback.conftest import settle, until
from tests.loopback.http_support import (
    URL,
    Handler,
    OpenRaw,
    entered_mock,
    exchange,
    handle,
    raw_connections,
    real_server,
    without_names,
)

pytestmark = pytest.mark.anyio

MEGABYTE = 2**20
LARGE = bytes(range(256)) * (10 * MEGABYTE // 256)
EOF_REQUEST = b"GET /last HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def mock(
    wire: str, caplog: pytest.LogCaptureFixture, reports: object
) -> AsyncIterator[aiointercept]:
    """Give a mock on the wire of this run."""
    async with entered_mock(wire, caplog) as entered:
        yield entered


@pytest.fixture
async def raw(mock: aiointercept) -> AsyncIterator[OpenRaw]:
    """Give a function that connects to the mock with no client in between."""
    async with raw_connections(mock) as opened:
        yield opened


def get(path: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    """Return the bytes of a request without a body."""
    lines = [f"{method} {path} HTTP/{version}", "Host: api.example.com", *headers, "", ""]
    return "\r\n".join(lines).encode()


def bodies(answer: bytes) -> list[bytes]:
    """Return the bodies of a stream of answers that all have a Content-Length."""
    found: list[bytes] = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        assert length is not None, head
        found.append(rest[: int(length[1])])
        answer = rest[int(length[1]) :]
    return found


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    """Give *body* as an upload of unknown length."""
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(0)


def echo(url: object, *, data: bytes | None, **_: Any) -> CallbackResult:
    """Answer with what was sent."""
    return CallbackResult(body=data or b"", content_type="application/octet-stream")


async def text(session: ClientSession, url: str = URL, method: str = "GET", **kwargs: Any) -> str:
    """Ask, and return the body."""
    async with session.request(method, url, **kwargs) as response:
        return await response.text()


class Connections(TraceConfig):
    """Counts the connections that a session makes, and how often it uses one again."""

    def __init__(self) -> None:
        super().__init__()
        self.made = self.reused = 0
        self.on_connection_create_end.append(self._count_made)
        self.on_connection_reuseconn.append(self._count_reused)

    async def _count_made(self, *_: object) -> None:
        self.made += 1

    async def _count_reused(self, *_: object) -> None:
        self.reused += 1


class TestKeepAlive:
    async def test_one_connection(self, mock: aiointercept) -> None:
        """Replies of every kind follow each other on one connection."""

        async def streamed(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"streamed")
            return response

        mock.get(URL, body="static", repeat=True)
        mock.get(URL + "/called", callback=lambda *_, **__: CallbackResult(body="called"), repeat=3)
        handle(mock, streamed, URL + "/streamed", repeat=3)
        counted = Connections()
        async with mock.session(trace_configs=[counted]) as session:
            for _ in range(3):
                assert await text(session) == "static"
                assert await text(session, URL + "/called") == "called"
                assert await text(session, URL + "/streamed") == "streamed"
        assert (counted.made, counted.reused) == (1, 8)

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_client_that_closes(self, mock: aiointercept, called: bool) -> None:
        """A client that asks for it gets `Connection: close`, and a new connection each time."""
        mock.get(URL, body="x", callback=(lambda *_, **__: None) if called else None, repeat=True)
        counted = Connections()
        async with mock.session(trace_configs=[counted]) as session:
            for _ in range(2):
                async with session.get(URL, headers={"Connection": "close"}) as response:
                    assert response.headers["Connection"] == "close"
                    assert await response.text() == "x"
        assert counted.made == 2

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_http_1_0(self, mock: aiointercept, called: bool) -> None:
        """An HTTP/1.0 client is answered, and its connection closed unless it asks to keep it."""
        mock.get(URL, body="x", callback=(lambda *_, **__: None) if called else None, repeat=True)
        counted = Connections()
        connector = mock.connector(force_close=True)
        async with ClientSession(
            connector=connector, version=HttpVersion10, trace_configs=[counted]
        ) as session:
            assert [await text(session) for _ in range(2)] == ["x", "x"]
        assert counted.made == 2

    async def test_http_1_0_raw(self, mock: aiointercept, raw: OpenRaw) -> None:
        """Without `keep-alive` an HTTP/1.0 connection ends after one answer, whole."""
        mock.get("/x", body="one", repeat=True)
        answer = await exchange(await raw(), get("/x", version="1.0"))
        assert bodies(answer) == [b"one"]

    async def test_without_a_host(self, mock: aiointercept, raw: OpenRaw) -> None:
        """A request that names no host meets the routes for any host, at this server's own URL."""
        mock.get("/x", body="one")
        reader, writer = await raw()
        port = writer.get_extra_info("peername", ("127.0.0.1", 80))[1]
        assert bodies(await exchange((reader, writer), b"GET /x HTTP/1.0\r\n\r\n")) == [b"one"]
        assert mock.last_request is not None
        assert (mock.last_request.url.host, mock.last_request.url.port) == ("127.0.0.1", port)

    async def test_malformed_host(self, mock: aiointercept, raw: OpenRaw) -> None:
        """A Host that is no host is taken for none."""
        mock.get("/x", body="one")
        request = b"GET /x HTTP/1.1\r\nHost: a:b:c\r\nConnection: close\r\n\r\n"
        assert bodies(await exchange(await raw(), request)) == [b"one"]

    async def test_absolute_target(self, mock: aiointercept, raw: OpenRaw) -> None:
        """A client that takes the mock for its proxy asks for whole URLs."""
        mock.get("http://other.example.com:8080/x?a=b", body="one")
        request = get("http://other.example.com:8080/x?a=b", "Connection: close")
        assert bodies(await exchange(await raw(), request)) == [b"one"]


class TestExpect:
    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    @pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
    async def test_accepted(self, mock: aiointercept, called: bool, chunked: bool) -> None:
        """A client that waits for `100 Continue` is told to go on, and its body arrives."""
        mock.post(URL, body="x", callback=(lambda *_, **__: None) if called else None, repeat=2)
        async with mock.session() as session:
            for _ in range(2):
                data: Any = in_pieces(b"body", 2) if chunked else b"body"
                async with session.post(URL, data=data, expect100=True) as response:
                    assert (response.status, await response.text()) == (200, "x")
        assert [call.captured_body for call in mock.calls] == [b"body", b"body"]

    async def test_on_the_wire(self, mock: aiointercept, raw: OpenRaw) -> None:
        """`100 Continue` comes before the body is there, and the answer after it."""
        mock.post("/x", body="answer")
        reader, writer = await raw()
        head = get("/x", "Content-Length: 4", "Expect: 100-continue", method="POST")
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert mock.call_count == 0
        writer.write(b"body")
        assert (await reader.readuntil(b"answer")).startswith(b"HTTP/1.1 200 OK\r\n")
        assert mock.call_count == 1

    async def test_not_before_http_1_1(self, mock: aiointercept, raw: OpenRaw) -> None:
        """HTTP/1.0 knows no `100 Continue`: the answer is all that is sent."""
        mock.post("/x", body="answer")
        head = get("/x", "Content-Length: 4", "Expect: 100-continue", method="POST", version="1.0")
        answer = await exchange(await raw(), head + b"body")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert bodies(answer) == [b"answer"]

    async def test_unknown(self, mock: aiointercept) -> None:
        """Any other expectation is refused, as `web.Application` refuses it, and no route used."""

        async def answer(request: web.Request) -> web.Response:
            raise AssertionError

        app = web.Application()
        app.router.add_post("/x", answer)
        route = mock.post(URL, body="x")
        real = TestServer(app)
        async with real, ClientSession() as outside, mock.session() as session:
            answers: list[tuple[int, str, str]] = []
            for asker, url in ((outside, real.make_url("/x")), (session, URL)):
                async with asker.post(url, data=b"body", headers={"Expect": "tea"}) as response:
                    said = await response.text()
                    answers.append((response.status, response.headers["Content-Type"], said))
        assert answers[0] == answers[1]
        assert answers[0][0] == 417
        assert route.call_count == 0


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


class TestHead:
    @pytest.mark.parametrize("kind", ["static", "callback", "response", "stream"])
    async def test_no_body(self, mock: aiointercept, kind: str) -> None:
        """HEAD gets the headers of GET and no body, and the connection goes on."""

        async def response(request: web.Request) -> web.StreamResponse:
            return web.Response(body=b"body", content_type="text/plain")

        async def stream(request: web.Request) -> web.StreamResponse:
            headers = {"Content-Type": "text/plain", "Content-Length": "4"}
            started = web.StreamResponse(headers=headers)
            await started.prepare(request)
            await started.write(b"bo")
            await started.write_eof(b"dy")
            return started

        for method in ("GET", "HEAD"):
            if kind in {"response", "stream"}:
                handle(mock, response if kind == "response" else stream, URL, method, repeat=2)
            else:
                callback = (lambda *_, **__: None) if kind == "callback" else None
                mock.add(URL, method, body=b"body", callback=callback, repeat=2)
        counted = Connections()
        async with mock.session(trace_configs=[counted]) as session:
            for _ in range(2):
                async with session.get(URL) as full:
                    assert await full.read() == b"body"
                async with session.head(URL) as bare:
                    assert await bare.read() == b""
                unlike = {"Date", "Transfer-Encoding"}
                assert {(k, v) for k, v in full.headers.items() if k not in unlike} == {
                    (k, v) for k, v in bare.headers.items() if k not in unlike
                }
        assert counted.made == 1

    @pytest.mark.parametrize("kind", ["length", "chunked", "compressed"])
    async def test_stream_on_the_wire(self, mock: aiointercept, raw: OpenRaw, kind: str) -> None:
        """What a streaming handler writes in answer to HEAD does not reach the wire."""

        async def stream(request: web.Request) -> web.StreamResponse:
            started = web.StreamResponse()
            if kind == "length":
                started.content_length = 4
            elif kind == "chunked":
                started.enable_chunked_encoding()
            else:
                started.enable_compression(web.ContentCoding.gzip)
            await started.prepare(request)
            await started.write(b"body")
            return started

        handle(mock, stream, "/x", "HEAD")
        answer = await exchange(await raw(), get("/x", "Connection: close", method="HEAD"))
        assert answer.endswith(b"\r\n\r\n")


class TestPipelining:
    def register(self, mock: aiointercept) -> None:
        """Register a static reply, a callback that takes its time, and one that ends it all."""

        async def slow(url: Any, **_: Any) -> CallbackResult:
            await asyncio.sleep(0.001)
            return CallbackResult(body=url.query["n"])

        for number in range(100):
            mock.get(f"/static?n={number}", body=str(number))
            mock.get(f"/slow?n={number}", callback=slow)
        mock.get("/last", body="last")

    @pytest.mark.parametrize(
        "kinds",
        [
            pytest.param(["static"] * 5, id="static"),
            pytest.param(["slow"] * 5, id="slow"),
            pytest.param(["static", "slow"] * 5, id="alternating"),
            pytest.param(["slow", "static", "static", "slow", "static"], id="mixed"),
            pytest.param(["static"] * 100, id="100 static"),
            pytest.param(["slow", *["static"] * 60], id="a train behind one"),
            pytest.param([*["static"] * 10, *["slow"] * 30], id="a train half served"),
        ],
    )
    async def test_answers_in_order(
        self, mock: aiointercept, raw: OpenRaw, kinds: list[str]
    ) -> None:
        """Requests that come in one segment are answered in their order, each once."""
        self.register(mock)
        sent = b"".join(get(f"/{kind}?n={number}") for number, kind in enumerate(kinds))
        answer = await exchange(await raw(), sent + EOF_REQUEST)
        assert bodies(answer) == [*(b"%d" % number for number in range(len(kinds))), b"last"]
        assert mock.call_count == len(kinds) + 1

    async def test_while_one_is_answered(self, mock: aiointercept, raw: OpenRaw) -> None:
        """A static reply does not overtake a callback that is at work."""
        go_on = asyncio.Event()

        async def waiting(url: object, **_: Any) -> CallbackResult:
            await go_on.wait()
            return CallbackResult(body="first")

        mock.get("/slow", callback=waiting)
        mock.get("/last", body="second")
        reader, writer = await raw()
        writer.write(get("/slow"))
        await until(lambda: mock.call_count == 1)
        writer.write(EOF_REQUEST)
        await settle()
        go_on.set()
        assert bodies(await reader.read()) == [b"first", b"second"]

    async def test_behind_a_body(self, mock: aiointercept, raw: OpenRaw) -> None:
        """The next request may begin in the segment in which a body ends."""
        mock.post("/x", callback=echo)
        mock.post("/y", body="static")
        mock.get("/last", body="last")
        post = get("/x", "Content-Length: 4", method="POST")
        chunked = get("/y", "Transfer-Encoding: chunked", method="POST")
        segments = (post + b"bo", b"dy" + chunked + b"2\r\nbo\r\n", b"0\r\n\r\n" + EOF_REQUEST)
        assert bodies(await exchange(await raw(), *segments)) == [b"body", b"static", b"last"]


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


class TestUpgrade:
    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_declined(self, mock: aiointercept, called: bool) -> None:
        """A reply that is no WebSocket answers a request to upgrade, and the connection goes on."""
        mock.get(URL, body="x", callback=(lambda *_, **__: None) if called else None, repeat=True)
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        async with mock.session() as session:
            for _ in range(2):
                assert await text(session, headers=upgrade) == "x"
                assert await text(session) == "x"

    async def test_refused_handshake(self, mock: aiointercept) -> None:
        """`ws_connect` to a route that is no WebSocket fails as it does with any server."""
        mock.get(URL, body="x")
        async with mock.session() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(URL)
        assert caught.value.status == 200


class TestWebSocket:
    @pytest.mark.parametrize("size", [0, 5, MEGABYTE])
    async def test_echo(self, mock: aiointercept, size: int) -> None:
        """A handler may upgrade, and then frames of any size go both ways."""

        async def repeat(request: web.Request) -> web.StreamResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_bytes(message.data)
            return socket

        handle(mock, repeat)
        async with mock.session() as session, session.ws_connect(URL) as socket:
            for _ in range(3):
                await socket.send_bytes(LARGE[:size])
                assert await socket.receive_bytes() == LARGE[:size]

    async def test_closed_by_the_handler(self, mock: aiointercept) -> None:
        """The handler's close code and reason reach the client."""

        async def hang_up(request: web.Request) -> web.StreamResponse:
            socket = web.WebSocketResponse(protocols=("chat",))
            await socket.prepare(request)
            await socket.close(code=4001, message=b"enough")
            return socket

        handle(mock, hang_up)
        async with (
            mock.session() as session,
            session.ws_connect(URL, protocols=("chat",)) as socket,
        ):
            message = await socket.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4001, "enough")
        assert (socket.protocol, socket.close_code) == ("chat", 4001)


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


def ends() -> list[object]:
    """Return what there is of wires and their ends."""
    kinds = (ClientEnd, ServerProtocol, MemoryTransport)
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


class TestRecordedRequest:
    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_form(self, mock: aiointercept, called: bool) -> None:
        """`post()` gives a form's fields, in the callback and afterwards, as often as one likes."""

        async def look(request: Any) -> web.StreamResponse:
            assert (await request.post())["a"] == "1"
            return web.Response()

        if called:
            handle(mock, look, method="POST")
        else:
            mock.post(URL)
        async with mock.session() as session:
            await text(session, method="POST", data={"a": "1"})
        (request,) = mock.calls
        for _ in range(2):
            assert dict(await request.post()) == {"a": "1"}
            assert await request.text() == "a=1"
            assert await request.content.read() in {b"a=1", b""}

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_multipart(self, mock: aiointercept, called: bool) -> None:
        """`post()` and `multipart()` give the parts, as often as one likes."""

        async def look(request: Any) -> web.StreamResponse:
            field = (await request.post())["file"]
            assert field.file.read() == b"contents"
            return web.Response()

        if called:
            handle(mock, look, method="POST")
        else:
            mock.post(URL)
        form = FormData({"name": "value"})
        form.add_field("file", b"contents", filename="f.bin")
        async with mock.session() as session:
            await text(session, method="POST", data=form)
        (request,) = mock.calls
        for _ in range(2):
            fields: Any = await request.post()
            assert (fields["name"], fields["file"].file.read()) == ("value", b"contents")
            fields["file"].file.close()
            reader, names = await request.multipart(), []
            while part := await reader.next():
                assert isinstance(part, BodyPartReader)
                names.append(part.name)
            assert names == ["name", "file"]

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_keeps_nothing_alive(self, mock: aiointercept, called: bool) -> None:
        """A recorded request outlives its connection and its session without keeping either."""
        before = ends()
        mock.post(URL, callback=(lambda *_, **__: None) if called else None)
        counted = Connections()
        session = mock.session(trace_configs=[counted])
        async with session.post(URL, data=b"body") as response:
            await response.read()
        (request,) = mock.calls
        assert request.transport is None
        await session.close()
        gone = weakref.ref(session)
        del session, response
        await settle()
        gc.collect()
        assert gone() is None
        assert [one for one in ends() if one not in before] == []

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_idle_connection_has_no_call(self, mock: aiointercept, called: bool) -> None:
        """A connection that waits in the pool keeps nothing of the call it served."""
        mock.post(URL, callback=(lambda *_, **__: None) if called else None)
        sent: list[weakref.ref[aiohttp.ClientRequest]] = []

        class Request(aiohttp.ClientRequest):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                sent.append(weakref.ref(self))

        async with mock.session(request_class=Request) as session:
            await text(session, method="POST", data=b"body")
            await settle()
            gc.collect()
            assert [ref() for ref in sent] == [None]


class TestMany:
    async def test_a_thousand_at_once(self, mock: aiointercept) -> None:
        """A thousand connections are open at one time, and each gets its own answer."""
        count = 1000
        arrived = 0
        all_here = asyncio.Event()

        async def wait_for_all(url: Any, **_: Any) -> CallbackResult:
            nonlocal arrived
            arrived += 1
            if arrived == count:
                all_here.set()
            await all_here.wait()
            return CallbackResult(body=url.query["n"])

        # In debug mode the loop would remember a stack for each of their steps.
        asyncio.get_running_loop().set_debug(False)
        mock.add(re.compile("https://api.example.com/x"), callback=wait_for_all, repeat=True)
        async with ClientSession(connector=mock.connector(limit=0)) as session:
            asked = (text(session, f"{URL}?n={number}") for number in range(count))
            assert await asyncio.gather(*asked) == [str(number) for number in range(count)]
        asyncio.get_running_loop().set_debug(True)

    async def test_many_through_a_pool(self, mock: aiointercept) -> None:
        """A pool's limit holds for mocked connections as it does for real ones."""
        at_work = most = 0
        ten = asyncio.Event()

        async def work(url: object, **_: Any) -> CallbackResult:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            if at_work == 10:
                ten.set()
            await ten.wait()
            await asyncio.sleep(0)
            at_work -= 1
            return CallbackResult()

        mock.get(URL, callback=work, repeat=True)
        async with ClientSession(connector=mock.connector(limit=10)) as session:
            await asyncio.gather(*(text(session) for _ in range(100)))
        assert (mock.call_count, most) == (100, 10)
