from __future__ import annotations

from functools import partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientConnectionError, web
from multidict import CIMultiDict

from aiointercept_connector import AiointerceptRequest, CallbackResult, aiointercept, replies
from aiointercept_connector.replies.callback import CallbackReply
from aiointercept_connector.replies.conversion import HandlerReply, as_replies, as_reply
from aiointercept_connector.replies.failure import Failure
from aiointercept_connector.replies.static import StaticReply, static_reply
from tests.replies.support import WAYS, asked_of, asking, exchanged

pytestmark = pytest.mark.anyio

JSON = "application/json"
UTF_8 = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"

RESULT = SimpleNamespace(
    status=203, body="b", payload=None, headers={"X-A": "1"}, content_type="a/b", reason="Oops"
)

# What may be written, and the status, content type and body that it stands for.
VALUES = [
    pytest.param({"a": 1}, (200, JSON, b'{"a": 1}'), id="dict"),
    pytest.param([1, None], (200, JSON, b"[1, null]"), id="list"),
    pytest.param("zoë", (200, TEXT, "zoë".encode()), id="str"),
    pytest.param("", (200, TEXT, b""), id="no text"),
    pytest.param(b"\x00", (200, BYTES, b"\x00"), id="bytes"),
    pytest.param(bytearray(b"b"), (200, BYTES, b"b"), id="bytearray"),
    pytest.param(memoryview(b"m"), (200, BYTES, b"m"), id="memoryview"),
    pytest.param(404, (404, None, b""), id="int"),
    pytest.param(HTTPStatus.ACCEPTED, (202, None, b""), id="HTTPStatus"),
    pytest.param((201, {"a": 1}), (201, JSON, b'{"a": 1}'), id="pair of JSON"),
    pytest.param((201, "text"), (201, TEXT, b"text"), id="pair of text"),
    pytest.param((HTTPStatus.CREATED, b"b"), (201, BYTES, b"b"), id="pair of bytes"),
    pytest.param((204, None), (204, None, b""), id="pair of nothing"),
    pytest.param(CallbackResult(status=500, body="b"), (500, JSON, b"b"), id="CallbackResult"),
    pytest.param(CallbackResult(payload=[1]), (200, JSON, b"[1]"), id="payload"),
    pytest.param(RESULT, (203, "a/b", b"b"), id="result of another library"),
    pytest.param(partial(web.Response, status=418, text="t"), (418, TEXT, b"t"), id="web.Response"),
    pytest.param(partial(web.json_response, [1]), (200, UTF_8, b"[1]"), id="web.json_response"),
    pytest.param(partial(web.HTTPConflict, text="c"), (409, TEXT, b"c"), id="web.HTTPException"),
    pytest.param(web.HTTPConflict, (409, TEXT, b"409: Conflict"), id="web.HTTPException class"),
    pytest.param(static_reply(status=299, body="s"), (299, JSON, b"s"), id="reply"),
]  # fmt: skip


def fresh(value: Any) -> Any:
    """Return *value*, made anew if it can be sent only once."""
    return value() if isinstance(value, partial) else value


def returning(value: Any) -> Any:
    """Return a handler that returns *value*."""
    return lambda request: fresh(value)


def returning_later(value: Any) -> Any:
    """Return a coroutine function that returns *value*."""

    async def handler(request: AiointerceptRequest) -> Any:
        return fresh(value)

    return handler


def told(answer: Any) -> tuple[int, str | None, bytes]:
    """Return what an answer is compared by."""
    return answer.status, answer.headers.get("Content-Type"), answer.body


class TestValues:
    """Everything natural stands for a reply, wherever one may be given."""

    @pytest.mark.parametrize(("value", "answer"), VALUES)
    async def test_registered(self, value: Any, answer: Any, wire: str) -> None:
        """As `reply=`."""
        assert told(await asked_of(fresh(value), wire)) == answer

    @pytest.mark.parametrize(("value", "answer"), VALUES)
    async def test_returned(self, value: Any, answer: Any, wire: str) -> None:
        """As what a handler returns."""
        assert told(await asked_of(returning(value), wire)) == answer

    @pytest.mark.parametrize(("value", "answer"), VALUES)
    async def test_returned_later(self, value: Any, answer: Any, wire: str) -> None:
        """As what a coroutine function returns."""
        assert told(await asked_of(returning_later(value), wire)) == answer

    @pytest.mark.parametrize(("value", "answer"), VALUES)
    async def test_called_back(self, value: Any, answer: Any, wire: str) -> None:
        """As what a callback returns."""
        async with asking(wire) as (mock, ask):
            mock.get("/x", callback=lambda url, **kwargs: fresh(value))
            assert told(await ask()) == answer

    @pytest.mark.parametrize(("value", "answer"), VALUES)
    async def test_foreign(self, value: Any, answer: Any) -> None:
        """For a client that comes by `server_url`, too."""
        async with asking("server_url") as (mock, ask):
            mock.get("/x", reply=fresh(value), repeat=True)
            mock.get("/later", callback=returning_later(value))
            assert told(await ask("/x")) == told(await ask("/later")) == answer


class TestWays:
    """A reply is the same, however the client comes and the route is registered."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize(
        "verb", ["get", "post", "put", "patch", "delete", "head", "options", "add"]
    )
    async def test_verbs(self, verb: str, way: str) -> None:
        """Every method that registers a route takes it."""
        method = "GET" if verb == "add" else verb.upper()
        async with asking(way) as (mock, ask):
            getattr(mock, verb)("/x", reply=(202, "said"))
            answer = await ask("/x", method)
        assert answer.status == 202
        assert answer.body == (b"" if verb == "head" else b"said")

    @pytest.mark.parametrize("way", WAYS)
    async def test_repeated_headers(self, way: str) -> None:
        """Repeated headers and the cookies of a response are all sent."""
        headers = CIMultiDict([("X-A", "1"), ("X-A", "2")])
        response = web.Response(text="t", headers=headers, reason="Fine")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2", httponly=True)
        answer = await asked_of(response, way)
        assert answer.headers.getall("X-A") == ["1", "2"]
        assert answer.headers.getall("Set-Cookie") == ["a=1; Path=/", "b=2; HttpOnly; Path=/"]
        assert answer.reason == "Fine"

    @pytest.mark.parametrize("way", WAYS)
    async def test_the_request(self, way: str) -> None:
        """A handler is given the recorded request, with its body read."""

        async def echo(request: AiointerceptRequest) -> Any:
            return [request.method, request.path, await request.json()]

        async with asking(way) as (mock, ask):
            mock.post("/x", reply=echo)
            assert (await ask("/x", "POST", json={"a": 1})).body == b'["POST", "/x", {"a": 1}]'

    @pytest.mark.parametrize("way", WAYS)
    async def test_replies_of_replies(self, way: str) -> None:
        """A handler may return a handler."""
        assert (await asked_of(returning(returning_later("deep")), way)).body == b"deep"

    @pytest.mark.parametrize("way", WAYS)
    async def test_streamed_response(self, way: str) -> None:
        """A response that the handler has sent by itself is sent once."""

        async def handler(request: AiointerceptRequest) -> web.StreamResponse:
            response = web.StreamResponse(headers={"X-A": "1"})
            await response.prepare(request)
            await response.write(b"one ")
            await response.write(b"two")
            return response

        answer = await asked_of(handler, way)
        assert (answer.body, answer.headers["X-A"]) == (b"one two", "1")

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("ended", [True, False])
    async def test_begun_response(self, way: str, ended: bool) -> None:
        """A response that the handler has only begun, or ended, is sent once too."""

        async def handler(request: AiointerceptRequest) -> web.StreamResponse:
            response = web.StreamResponse(headers={"X-A": "1"})
            await response.prepare(request)
            if ended:
                await response.write_eof(b"end")
            return response

        answer = await asked_of(handler, way)
        assert (answer.body, answer.headers["X-A"]) == (b"end" if ended else b"", "1")

    @pytest.mark.parametrize("way", WAYS)
    async def test_fallback(self, way: str) -> None:
        """A callback that returns None leaves the answer to the reply beside it."""
        seen: list[str] = []

        def callback(request: AiointerceptRequest) -> None:
            seen.append(request.path)

        async with asking(way) as (mock, ask):
            mock.get("/x", callback=callback, reply=(202, {"a": 1}))
            answer = await ask()
        assert (answer.status, answer.body, seen) == (202, b'{"a": 1}', ["/x"])

    async def test_reading_itself(self, wire: str) -> None:
        """A handler that reads the body itself may return anything, too."""

        async def handler(request: AiointerceptRequest) -> Any:
            return (201, (await request.content.read()).upper())

        async with asking(wire) as (mock, ask):
            mock.post("/x", reply=handler, read_body=False)
            assert (await ask("/x", "POST", data=b"body")).body == b"BODY"


class TestExceptions:
    """An exception is raised to the client's caller, as the very object."""

    @pytest.mark.parametrize("way", WAYS[:3])
    @pytest.mark.parametrize("how", ["registered", "returned", "called back"])
    async def test_object(self, how: str, way: str) -> None:
        """Registered or returned."""
        exc = LookupError("mine")
        async with asking(way) as (mock, ask):
            if how == "called back":
                mock.get("/x", callback=lambda url, **kwargs: exc)
            else:
                mock.get("/x", reply=exc if how == "registered" else returning(exc))
            with pytest.raises(LookupError) as raised:
                await ask()
        assert raised.value is exc

    async def test_class(self, wire: str) -> None:
        """A class is called without arguments."""
        with pytest.raises(LookupError):
            await asked_of(LookupError, wire)

    async def test_foreign(self) -> None:
        """A client that nothing can be raised to finds its connection closed."""
        with pytest.raises(ClientConnectionError):
            await asked_of(LookupError("mine"), "server_url", method="POST")

    async def test_raised(self, wire: str) -> None:
        """What a handler raises is raised to the client's caller; aiohttp's responses are sent."""

        def handler(request: AiointerceptRequest) -> Any:
            raise web.HTTPGone if request.path == "/tea" else LookupError("mine")

        async with asking(wire) as (mock, ask):
            mock.get("/tea", reply=handler)
            mock.get("/x", reply=handler)
            assert (await ask("/tea")).status == 410
            with pytest.raises(LookupError, match=r"^mine$"):
                await ask("/x")


class TestOnlyOnce:
    """A response of aiohttp's may be given for many requests, if it can be sent many times."""

    async def test_copied(self, wire: str) -> None:
        """A registered one is copied."""
        async with asking(wire) as (mock, ask):
            mock.get("/x", reply=web.Response(text="t"), repeat=True)
            assert [(await ask()).body for _ in range(3)] == [b"t"] * 3

    async def test_closing(self) -> None:
        """A response that closes its connection does so."""
        response = web.Response(text="t")
        response.force_close()
        async with asking("server_url") as (mock, _):
            mock.get("/x", reply=response)
            sent = await exchanged(mock, b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
        assert b"\r\nConnection: close\r\n" in sent
        assert sent.endswith(b"\r\n\r\nt")

    @pytest.mark.parametrize("begin", ["prepare", "send"])
    async def test_sent_to_another(self, begin: str, wire: str) -> None:
        """A handler that returns what another request was answered with is told so."""
        kept: list[web.StreamResponse] = []

        async def handler(request: AiointerceptRequest) -> web.StreamResponse:
            if not kept:
                kept.append(web.StreamResponse() if begin == "prepare" else web.Response(text="t"))
                await kept[0].prepare(request)
            return kept[0]

        async with asking(wire) as (mock, ask):
            mock.get("/x", reply=handler, repeat=True)
            await ask()
            with pytest.raises(TypeError) as raised:
                await ask()
        assert str(raised.value) == (
            f"handler {handler.__qualname__} returned a response that has been sent already: "
            f"{kept[0]!r}. Make a new one for each request."
        )

    @pytest.mark.parametrize("response", [web.StreamResponse(), web.FileResponse("/x")])
    def test_not_copied(self, response: web.StreamResponse) -> None:
        """One without a body that is known cannot be registered."""
        with pytest.raises(TypeError) as raised:
            as_reply(response)
        assert str(raised.value) == (
            f"reply: a {type(response).__name__} can be sent once, and holds no body that could be "
            f"copied. Give a function that makes one for each request: reply=lambda request: ..."
        )


BAD = "reply must be a reply, an aiohttp handler or response, a CallbackResult, a dict or list "


class TestBadInput:
    """What stands for no reply is refused at registration."""

    @pytest.mark.parametrize("value", [5.5, True, {1}, (200, "a", "b"), ("200", "a"), StaticReply])
    def test_no_reply(self, value: Any) -> None:
        """With what is a reply, and what was given."""
        with pytest.raises(TypeError) as raised:
            aiointercept().get("/x", reply=value)
        text = str(raised.value)
        assert text.startswith(BAD)
        assert text.endswith(f", not {type(value).__name__}: {repr(value)[:60]}")

    @pytest.mark.parametrize(
        ("value", "error", "text"),
        [
            (99, ValueError, "status must be from 100 to 599, not 99"),
            ((600, "x"), ValueError, "status must be from 100 to 599, not 600"),
            ((204, "x"), ValueError, "body: HTTP allows no body with status=204, but 1 bytes"),
            ((200, {1}), TypeError, "json (or payload) must be serialisable as JSON: "),
            ({"a": {1}}, TypeError, "json (or payload) must be serialisable as JSON: "),
            (CallbackResult(headers={"X": "\n"}), ValueError, "headers['X'] must not contain CR"),
            (UnicodeDecodeError, TypeError, "exception=UnicodeDecodeError cannot be made without"),
        ],
    )
    def test_not_sendable(self, value: Any, error: type[Exception], text: str) -> None:
        """As is what cannot be sent."""
        with pytest.raises(error) as raised:
            aiointercept().get("/x", reply=value)
        assert str(raised.value).startswith(text)

    @pytest.mark.parametrize(
        "beside",
        [
            {"status": 201},
            {"body": "b"},
            {"json": None},
            {"payload": 1},
            {"headers": {"X-A": "1"}},
            {"content_type": "a/b"},
            {"reason": "R"},
            {"exception": True},
            {"exception": TimeoutError},
        ],
    )
    def test_beside(self, beside: Any) -> None:
        """As are the parts of an answer beside a whole one."""
        with pytest.raises(
            ValueError, match=r"^reply= says all that is answered: leave out status,"
        ):
            aiointercept().get("/x", reply="r", **beside)

    def test_not_reading(self) -> None:
        """`read_body=False` is for what reads."""
        with pytest.raises(ValueError, match=r"^read_body=False is for a function that reads the"):
            aiointercept().get("/x", reply="r", read_body=False)

    def test_which_of_many(self) -> None:
        """Of several replies, the one that is none is named."""
        with pytest.raises(TypeError, match=r"^replies\[1\]: reply must be a reply, "):
            as_replies([200, 5.5])


def handler(request: AiointerceptRequest) -> int:
    """Answer with 200."""
    return 200


class TestValue:
    """What replies are made of decides whether they are equal, and what they print."""

    def test_equal(self) -> None:
        """Equal values make equal replies."""
        assert as_reply({"a": 1}) == as_reply((200, {"a": 1})) == replies.json({"a": 1})
        assert as_reply("a") == replies.text("a") != as_reply(b"a") == replies.bytes(b"a")
        assert as_reply(handler) == HandlerReply(handler) != HandlerReply(len)
        assert len({as_reply(handler), as_reply(handler)}) == 1

    def test_kept(self) -> None:
        """What is a reply stays what it is."""
        reply = static_reply()
        assert as_reply(reply) is reply

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (404, "<StaticReply 404 Not Found, no content type, 0 bytes>"),
            ({"a": 1}, "<StaticReply 200 OK, application/json, 8 bytes>"),
            (handler, "<HandlerReply handler>"),
            (KeyError("k"), "<Failure KeyError('k')>"),
        ],
    )
    def test_repr(self, value: Any, text: str) -> None:
        """The repr tells the kind and what it is made of."""
        assert repr(as_reply(value)) == text

    def test_kinds(self) -> None:
        """A callback with a reply beside it is a reply that has both."""
        route = aiointercept().get("/x", callback=handler, reply=404)
        assert route.reply == CallbackReply(handler, as_reply(404))
        assert isinstance(aiointercept().get("/x", reply=KeyError()).reply, Failure)


def test_what_makes_a_reply() -> None:
    """What makes a reply is none, and is to be called."""
    with pytest.raises(TypeError, match=r"^replies\.json makes a reply, and is none: call it\.$"):
        replies.as_reply(replies.json)


@pytest.mark.parametrize("handler", [lambda: 1, lambda a, b: 1])
def test_handler_of_other_parameters(handler: Any) -> None:
    """A handler that does not take the request is refused where it is registered."""
    with pytest.raises(TypeError, match=r"a reply's handler is called as <lambda>\(request\), and"):
        replies.as_reply(handler)
