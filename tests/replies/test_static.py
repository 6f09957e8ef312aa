from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import RawTestServer
from multidict import CIMultiDict

from aiointercept_connector import aiointercept
from aiointercept_connector.replies.static import StaticReply, static_reply
from tests.replies.support import exchanged, sent_by

pytestmark = pytest.mark.anyio

JSON = ("Content-Type", "application/json")


@asynccontextmanager
async def served(reply: Callable[..., Any]) -> AsyncGenerator[RawTestServer, None]:
    """Serve *reply* by aiohttp's own server over TCP: a reply is a handler."""
    server = RawTestServer(reply)
    async with server:
        yield server


async def written(reply: Callable[..., Any], request: bytes, until: bytes | None = None) -> bytes:
    """Return the bytes that answer *request*: all of them, or those up to *until*."""
    async with served(reply) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(request)
        try:
            return await (reader.read() if until is None else reader.readuntil(until))
        finally:
            writer.close()
            await writer.wait_closed()


class TestBytes:
    """A static reply is bytes, made once."""

    def test_wire(self) -> None:
        """`wire` is the whole response: status line, headers, length, body."""
        reply = static_reply(status=201, json={"a": 1}, headers={"X-A": "1"})
        assert reply.wire == (
            b"HTTP/1.1 201 Created\r\n"
            b"X-A: 1\r\n"
            b"Content-Type: application/json\r\n"
            b"Content-Length: 8\r\n"
            b"\r\n"
            b'{"a": 1}'
        )

    @pytest.mark.parametrize("keep_alive", [True, False])
    def test_head(self, keep_alive: bool) -> None:
        """HEAD is answered with the same head, the length of the body included."""
        closing = b"" if keep_alive else b"Connection: close\r\n"
        assert static_reply(body="four").head(keep_alive=keep_alive) == (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
            + closing
            + b"\r\n"
        )

    def test_nothing_else(self) -> None:
        """No header is sent that was not asked for, but type and length."""
        assert list(static_reply().headers.items()) == [JSON, ("Content-Length", "0")]

    @pytest.mark.parametrize("status", [100, 103, 199, 204, 304])
    def test_no_length_where_no_body(self, status: int) -> None:
        """A response that has no body by its status has no length either."""
        assert list(static_reply(status=status).headers.items()) == [JSON]

    def test_length_of_one_s_own(self) -> None:
        """A length among the headers of a reply without a body is sent as it is: HEAD has one."""
        reply = static_reply(headers={"content-length": "9"})
        assert reply.headers.getall("Content-Length") == ["9"]

    def test_length_that_is_not_the_body_s(self) -> None:
        """A length that is not the body's is refused, unless the body is sent in chunks."""
        with pytest.raises(ValueError, match="Content-Length is '9', but the body has 4 bytes"):
            static_reply(body="four", headers={"content-length": "9"})
        static_reply(body="four", headers={"content-length": "4"})
        static_reply(body="four", headers={"content-length": "9", "transfer-encoding": "chunked"})

    async def test_through_aiohttp_s_server(self) -> None:
        """The long way, through aiohttp's server, writes the same bytes."""
        reply = static_reply(body="four", headers={"X-A": "ü"})
        request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        assert await written(reply, request, until=b"four") == reply.wire

    async def test_closing(self) -> None:
        """A client that wants the connection closed is told that it is, and it is."""
        reply = static_reply(body="four")
        request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert await written(reply, request) == reply.head(keep_alive=False) + b"four"

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    async def test_head_through_aiohttp_s_server(self, version: str) -> None:
        """HEAD has no body, in any version of HTTP."""
        reply = static_reply(body="four")
        request = f"HEAD / HTTP/{version}\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
        assert await written(reply, request) == reply.head(keep_alive=False)

    async def test_keep_alive(self) -> None:
        """Two requests on one connection are both answered."""
        reply = static_reply(body="x" * 100_000)
        async with served(reply) as server, ClientSession() as session:
            for _ in range(2):
                async with session.get(server.make_url("/")) as response:
                    assert await response.read() == reply.body
            assert session.connector is not None
            assert sum(map(len, session.connector._conns.values())) == 1

    async def test_prepared_once(self) -> None:
        """A handler that prepares the response itself, as any handler may, writes it once."""
        reply = static_reply(body="four")

        async def handler(request: web.Request) -> web.StreamResponse:
            response = await reply(request)
            states = [response.prepared]
            await response.prepare(request)
            states.append(response.prepared)
            assert states == [False, True]
            return response

        request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert (await written(handler, request)).count(b"four") == 1

    @pytest.mark.parametrize("body", ["", "four", "x" * 70_000])
    @pytest.mark.parametrize("lying", [{}, {"Content-Length": "3"}])
    async def test_recorded_headers(self, body: str, lying: dict[str, str]) -> None:
        """Headers that say `chunked`, as recorded ones often do, are kept and come true."""
        reply = static_reply(body=body, headers={"transfer-encoding": "Chunked", **lying})
        async with served(reply) as server, ClientSession() as session:
            for _ in range(2):
                async with session.get(server.make_url("/")) as response:
                    assert await response.text() == body
                    assert response.headers["Transfer-Encoding"] == "Chunked"
                    assert "Content-Length" not in response.headers


class TestNoBody:
    """Where HTTP has no body, none is sent, whatever the reply holds."""

    @pytest.mark.parametrize("status", [100, 103, 204, 304])
    @pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "chunked"}])
    def test_by_status(self, status: int, headers: dict[str, str]) -> None:
        """By status: it would be taken for the beginning of the next response."""
        reply = StaticReply(status, b"four", headers)
        assert sent_by(reply).endswith(b"\r\n\r\n")
        assert b"chunked" not in sent_by(reply)

    @pytest.mark.parametrize("status", [204, 304])
    async def test_the_next_response(self, status: int) -> None:
        """The connection lives on."""
        reply = StaticReply(status, b"four", {"Transfer-Encoding": "chunked"})
        async with served(reply) as server, ClientSession() as session:
            for _ in range(2):
                async with session.get(server.make_url("/")) as response:
                    assert (response.status, await response.read()) == (status, b"")


class TestClosing:
    """A reply whose headers say `Connection: close` closes its connection."""

    @pytest.mark.parametrize("value", ["close", "Close", "x, close"])
    async def test_closes(self, value: str) -> None:
        """Once it is sent, and it is said once."""
        reply = static_reply(body="four", headers={"Connection": value})
        sent = await written(reply, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
        assert sent.count(b"HTTP/1.1 200 OK") == 1
        assert sent.count(b"Connection: ") == 1
        assert sent.endswith(b"\r\n\r\nfour")

    async def test_by_a_mock(self) -> None:
        """So it does where replies are sent the short way."""
        async with aiointercept() as mock:
            mock.get("/x", body="four", headers={"Connection": "close"}, repeat=True)
            sent = await exchanged(mock, b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
        assert sent.count(b"HTTP/1.1 200 OK") == 1

    async def test_client(self, wire: Any) -> None:
        """The client takes a new connection for its next call."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get("/x", headers={"Connection": "close"}, repeat=True)
            for _ in range(2):
                async with session.get("https://api.example.com/x") as response:
                    assert response.status == 200
                assert session.connector is not None
                assert not any(session.connector._conns.values())

    def test_not_equal(self) -> None:
        """It is not the reply that keeps it open."""
        assert static_reply(headers={"Connection": "close"}) != static_reply()


class TestHttp10:
    """A client of HTTP/1.0 is answered as it understands."""

    @pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "chunked"}])
    async def test_closed(self, headers: dict[str, str]) -> None:
        """Without chunks, and the connection is closed (RFC 9112 section 9.3)."""
        async with aiointercept() as mock:
            mock.get("/x", body="four", headers=headers)
            sent = await exchanged(mock, b"GET /x HTTP/1.0\r\n\r\n")
        assert sent == (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
            b"Connection: close\r\n\r\nfour"
        )

    async def test_kept_alive(self) -> None:
        """If it asks, it is told that the connection stays open, and it does."""
        async with aiointercept() as mock:
            mock.get("/x", body="four")
            mock.head("/x", body="four")
            asked = b" /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
            sent = await exchanged(
                mock, b"GET" + asked + b"HEAD" + asked + b"GET /y HTTP/1.0\r\n\r\n"
            )
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
            b"Connection: keep-alive\r\n\r\n"
        )
        assert sent.startswith(head + b"four" + head + b"HTTP/1.")


class TestAgainstRealServer:
    """What comes is what aiohttp's own `web.Response` would have sent."""

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 205, 206, 299, 304, 404, 418, 500, 599])
    async def test_statuses(self, status: int, method: str) -> None:
        """Status, reason, headers and body agree, whatever the status."""

        async def real(request: web.BaseRequest) -> web.Response:
            body = b"" if status in {204, 304} else b"four"
            return web.Response(status=status, body=body, content_type="application/json")

        async def told(handler: Any) -> Any:
            async with (
                served(handler) as server,
                ClientSession() as session,
                session.request(method, server.make_url("/")) as response,
            ):
                headers = CIMultiDict(response.headers)
                for name in ("Date", "Server"):
                    headers.popall(name, None)
                return response.status, response.reason, headers, await response.read()

        body = b"" if status in {204, 304} else b"four"
        assert await told(static_reply(status=status, body=body)) == await told(real)


class TestBodies:
    """What may be sent, and how."""

    @pytest.mark.parametrize(
        "body", ["zoë", "zoë".encode(), bytearray("zoë".encode()), memoryview("zoë".encode())]
    )
    def test_forms(self, body: Any) -> None:
        """A body is bytes of any kind, or text that is sent as UTF-8."""
        assert static_reply(body=body).body == "zoë".encode()

    def test_later_changes(self) -> None:
        """What happens to a bytearray later does not change the reply."""
        body = bytearray(b"one")
        reply = static_reply(body=body)
        body[:] = b"two"
        assert reply.body == b"one"

    @pytest.mark.parametrize(
        ("json", "body"),
        [(None, b"null"), (0, b"0"), ("", b'""'), ({"a": [True]}, b'{"a": [true]}')],
    )
    def test_json(self, json: Any, body: bytes) -> None:
        """Any value given as JSON is sent in place of the body, None as null."""
        assert static_reply(body="body", json=json).body == body


class TestHeaders:
    """Names, values and the content type."""

    def test_repeated(self) -> None:
        """A multidict may repeat a name, and the order is kept."""
        headers = CIMultiDict([("Set-Cookie", "a=1"), ("X-A", "1"), ("Set-Cookie", "b=2")])
        assert sent_by(static_reply(headers=headers)).startswith(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-A: 1\r\nSet-Cookie: b=2\r\n"
        )

    @pytest.mark.parametrize(
        ("headers", "content_type", "sent"),
        [
            ({}, None, "application/json"),
            ({}, "text/html; charset=latin-1", "text/html; charset=latin-1"),
            ({"CONTENT-TYPE": "a/b"}, None, "a/b"),
            ({"content-type": "a/b"}, "c/d", "a/b"),
        ],
    )
    def test_content_type(self, headers: Any, content_type: str | None, sent: str) -> None:
        """The content type is that of the headers, else the argument, else JSON."""
        reply = static_reply(headers=headers, content_type=content_type)
        assert reply.headers.getall("Content-Type") == [sent]

    def test_later_changes(self) -> None:
        """What happens to the mapping later does not change the reply."""
        headers = {"X-A": "1"}
        reply = static_reply(headers=headers)
        headers["X-A"] = "2"
        assert reply.headers["X-A"] == "1"


class TestReason:
    """The reason phrase."""

    @pytest.mark.parametrize("status", list(HTTPStatus))
    def test_usual(self, status: HTTPStatus) -> None:
        """The usual phrase is that of `http.HTTPStatus`, which may be the status too."""
        reply = static_reply(status=status)
        assert sent_by(reply).startswith(f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode())
        assert type(reply.status) is int

    def test_unknown_status(self) -> None:
        """A status that nobody has named has no phrase."""
        assert sent_by(static_reply(status=299)).startswith(b"HTTP/1.1 299 \r\n")

    @pytest.mark.parametrize("reason", ["Gone fishing", "", "zoë"])
    def test_of_one_s_own(self, reason: str) -> None:
        """A phrase of one's own is sent, an empty one too."""
        assert sent_by(static_reply(reason=reason)).startswith(
            f"HTTP/1.1 200 {reason}\r\n".encode()
        )


class TestValue:
    """A reply is a value."""

    def test_equal(self) -> None:
        """Replies that send the same are equal, however they were written."""
        assert static_reply(json=1) == static_reply(body="1", content_type="application/json")
        assert len({static_reply(json=1), static_reply(body=b"1")}) == 1
        assert static_reply(json=1) != static_reply(json=2)
        assert static_reply() != static_reply(status=201)
        assert static_reply() != "reply"

    @pytest.mark.parametrize(
        ("reply", "text"),
        [
            (static_reply(json=[1]), "<StaticReply 200 OK, application/json, 3 bytes>"),
            (StaticReply(204), "<StaticReply 204 No Content, no content type, 0 bytes>"),
        ],
    )
    def test_repr(self, reply: StaticReply, text: str) -> None:
        """The repr tells status, content type and length."""
        assert repr(reply) == text


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"status": "200"}, TypeError, "status must be an int from 100 to 599, not str: '200'"),
        ({"status": True}, TypeError, "status must be an int from 100 to 599, not bool: True"),
        ({"status": 200.0}, TypeError, "status must be an int from 100 to 599, not float: 200.0"),
        ({"status": 99}, ValueError, "status must be from 100 to 599, not 99"),
        ({"status": 600}, ValueError, "status must be from 100 to 599, not 600"),
        ({"body": None}, TypeError, "body must be str or bytes, not NoneType: None."),
        (
            {"body": {"a": 1}},
            TypeError,
            "body must be str or bytes, not dict: {'a': 1}. For a JSON body use json=.",
        ),
        ({"body": 5}, TypeError, "body must be str or bytes, not int: 5."),
        (
            {"json": {1, 2}},
            TypeError,
            (
                "json (or payload) must be serialisable as JSON: "
                "Object of type set is not JSON serializable"
            ),
        ),
        (
            {"status": 204, "body": "four"},
            ValueError,
            "body: HTTP allows no body with status=204, but 4 bytes were given.",
        ),
        (
            {"status": 304, "json": None},
            ValueError,
            "json: HTTP allows no body with status=304, but 4 bytes were given.",
        ),
        (
            {"status": 103, "body": b"x"},
            ValueError,
            "body: HTTP allows no body with status=103, but 1 bytes were given.",
        ),
        (
            {"headers": [("X-A", "1")]},
            TypeError,
            "headers must be a mapping of names to values, not list",
        ),
        ({"headers": {"X A": "1"}}, ValueError, "headers: 'X A' is not a header name"),
        ({"headers": {"": "1"}}, ValueError, "headers: '' is not a header name"),
        ({"headers": {"X\r\nA": "1"}}, ValueError, "headers: 'X\\r\\nA' is not a header name"),
        ({"headers": {5: "1"}}, ValueError, "headers: 5 is not a header name"),
        ({"headers": {"X-A": 1}}, TypeError, "headers['X-A'] must be a str, not int: 1"),
        (
            {"headers": {"X-A": "1\r\nX-B: 2"}},
            ValueError,
            "headers['X-A'] must not contain CR, LF or NUL: '1\\r\\nX-B: 2'",
        ),
        (
            {"headers": {"X-A": "\n"}},
            ValueError,
            "headers['X-A'] must not contain CR, LF or NUL: '\\n'",
        ),
        (
            {"headers": {"X-A": "\0"}},
            ValueError,
            "headers['X-A'] must not contain CR, LF or NUL: '\\x00'",
        ),
        ({"content_type": 5}, TypeError, "content_type must be a str, not int: 5"),
        (
            {"content_type": "a/b\r"},
            ValueError,
            "content_type must not contain CR, LF or NUL: 'a/b\\r'",
        ),
        ({"reason": b"OK"}, TypeError, "reason must be a str, not bytes: b'OK'"),
        ({"reason": "O\nK"}, ValueError, "reason must not contain CR, LF or NUL: 'O\\nK'"),
    ],
)
def test_bad_input(given: dict[str, Any], error: type[Exception], text: str) -> None:
    """What cannot be sent is refused, with the argument's name and what is allowed."""
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        static_reply(**given)
