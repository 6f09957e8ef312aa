from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from aiohttp import ClientSession, HttpVersion10, web
from aiohttp.test_utils import TestServer

from aiointercept_connector import CallbackResult, aiointercept
from tests.loopback.conftest import settle, until
from tests.loopback.http_requests import (
    EOF_REQUEST,
    Connections,
    bodies,
    echo,
    get,
    in_pieces,
    text,
)
from tests.loopback.http_support import URL, OpenRaw, exchange, handle

pytestmark = pytest.mark.anyio


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
