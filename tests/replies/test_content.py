from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession, hdrs
from multidict import CIMultiDict, MultiDict

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.replies.serializers import Serializer
from aiointercept_connector.replies.static import StaticReply, static_reply
from tests.replies.support import WAYS, asked_of, asking, sent_by

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"

CONTENT = [
    pytest.param(replies.json({"a": "zoë"}), "application/json", b'{"a": "zo\\u00eb"}', id="json"),
    pytest.param(replies.json(None), "application/json", b"null", id="null"),
    pytest.param(replies.text("zoë"), "text/plain; charset=utf-8", "zoë".encode(), id="text"),
    pytest.param(replies.html("<p>ë"), "text/html; charset=utf-8", "<p>ë".encode(), id="html"),
    pytest.param(replies.bytes(b"\x00"), "application/octet-stream", b"\x00", id="bytes"),
    pytest.param(replies.bytes(memoryview(b"m")), "application/octet-stream", b"m", id="view"),
    pytest.param(replies.form({"a": "1 2", "b": "ë"}), FORM, b"a=1+2&b=%C3%AB", id="form"),
]


class TestContent:
    """What is sent, and as what."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize(("reply", "kind", "body"), CONTENT)
    async def test_sent(self, reply: Any, kind: str, body: bytes, way: str) -> None:
        """Body and content type, to every client."""
        answer = await asked_of(reply, way)
        assert (answer.status, answer.content_type, answer.body) == (200, kind, body)

    @pytest.mark.parametrize(("reply", "kind", "body"), CONTENT)
    def test_express(self, reply: Any, kind: str, body: bytes) -> None:
        """Such a reply is bytes, made once."""
        assert sent_by(reply).endswith(b"\r\n\r\n" + body)

    @pytest.mark.parametrize(
        ("fields", "body"),
        [
            (MultiDict([("a", "1"), ("a", "2")]), b"a=1&a=2"),
            ({"a": ["1", "2"], "b": ""}, b"a=1&a=2&b="),
            ([("a", 1), ("a", 2)], b"a=1&a=2"),
            (iter([("a", "&")]), b"a=%26"),
            ({}, b""),
        ],
    )
    def test_forms(self, fields: Any, body: bytes) -> None:
        """The fields of a form are a mapping or pairs, and may be repeated."""
        reply: Any = replies.form(fields)
        assert reply.body == body

    async def test_null(self, wire: Any) -> None:
        """JSON null is not the same as nothing."""
        async with asking(wire) as (mock, ask):
            mock.get("/x", json=None)
            mock.get("/x", reply=replies.json(None))
            mock.get("/x")
            assert [(await ask()).body for _ in range(3)] == [b"null", b"null", b""]

    def test_from_a_callback(self) -> None:
        """It is what `add` would make of the same."""
        assert replies.json([1], 201) == static_reply(status=201, json=[1])


class TestOptions:
    """What every one of them takes beside the content."""

    async def test_all(self, wire: Any) -> None:
        """Status, reason, repeated headers and content type are sent."""
        headers = CIMultiDict([("X-A", "1"), ("X-A", "2")])
        reply = replies.text("t", 418, headers=headers, content_type="a/b", reason="Tea")
        answer = await asked_of(reply, wire)
        assert (answer.status, answer.reason, answer.content_type) == (418, "Tea", "a/b")
        assert answer.headers.getall("X-A") == ["1", "2"]

    async def test_header_before_content_type(self, wire: Any) -> None:
        """A content type among the headers is the one that is sent."""
        answer = await asked_of(replies.json(1, headers={"content-type": "a/b"}), wire)
        assert answer.headers.getall(hdrs.CONTENT_TYPE) == ["a/b"]

    async def test_cookies_reach_the_jar(self, wire: Any) -> None:
        """Several cookies are set on the session, and sent with the next request."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get("https://a.com/in", reply=replies.json(1, cookies={"a": "1", "b": "2"}))
            mock.get("https://a.com/on", reply=lambda request: dict(request.cookies))
            async with session.get("https://a.com/in") as response:
                assert {name: one.value for name, one in response.cookies.items()} == {
                    "a": "1",
                    "b": "2",
                }
            async with session.get("https://a.com/on") as response:
                assert await response.json() == {"a": "1", "b": "2"}

    async def test_cookies_beside_headers(self, wire: Any) -> None:
        """They stand behind the cookies that the headers set."""
        headers = {"Set-Cookie": "z=0"}
        answer = await asked_of(replies.text("", headers=headers, cookies={"a": "1"}), wire)
        assert answer.headers.getall("Set-Cookie") == ["z=0", "a=1; Path=/"]
        assert headers == {"Set-Cookie": "z=0"}

    async def test_an_api_that_sets_cookies_on_redirects(self, wire: Any) -> None:
        """The session sees a cookie of a redirect, as from a real server."""
        async with aiointercept(True, wire=wire) as mock, ClientSession() as session:
            mock.post(
                "https://a.com/login",
                reply=replies.text("", 303, headers={"Location": "/home"}, cookies={"s": "1"}),
            )
            mock.get("https://a.com/home", reply=lambda request: dict(request.cookies))
            async with session.post("https://a.com/login") as response:
                assert await response.json() == {"s": "1"}


class TestBadInput:
    """What cannot be sent is refused when the reply is made."""

    @pytest.mark.parametrize(
        ("make", "error", "text"),
        [
            (lambda: replies.text(b"b"), TypeError, "body must be a str, not bytes: b'b'"),  # type: ignore[arg-type]
            (lambda: replies.html(5), TypeError, "body must be a str, not int: 5"),  # type: ignore[arg-type]
            (lambda: replies.bytes("s"), TypeError, "body must be bytes, not str: 's'"),  # type: ignore[arg-type]
            (
                lambda: replies.form(5),  # type: ignore[arg-type]
                TypeError,
                "fields must be a mapping, or a list of (name, value) pairs, not int: 5",
            ),
            (
                lambda: replies.json({1, 2}),
                TypeError,
                (
                    "value cannot be sent as application/json: "
                    "Object of type set is not JSON serializable"
                ),
            ),
            (
                lambda: replies.serialized(1, "json"),  # type: ignore[arg-type]
                TypeError,
                "serializer must be a Serializer, not str: 'json'",
            ),
            (lambda: replies.json(1, 99), ValueError, "status must be from 100 to 599, not 99"),
            (
                lambda: replies.text("t", 204),
                ValueError,
                "body: HTTP allows no body with status=204, but 1 bytes were given.",
            ),
            (
                lambda: replies.json(1, headers={"X": "\n"}),
                ValueError,
                "headers['X'] must not contain CR, LF or NUL: '\\n'",
            ),
            (
                lambda: replies.json(1, cookies=["a"]),  # type: ignore[arg-type]
                TypeError,
                "cookies must be a mapping of names to values, not list",
            ),
        ],
    )  # fmt: skip
    def test_refused(self, make: Any, error: type[Exception], text: str) -> None:
        """With the argument's name, and what is allowed."""
        with pytest.raises(error) as raised:
            make()
        assert str(raised.value) == text

    def test_unknown(self) -> None:
        """So is an argument that there is not."""
        with pytest.raises(TypeError, match=r"unexpected keyword argument 'stauts'"):
            replies.json(1, stauts=200)  # type: ignore[call-arg] # on purpose


class TestSerialized:
    """A format of one's own."""

    @pytest.mark.parametrize("data", ["zoë", "zoë".encode(), bytearray("zoë".encode())])
    async def test_dumps(self, data: Any, wire: Any) -> None:
        """What the serializer returns is sent under its content type."""
        reply = replies.serialized(1, Serializer(lambda value: data, "a/b"), 201)
        assert isinstance(reply, StaticReply)
        answer = await asked_of(reply, wire)
        assert (answer.status, answer.content_type, answer.body) == (201, "a/b", "zoë".encode())
