"""Which requests are told at a glance, and that aiohttp's parser says the same of them."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, HttpVersion11
from aiohttp.http_parser import HttpRequestParserPy
from hypothesis import given, settings
from hypothesis import strategies as st

from aiointercept_connector import AiointerceptRequest, aiointercept
from aiointercept_connector.loopback.plain import read_plain

FIELDS = b"Host: api.example.com\r\nAccept: */*\r\n"


def request(
    line: bytes = b"GET /users?a=1 HTTP/1.1", fields: bytes = FIELDS, body: bytes = b""
) -> bytes:
    """Return the bytes of a request."""
    return line + b"\r\n" + fields + b"\r\n" + body


class TestAccepted:
    """What is told at a glance."""

    @pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE"])
    def test_no_body(self, method: bytes) -> None:
        """A request without a body is its head alone."""
        data = request(method + b" /users HTTP/1.1")
        assert read_plain(data) == (data.removesuffix(b"\r\n\r\n"), b"")

    def test_whole_body(self) -> None:
        """A body is there if it has as many bytes as its header says."""
        fields = FIELDS + b"Content-Length: 5\r\n"
        assert read_plain(request(b"POST / HTTP/1.1", fields, b"a\r\n\r\n")) == (
            b"POST / HTTP/1.1\r\n" + fields.removesuffix(b"\r\n"),
            b"a\r\n\r\n",
        )


class TestLeftToTheParser:
    """What is not."""

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"GET / HTTP/1.1\r\n",
            request()[:-1],
            request()[:-4],
            request(body=b"x"),
            request(fields=FIELDS + b"Content-Length: 5\r\n", body=b"four"),
            request(fields=FIELDS + b"Content-Length: 5\r\n", body=b"sixsix"),
            request() + request(),
        ],
    )
    def test_not_whole(self, data: bytes) -> None:
        """A part of a request, and more than one."""
        assert read_plain(data) is None

    @pytest.mark.parametrize(
        "line",
        [
            b"CONNECT api.example.com:443 HTTP/1.1",
            b"OPTIONS * HTTP/1.1",
            b"GET http://api.example.com/ HTTP/1.1",
            b"GET / HTTP/1.0",
            b"GET  / HTTP/1.1",
            b"get / HTTP/1.1",
            b"BREW / HTTP/1.1",
            b"GET /\xc3\xa9 HTTP/1.1",
            b"GET / HTTP/1.1 ",
            b"\nGET / HTTP/1.1",
            b"GET /" + b"x" * 8000 + b" HTTP/1.1",
        ],
    )
    def test_line(self, line: bytes) -> None:
        """Request lines of other kinds, and malformed ones."""
        assert read_plain(request(line)) is None

    @pytest.mark.parametrize(
        "field",
        [
            b"Connection: close",
            b"connection: keep-alive",
            b"Upgrade: websocket",
            b"Expect: 100-continue",
            b"Transfer-Encoding: chunked",
            b"CONTENT-ENCODING: gzip",
            b"Sec-WebSocket-Key1: x",
            b"Content-Length: +0",
            b"Content-Length: 0, 0",
            b"HOST: twice.example.com",
            b"Name : x",
            b"Name:",
            b"Name: a\nb",
            b"Name: a\0b",
            b"Name: \xc3\xa9",
            b" folded: x",
            b"no colon",
            b"",
        ],
    )
    def test_field(self, field: bytes) -> None:
        """Fields that a server does something about, twice the same, and malformed ones."""
        assert read_plain(request(fields=FIELDS + field + b"\r\n")) is None

    def test_no_host(self) -> None:
        """A request that names no host."""
        assert read_plain(request(fields=b"Accept: */*\r\n")) is None

    def test_many_fields(self) -> None:
        """More fields than some aiohttp takes."""
        many = b"".join(b"X-%d: y\r\n" % number for number in range(100))
        assert read_plain(request(fields=FIELDS + many)) is None


_begun = b"GET / HTTP/1.1\r\nHost: a.example\r\n"
pieces = st.sampled_from(
    [
        *(b"GET POST HEAD / /a%20b?c=d HTTP/1.1 HTTP/1.0 * : , 0 1 3 abc {} \x7f \xc3\xa9".split()),
        *(b"Host Accept X-A Content-Length Content-Type Connection Upgrade close".split()),
        *(b" ", b": ", b"\r\n", b"\r\n", b"\n", b"\t", b"\0", b"\r\n\r\n", b"\r\nHost: a.example"),
        *(_begun, b"\r\nContent-Length: 3\r\n\r\nabc"),
    ]
)


@pytest.mark.parametrize("parser", [HttpRequestParser, HttpRequestParserPy], ids=["c", "python"])
class TestAgreement:
    """What is told at a glance, aiohttp's parsers take for the very same."""

    @staticmethod
    def parsed(parser: Any, data: bytes) -> list[Any]:
        """Return the requests, with their streams, that a parser finds in *data*."""
        no_loop: Any = object()  # nobody waits for what is in the streams
        return list(parser(BaseProtocol(no_loop), no_loop, 2**16).feed_data(data)[0])

    @settings(max_examples=300)
    @given(
        data=st.lists(pieces).map(b"".join) | st.lists(pieces).map(lambda p: _begun + b"".join(p))
    )
    def test_anything(self, parser: Any, data: bytes) -> None:
        """Nothing is accepted that the parser would not take for one whole plain request."""
        plain = read_plain(data)
        if plain is None:
            return
        head, body = plain
        ((message, payload),) = self.parsed(parser, data)
        assert head.startswith(f"{message.method} {message.path} HTTP/1.1\r\n".encode())
        assert message.version == HttpVersion11
        assert not any((message.should_close, message.upgrade, message.chunked))
        assert message.compression is None
        assert payload.is_eof()
        assert payload.read_nowait() == body

    @settings(max_examples=100)
    @given(fields=st.lists(st.tuples(st.from_regex(rb"\A[!-~]{1,5}\Z"), st.binary(max_size=5))))
    def test_fields(self, parser: Any, fields: list[tuple[bytes, bytes]]) -> None:
        """The same, for fields of any names and values."""
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        data = request(fields=FIELDS + lines)
        if read_plain(data) is not None:
            ((message, _),) = self.parsed(parser, data)
            assert len(message.raw_headers) == 2 + len(fields)


@pytest.mark.anyio
class TestThroughAClient:
    """What a client notices: nothing."""

    async def test_not_parsed(self, wire: Any) -> None:
        """A request is answered without being parsed, until somebody looks at its headers."""
        async with aiointercept(wire=wire) as mock:
            mock.get("https://api.example.com/users", json={})
            async with mock.session() as session:
                await session.get("https://api.example.com/users", headers={"X-Trace": "1"})
            recorded = mock.calls[0]
            assert "_message" not in vars(recorded)
            assert recorded.headers["X-Trace"] == "1"
            assert "_message" in vars(recorded)

    async def test_same_record(self, wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is recorded as it is when it has been parsed at once."""

        async def ask() -> AiointerceptRequest:
            async with aiointercept(wire=wire) as mock:
                mock.put("https://api.example.com/users?a=1", json={})
                async with mock.session(headers={"X-Trace": "1"}) as session:
                    await session.put("https://api.example.com/users?a=1", data=b"x\r\n\r\n")
                return mock.calls[0]

        lazily = await ask()
        monkeypatch.setattr("aiointercept_connector.loopback.protocol.read_plain", lambda _: None)
        at_once = await ask()
        assert "_message" in vars(at_once)
        assert repr(lazily._message) == repr(at_once._message)
        assert lazily.captured_body == at_once.captured_body
        assert (lazily.method, lazily.path_qs, lazily.keep_alive) == ("PUT", "/users?a=1", True)

    async def test_refused_all_the_same(self, wire: Any) -> None:
        """A field that must not be there twice is refused as by aiohttp's own server."""
        headers = [("User-Agent", "a"), ("User-Agent", "b")]

        async def handler(_request: web.BaseRequest) -> web.Response:
            return web.Response()

        server = web.ServerRunner(web.Server(handler, access_log=None))
        await server.setup()
        await web.TCPSite(server, "127.0.0.1", 0).start()
        try:
            real = f"http://127.0.0.1:{server.addresses[0][1]}/"
            async with aiointercept(wire=wire) as mock:
                mock.get("http://api.example.com/")
                statuses = []
                for connector, url in (
                    (TCPConnector(), real),
                    (mock.connector(), "http://api.example.com/"),
                ):
                    async with (
                        ClientSession(connector=connector) as session,
                        session.get(url, headers=headers) as response,
                    ):
                        statuses.append(response.status)
            assert statuses[0] == statuses[1]
        finally:
            await server.cleanup()
