"""``request.forward()``: a callback asks the real host, changes what it says, and answers."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict

from aiointercept_connector import (
    AiointerceptRequest,
    aiointercept,
)
from tests.forwarding.asking import forwarded, session
from tests.hosts import NAME, real_host

pytestmark = pytest.mark.anyio


async def as_json(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with JSON, compressed."""
    body = gzip.compress(b'{"price": 1}', mtime=0)
    headers = CIMultiDict({"Content-Encoding": "gzip", "Content-Type": "application/json"})
    headers.extend([("X-Twice", "1"), ("X-Twice", "2")])
    return web.Response(body=body, headers=headers)


class TestResponse:
    """What ``forward()`` returns."""

    async def test_it_is_sent_as_it_came(self, mock: aiointercept) -> None:
        """What is not changed reaches the client as the real host has sent it."""
        async with real_host() as host, session() as client:
            mock.post(host.url, callback=forwarded)
            async with client.post(host.url, data=b"abc") as response:
                with_mock = response.status, response.raw_headers, await response.read()
            mock.stop()
            async with client.post(host.url, data=b"abc") as response:
                assert (response.status, response.raw_headers, await response.read()) == with_mock
            first, second = host.asked
        assert first == second

    async def test_it_can_be_read(self, mock: aiointercept) -> None:
        """Its body is there, with the encoding undone, as bytes, text and JSON."""
        seen: list[Any] = []

        async def callback(request: AiointerceptRequest) -> Any:
            response = await request.forward()
            seen.extend([response.status, response.body, response.text, response.json()])
            seen.append(response.headers.getall("X-Twice"))
            return response

        async with real_host(as_json) as host, session() as client:
            mock.get(host.url, callback=callback)
            async with client.get(host.url) as response:
                assert await response.json() == {"price": 1}
                assert response.headers["Content-Encoding"] == "gzip"
        assert seen == [200, b'{"price": 1}', '{"price": 1}', {"price": 1}, ["1", "2"]]

    async def test_it_can_be_changed(self, mock: aiointercept) -> None:
        """Status, headers, cookies and JSON are those that the callback has set."""

        async def callback(request: AiointerceptRequest) -> Any:
            response = await request.forward()
            prices = response.json()
            prices["tax"] = 2
            response.set_json(prices)
            response.status = 201
            response.headers["X-Mine"] = "1"
            response.set_cookie("a", "1")
            return response

        async with real_host(as_json) as host, session() as client:
            mock.get(host.url, callback=callback)
            async with client.get(host.url) as response:
                assert await response.json() == {"price": 1, "tax": 2}
                assert (response.status, response.reason) == (201, "Created")
                assert "Content-Encoding" not in response.headers
                assert response.headers["Content-Type"] == "application/json"
                assert (response.headers["X-Mine"], response.cookies["a"].value) == ("1", "1")

    @pytest.mark.parametrize("body", [b"caf\xc3\xa9", "café", bytearray(b"caf\xc3\xa9")])
    async def test_its_body_can_be_set(self, mock: aiointercept, body: Any) -> None:
        """A body is bytes, or text in the charset of the response."""

        async def callback(request: AiointerceptRequest) -> Any:
            response = await request.forward()
            response.body = body
            return response

        async with real_host() as host, session() as client:
            mock.get(host.url, callback=callback)
            async with client.get(host.url) as response:
                assert await response.text() == "café"
                assert response.headers["Content-Length"] == "5"

    async def test_it_keeps_its_chunks(self, mock: aiointercept) -> None:
        """One that came in chunks goes out in chunks, whether or not its body is changed."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"one")
            return response

        async def callback(request: AiointerceptRequest) -> Any:
            response = await request.forward()
            response.text = (response.text or "") + request.query_string
            return response

        async with real_host(answer) as host, session() as client:
            mock.get(host.url, callback=callback)
            mock.get(f"{host.url}/?two", callback=callback)
            for query, said in {"": "one", "?two": "onetwo"}.items():
                async with client.get(f"{host.url}/{query}") as response:
                    assert await response.text() == said
                    assert response.headers["Transfer-Encoding"] == "chunked"

    async def test_bad_body_is_refused(self, mock: aiointercept) -> None:
        """A body that is neither text nor bytes says what to write instead."""

        async def callback(request: AiointerceptRequest) -> Any:
            response = await request.forward()
            response.body = {"a": 1}  # type: ignore[assignment]

        async with real_host() as host, session() as client:
            mock.get(host.url, callback=callback)
            with pytest.raises(TypeError) as caught:
                await client.get(host.url)
        assert str(caught.value) == (
            "body must be str or bytes, not dict: {'a': 1}. For a JSON body use set_json()."
        )

    async def test_repr(self, mock: aiointercept) -> None:
        """It prints its status, reason and length."""
        shown = []

        async def callback(request: AiointerceptRequest) -> Any:
            shown.append(repr(await request.forward()))
            return 200

        async with real_host() as host, session() as client:
            mock.get(host.url, callback=callback)
            await client.get(host.url)
        assert shown == ["<ForwardedResponse 200 OK, 8 bytes>"]


class TestChangingTheRequest:
    """The arguments of ``forward()``."""

    async def test_nothing_but_what_is_said_is_changed(self, mock: aiointercept) -> None:
        """Headers are replaced, added and left out; the rest is the client's."""

        async def callback(request: AiointerceptRequest) -> Any:
            headers = {"X-Mine": "2", "accept": None, "X-New": "3"}
            return await request.forward(headers=headers, body="changed")

        async with real_host() as host, session() as client:
            mock.post(host.url, callback=callback)
            await client.post(host.url, data=b"abc", headers={"X-Mine": "1", "X-Other": "1"})
        ((_, raw, body),) = host.asked
        headers = {name.decode(): value.decode() for name, value in raw}
        assert body == b"changed"
        assert (headers["X-Mine"], headers["X-New"], headers["X-Other"]) == ("2", "3", "1")
        assert "Accept" not in headers
        assert headers["Content-Length"] == "7"

    async def test_json(self, mock: aiointercept) -> None:
        """A JSON body brings its Content-Type."""

        async def callback(request: AiointerceptRequest) -> Any:
            return await request.forward(json={"a": 1})

        async with real_host() as host, session() as client:
            mock.post(host.url, callback=callback)
            await client.post(host.url, data=b"abc")
        assert host.asked[0][2] == b'{"a": 1}'
        assert dict(host.asked[0][1])[b"Content-Type"] == b"application/json"

    async def test_another_url(self, mock: aiointercept) -> None:
        """The request goes to another host, whose name the Host header says."""
        async with real_host() as host, session() as client:
            where = host.url.replace(NAME, "else.example.com") + "/a%2Fb"
            mock.get("https://api.test/x", callback=lambda request: request.forward(where))
            async with client.get("https://api.test/x") as response:
                assert await response.text() == "real GET"
        line, headers, _ = host.asked[0]
        assert line == "GET /a%2Fb"
        assert dict(headers)[b"Host"] == f"else.example.com:{host.port}".encode()
        assert [str(one.url) for one in mock.passed_through] == [where]

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            (
                {"url": "/x"},
                ValueError,
                "forward(url=) must be a whole URL of http or https, not '/x'",
            ),
            ({"body": "a", "json": 1}, ValueError, "forward() takes body= or json=, not both"),
            (
                {"body": {"a": 1}},
                TypeError,
                (
                    "forward(body=) must be str or bytes, not dict: {'a': 1}. "
                    "For a JSON body use json=."
                ),
            ),
        ],
    )
    async def test_bad_arguments_are_refused(
        self, mock: aiointercept, arguments: Any, error: type[Exception], message: str
    ) -> None:
        """The message says what to write instead."""
        mock.get("https://api.test/x", callback=lambda request: request.forward(**arguments))
        async with session() as client:
            with pytest.raises(error) as caught:
                await client.get("https://api.test/x")
        assert str(caught.value) == message
        assert mock.passed_through == []

    async def test_body_that_is_still_arriving_is_read(self, mock: aiointercept) -> None:
        """With ``read_body=False`` forward() waits for what is left of the body."""
        async with real_host() as host, session() as client:
            mock.post(host.url, callback=forwarded, read_body=False)
            async with client.post(host.url, data=_slowly()) as response:
                assert response.status == 200
        assert host.asked[0][2] == b"onetwo"


async def _slowly() -> AsyncIterator[bytes]:
    yield b"one"
    await asyncio.sleep(0.01)
    yield b"two"
