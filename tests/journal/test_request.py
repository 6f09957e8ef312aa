from __future__ import annotations

import asyncio
import gc
import io
from datetime import datetime, timedelta, timezone
from typing import Any

import aiohttp
import pytest
from aiohttp import FormData, MultipartReader, MultipartWriter, web
from aiohttp.test_utils import TestServer
from aiohttp.web_request import FileField
from multidict import CIMultiDict
from yarl import URL

from aiointercept_connector import ANY, AiointerceptRequest, aiointercept
from aiointercept_connector.journal.unsent import request_without_wire
from tests.journal.support import API, asked, asked_for_real

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"
LARGE = b"x" * 3_000_000


def upload(large: bytes = b"") -> FormData:
    """A form with text, a blank field, files, and bytes."""
    form = FormData()
    form.add_field("name", "Zoë")
    form.add_field("blank", "")
    form.add_field("file", io.BytesIO(b"\x00\xff\r\n--x" + large), filename="a.bin")
    form.add_field("image", b"png", filename="i.png", content_type="image/png")
    form.add_field("json", "[1]", content_type="application/json")
    return form


class TestUrl:
    """What a record says of the URL."""

    def test_as_asked(self) -> None:
        """`url` is the URL as the client asked it, `canonical_url` its normal form."""
        request = asked(url="https://API.example.com:8443/x?b=2&a=1#top")
        assert str(request.url) == "https://api.example.com:8443/x?b=2&a=1#top"
        assert str(request.canonical_url) == "https://api.example.com:8443/x?a=1&b=2"

    @pytest.mark.parametrize(
        ("url", "scheme"),
        [(f"{API}/x", "https"), ("http://h/x", "http"), ("wss://h/", "https"), ("ws://h/", "http")],
    )
    def test_parts(self, url: str, scheme: str) -> None:
        """Scheme, host, path and query are those that were asked."""
        request = asked(url=f"{url}?a=1&a=2")
        assert (request.scheme, request.host) == (scheme, URL(url).host)
        assert request.secure == (scheme == "https")
        assert (request.path, request.query_string) == (URL(url).path, "a=1&a=2")
        assert request.query.getall("a") == ["1", "2"]


class TestValues:
    """The plain values of a record, which need no loop."""

    def test_no_body(self) -> None:
        """Without a body, `captured_body` is None and the other values are empty."""
        request = asked()
        assert request.captured_body is None
        assert request.captured_text == ""
        assert request.captured_json is None
        assert request.captured_form is None
        assert request.captured_parts is None
        assert (request.body_exists, request.can_read_body) == (False, False)

    def test_text(self) -> None:
        """Text is decoded with the charset of the Content-Type, or as UTF-8."""
        assert asked(body="ü".encode()).captured_text == "ü"
        latin = asked(body="ü".encode("latin-1"), content_type="text/plain; charset=latin-1")
        assert latin.captured_text == "ü"

    @pytest.mark.parametrize("content_type", ["text/plain", "text/plain; charset=no-such-charset"])
    def test_text_never_raises(self, content_type: str) -> None:
        """Text that cannot be decoded can still be shown."""
        assert asked(body=b"a\xff", content_type=content_type).captured_text == "a\ufffd"

    @pytest.mark.parametrize(
        ("body", "value"),
        [
            (b'{"a": [1, null]}', {"a": [1, None]}),
            (b"null", None),
            (b"0", 0),
            ('"ü"'.encode("utf-16"), "ü"),
            (b"not json", None),
            (b"\xff", None),
            (b"[" * 200_000, None),
        ],
        ids=["object", "null", "zero", "utf-16", "not-json", "not-text", "too-deep"],
    )
    def test_json(self, body: bytes, value: Any) -> None:
        """`captured_json` is the body parsed; None if it is not JSON."""
        assert asked(body=body).captured_json == value

    def test_form(self) -> None:
        """`captured_form` has the fields of a form in order, blank and repeated ones too."""
        body = b"b=x+y&a=1&a=2&blank=&z=%C3%BC"
        form = asked("POST", body=body, content_type=f"{FORM}; charset=utf-8").captured_form
        assert form is not None
        assert list(form.items()) == [
            ("b", "x y"),
            ("a", "1"),
            ("a", "2"),
            ("blank", ""),
            ("z", "ü"),
        ]

    def test_form_compares_with_a_dict(self) -> None:
        """`captured_form` equals a dict of its fields where none is repeated."""
        form = asked("POST", body=b"a=1&b=", content_type=FORM).captured_form
        assert form == {"a": "1", "b": ""}

    async def test_parts(self) -> None:
        """`captured_parts` has name, filename, content type and body of each part."""
        _, request = await asked_for_real(web.Request.read, data=upload())
        assert request.captured_parts is not None
        assert [
            (part.name, part.filename, part.content_type, part.body)
            for part in request.captured_parts
        ] == [
            ("name", None, "text/plain", "Zoë".encode()),
            ("blank", None, "text/plain", b""),
            ("file", "a.bin", "application/octet-stream", b"\x00\xff\r\n--x"),
            ("image", "i.png", "image/png", b"png"),
            ("json", None, "application/json", b"[1]"),
        ]
        assert request.captured_parts[0].text == "Zoë"

    async def test_form_of_parts(self) -> None:
        """The fields of a multipart form are in `captured_form`, its files are not."""
        _, request = await asked_for_real(web.Request.read, data=upload())
        assert request.captured_form == {"name": "Zoë", "blank": "", "json": "[1]"}

    async def test_nested_parts(self) -> None:
        """Parts within a part stand in its place, any transfer encoding undone."""
        with MultipartWriter("mixed") as outer:
            outer.append("first")
            with MultipartWriter("mixed") as inner:
                inner.append("second", {"Content-Transfer-Encoding": "base64"})
            outer.append(inner)
        _, request = await asked_for_real(web.Request.read, data=outer)
        assert [part.body for part in request.captured_parts or ()] == [b"first", b"second"]
        assert request.captured_form is None

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"no boundary",
            b"--b\r\n",
            b"--b\r\nContent-Disposition: form-data",
            b"--b\r\n\r\nx",
        ],
    )
    @pytest.mark.parametrize("parameter", ["; boundary=b", ""])
    def test_malformed_parts(self, body: bytes, parameter: str) -> None:
        """A malformed multipart body has no parts and no form, and raises nothing."""
        request = asked("POST", body=body, content_type=f"multipart/form-data{parameter}")
        assert (request.captured_parts, request.captured_form) == (None, None)

    def test_kwargs(self) -> None:
        """`kwargs` is what a callback gets beside the URL."""
        request = asked("POST", f"{API}/x?a=1&a=2&b=", b"[1]", headers={"X-A": "1"})
        assert request.kwargs == {
            "headers": request.headers,
            "query": {"a": ["1", "2"], "b": [""]},
            "json": [1],
            "data": b"[1]",
        }

    def test_received_at(self) -> None:
        """`received_at` is the time of arrival, in UTC."""
        received = asked().received_at
        age = datetime.now(timezone.utc) - received
        assert timedelta(0) <= age < timedelta(minutes=1)

    @pytest.mark.parametrize(
        ("body", "attempts", "text"),
        [
            (b"", 1, f"<AiointerceptRequest GET {API}/x>"),
            (b"four", 1, f"<AiointerceptRequest GET {API}/x, 4 bytes>"),
            (b"four", 2, f"<AiointerceptRequest GET {API}/x, 4 bytes, 2 attempts>"),
        ],
    )
    def test_repr(self, body: bytes, attempts: int, text: str) -> None:
        """The repr tells method, URL, length and repeated attempts."""
        request = asked(body=body)
        request.attempts = attempts
        assert repr(request) == text


class TestReading:
    """A record is still a `web.Request`: its coroutines work after all is over."""

    @pytest.mark.parametrize("body", [b'{"a": 1}', LARGE], ids=["small", "large"])
    async def test_again_and_again(self, body: bytes) -> None:
        """`read()` and `text()` give the whole body as often as they are asked."""
        request = asked("POST", body=body, content_type="application/json")
        for _ in range(2):
            assert await request.read() == body
            assert await request.text() == body.decode()
        assert (request.body_exists, request.can_read_body) == (True, True)

    async def test_json(self) -> None:
        """`json()` parses the body, with a function of one's choice."""
        request = asked("POST", body=b'{"a": 1}', content_type="application/json")
        assert await request.json() == await request.json() == {"a": 1}
        assert await request.json(loads=len) == 8

    @pytest.mark.parametrize("body", [b"", b"one\ntwo\n", LARGE], ids=["none", "lines", "large"])
    async def test_content(self, body: bytes) -> None:
        """`content` is the body as a stream."""
        request = asked("POST", body=body)
        assert b"".join([chunk async for chunk in request.content.iter_chunked(1000)]) == body
        assert request.content.at_eof()

    async def test_content_by_lines(self) -> None:
        """`content` is one stream, which goes on where it was left."""
        request = asked("POST", body=b"one\ntwo\n")
        assert await request.content.readline() == b"one\n"
        assert await request.content.readline() == b"two\n"

    @pytest.mark.parametrize(
        "data",
        [{"a": "1", "blank": ""}, [("a", "1"), ("a", "ü")], b"a=1"],
        ids=["form", "repeated", "bytes"],
    )
    async def test_post(self, data: Any) -> None:
        """`post()` gives the fields that a real server's gives."""
        real, request = await asked_for_real(web.Request.post, data=data)
        for _ in range(2):
            assert list((await request.post()).items()) == list(real.items())

    @pytest.mark.parametrize("large", [b"", LARGE], ids=["small", "large"])
    async def test_post_of_files(self, large: bytes) -> None:
        """`post()` gives the files that a real server's gives, open, as often as it is asked."""

        def plain(name: str, value: Any) -> Any:
            if not isinstance(value, FileField):
                return name, value
            with value.file as file:
                content = file.read()
            return value.name, value.filename, value.content_type, value.headers, content

        async def read(request: web.Request) -> list[Any]:
            return [plain(*field) for field in (await request.post()).items()]

        real, request = await asked_for_real(read, data=upload(large))
        for _ in range(2):
            assert await read(request) == real

    async def test_post_leaves_nothing_open(self) -> None:
        """Files of `post()` need no closing: they are in memory."""
        _, request = await asked_for_real(web.Request.read, data=upload(LARGE))
        await request.post()
        gc.collect()  # would warn of an open file, and warnings are errors

    def test_on_another_loop(self) -> None:
        """Everything can be read on another loop than the one on which the request came."""

        async def all_of(request: AiointerceptRequest) -> Any:
            reader = await request.multipart()
            part = await reader.next()
            assert isinstance(part, aiohttp.BodyPartReader)
            return len(await request.post()), await part.read(), await request.content.read()

        _, request = asyncio.run(asked_for_real(web.Request.read, data=upload(LARGE)))
        fields, name, content = asyncio.run(all_of(request))
        assert (fields, name) == (5, "Zoë".encode())
        assert content == request.captured_body

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_post_of_get(self, method: str) -> None:
        """`post()` of a method without a form is empty, as aiohttp has it."""
        request = asked(method, body=b"a=1", content_type=FORM)
        assert len(await request.post()) == 0
        multipart = asked(method, body=b"x", content_type="multipart/form-data; boundary=b")
        assert len(await multipart.post()) == 0

    async def test_multipart(self) -> None:
        """`multipart()` gives a reader that begins at the beginning, each time."""
        _, request = await asked_for_real(web.Request.read, data=upload())
        for _ in range(2):
            reader = await request.multipart()
            assert isinstance(reader, MultipartReader)
            names = []
            while (part := await reader.next()) is not None:
                names.append(part.name if isinstance(part, aiohttp.BodyPartReader) else part)
            assert names == ["name", "blank", "file", "image", "json"]


async def test_upgrade() -> None:
    """`upgrade` turns a live request into a record, in place."""
    url = URL(f"{API}/x?a=1")
    upgraded: list[AiointerceptRequest] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.read()
        record = AiointerceptRequest.upgrade(request, body, {}, url)
        assert record is request
        upgraded.append(record)
        return web.Response()

    app = web.Application()
    app.router.add_post("/x", handler)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        await session.post(server.make_url("/x"), json=[1])
    (record,) = upgraded
    assert isinstance(record, AiointerceptRequest)
    assert (record.url, record.canonical_url) == (url, url)
    assert (record.captured_body, record.captured_json) == (b"[1]", [1])
    assert record.kwargs["query"] == {"a": ["1"]}
    assert (record.route, record.attempts, record.proxy) == (None, 1, None)
    assert await record.json() == [1]


async def test_refused_request() -> None:
    """A request that was refused before it was sent is a record like any other."""
    proxy = URL("http://proxy:3128")
    request = request_without_wire(
        "PUT",
        URL(f"{API}/x"),
        CIMultiDict({"Host": "api.example.com", "Cookie": "a=1"}),
        b"body",
        asyncio.get_running_loop(),
        proxy,
    )
    assert (request.method, request.url, request.proxy) == ("PUT", URL(f"{API}/x"), proxy)
    assert (request.cookies, request.remote) == ({"a": "1"}, None)
    assert await request.text() == "body"


class TestArrived:
    """A request of which only the message was kept when it came."""

    @staticmethod
    def recorded(**kwargs: Any) -> AiointerceptRequest:
        """Have a request answered at once, and return what was recorded of it."""

        async def ask() -> AiointerceptRequest:
            url = "https://api.example.com/x?a=1"
            with aiointercept() as mock:
                mock.add(url, ANY, json={})
                async with mock.session() as session, session.request(url=url, **kwargs):
                    return mock.calls[0]

        return asyncio.run(ask())

    def test_made_when_looked_at(self) -> None:
        """It is made whole when somebody looks, and then is as any other."""
        request = self.recorded(method="GET", headers={"X-Trace": "1"})
        assert "_headers" not in vars(request)
        assert request.headers["X-Trace"] == "1"
        assert (request.method, request.scheme, request.secure) == ("GET", "https", True)
        assert (request.path_qs, request.version) == ("/x?a=1", (1, 1))
        assert request.captured_body is None
        assert request.transport is None

    def test_body(self) -> None:
        """Its body is at hand, as plain values and for aiohttp's own methods."""
        request = self.recorded(method="POST", json=[1])
        assert request.captured_json == [1]
        assert asyncio.run(request.json()) == [1]

    def test_nothing_else_is_made_up(self) -> None:
        """What a request does not have raises AttributeError, looked at or not."""
        request = self.recorded(method="GET")
        for _ in range(2):
            assert not hasattr(request, "no_such_thing")
            assert not hasattr(request, "__no_such_protocol__")
            assert request.method == "GET"
