"""``passthrough()``: the real host is asked, and answers, as if there were no mock."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import aiohttp
import pytest
from aiohttp import ClientResponse, ClientSession, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

from aiointercept_connector import ANY, InterceptConnector, aiointercept, replies
from aiointercept_connector.serving import Wire
from tests.hosts import Answer, RealHost, ToLoopback, plain, real_host

pytestmark = pytest.mark.anyio

Ask: TypeAlias = Callable[[ClientSession, str], Awaitable[Any]]

DATE = {"Date": "today"}
NONE: Mapping[str, str] = {}


@pytest.fixture(params=["connector", "install"])
def by(request: pytest.FixtureRequest) -> str:
    """Run the test with a connector of ours, and with a foreign one that is adopted."""
    return str(request.param)


async def told(response: ClientResponse) -> Any:
    """Return all that a client is told by a response."""
    body = await response.read()
    return response.status, response.reason, response.raw_headers, body


async def without_mock(host: RealHost, ask: Ask, **options: Any) -> tuple[Any, Any]:
    """Return what the host is asked, and what the client gets, without a mock."""
    connector = TCPConnector(resolver=ToLoopback(), **options)
    async with ClientSession(connector=connector) as session:
        got = await ask(session, host.url)
    return host.asked.pop(), got


async def passed(host: RealHost, ask: Ask, wire: Wire, by: str, **options: Any) -> tuple[Any, Any]:
    """Return the same with a mock that sends everything on to the real host."""
    async with aiointercept(by == "install", wire=wire) as mock:
        mock.add("/{path:.*}", ANY, reply=replies.passthrough(), params=ANY, repeat=True)
        options["resolver"] = ToLoopback()
        own = InterceptConnector(mock, **options) if by == "connector" else TCPConnector(**options)
        async with ClientSession(connector=own) as session:
            got = await ask(session, host.url)
        assert mock.call_count == len(mock.passed_through) == 1
    return host.asked.pop(), got


def asking(method: str, path: str = "/x", **kwargs: Any) -> Ask:
    """Return a function that makes one request."""

    async def ask(session: ClientSession, base: str) -> Any:
        made = {name: value() if callable(value) else value for name, value in kwargs.items()}
        url = URL(base + path, encoded=True)
        async with session.request(method, url, allow_redirects=False, **made) as response:
            return await told(response)

    return ask


async def pieces() -> AsyncIterator[bytes]:
    """Upload a body of unknown length."""
    for piece in (b"one", b"two"):
        yield piece


REQUESTS: dict[str, Ask] = {
    "get": asking("GET"),
    "encoded path": asking("GET", "/a%2Fb/%C3%A9?q=1%202&q=%2B"),
    "head": asking("HEAD"),
    "options": asking("OPTIONS"),
    "no body": asking("POST"),
    "bytes": asking("POST", data=b"abc"),
    "json": asking("PUT", json={"a": [1]}),
    "form": asking("PATCH", data={"a": "1"}),
    "chunked": asking("POST", data=pieces),
    "large": asking("POST", data=lambda: aiohttp.BytesPayload(b"x" * 2**19)),
    "expect": asking("POST", data=b"abc", expect100=True),
    "delete": asking("DELETE", data=b"abc"),
    "odd method": asking("PURGE"),
    "own headers": asking(
        "GET", headers=CIMultiDict([("X-Twice", "1"), ("x-oDD", "é"), ("X-Twice", "2")])
    ),
    "no default headers": asking(
        "GET", skip_auto_headers=["User-Agent", "Accept", "Accept-Encoding"]
    ),
    "own host": asking("GET", headers={"Host": "else.example.com"}),
    "cookies": asking("GET", cookies={"a": "1"}),
    "compressed already": asking(
        "POST", data=gzip.compress(b"abc", mtime=0), headers={"X-Encoding": "gzip"}
    ),
}


@pytest.mark.parametrize("ask", REQUESTS.values(), ids=REQUESTS)
async def test_request_and_answer_are_as_without_a_mock(wire: Wire, by: str, ask: Ask) -> None:
    """The host gets the line, headers and body that it would, the client its answer to them."""
    async with real_host() as host:
        assert await passed(host, ask, wire, by) == await without_mock(host, ask)


def saying(*, headers: Mapping[str, str] = NONE, **kwargs: Any) -> Answer:
    """Return a handler that makes one response."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(headers={**DATE, **headers}, **kwargs)

    return answer


async def in_chunks(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with a body of unknown length."""
    response = web.StreamResponse(headers=DATE)
    await response.prepare(request)
    for piece in (b"one", b"two"):
        await response.write(piece)
    return response


async def until_closed(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with a body that ends where the connection does."""
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 200 Fine\r\nX-Own: 1\r\n\r\nall there is")
    request.transport.close()
    return web.Response()


async def odd_bytes(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with headers that are not UTF-8, in a spelling of their own, and no reason."""
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 299 \r\ncontent-LENGTH: 2\r\nX-Latin: caf\xe9\r\n\r\nok")
    request.transport.close()
    return web.Response()


async def compressed(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with a body that is compressed on its way."""
    response = web.Response(text="a" * 100, headers=DATE)
    response.enable_compression(web.ContentCoding.gzip)
    return response


ANSWERS: dict[str, Answer] = {
    "plain": plain,
    "status and reason": saying(status=418, reason="Short and stout", text="tea"),
    "no content": saying(status=204),
    "not modified": saying(status=304, headers={"ETag": '"1"'}),
    "redirect": saying(status=302, headers={"Location": "/else"}),
    "empty": saying(),
    "chunks": in_chunks,
    "until closed": until_closed,
    "odd bytes": odd_bytes,
    "compressed": compressed,
    "large": saying(body=bytes(2**19)),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_every_kind_of_answer_arrives_as_it_was_sent(
    wire: Wire, answer: Answer, method: str
) -> None:
    """Status, reason, headers and bytes are those that the real host sent."""
    if method == "HEAD" and answer in {in_chunks, until_closed, odd_bytes}:
        pytest.skip("these handlers write a body")
    ask = asking(method)
    async with real_host(answer) as host:
        with_mock, without = await passed(host, ask, wire, "install"), await without_mock(host, ask)
    assert with_mock == without


async def test_encoded_body_is_not_encoded_again(wire: Wire) -> None:
    """The bytes of a compressed body are those that the real host sent, and so is their length."""
    zipped = gzip.compress(b"abc", mtime=1)
    answer = saying(body=zipped, headers={"Content-Encoding": "gzip"})
    async with real_host(answer) as host, aiointercept(wire=wire) as mock:
        mock.get(host.url, reply=replies.passthrough())
        connector = mock.connector(resolver=ToLoopback())
        async with ClientSession(connector=connector, auto_decompress=False) as session:
            response = await session.get(host.url)
            assert await response.read() == zipped
            assert response.headers["Content-Length"] == str(len(zipped))


async def test_headers_of_a_single_connection_are_left_out(wire: Wire) -> None:
    """Neither end sees what the other said of its own connection, or names in ``Connection``."""
    said = {"Connection": "keep-alive, X-Mine", "X-Mine": "1", "Keep-Alive": "timeout=5"}
    ask = asking("GET", headers={**said, "TE": "trailers", "X-Other": "1"})
    async with real_host(saying(headers={**said, "X-Other": "1"})) as host:
        (_, sent, _), (_, _, received, _) = await passed(host, ask, wire, "install")
    for headers in (sent, received):
        names = {name.lower() for name, _ in headers}
        assert b"x-other" in names
        assert not names & {b"connection", b"x-mine", b"keep-alive", b"te"}


async def test_compressed_upload_arrives_with_its_encoding_undone(wire: Wire) -> None:
    """What aiohttp's parser has decompressed is sent on as it is, and says so."""
    async with real_host() as host:
        ask = asking("POST", data=b"abc" * 100, compress="gzip")
        (_, headers, body), _ = await passed(host, ask, wire, "install")
    assert body == b"abc" * 100
    assert b"content-encoding" not in {name.lower() for name, _ in headers}


async def test_cookie_reaches_the_jar_once(wire: Wire) -> None:
    """The jar of the client's session takes the real host's cookie, and it is sent from then on."""
    answer = saying(headers={"Set-Cookie": "a=1; Path=/"})
    async with real_host(answer) as host, aiointercept(wire=wire) as mock:
        mock.get(host.url, reply=replies.passthrough(), repeat=True)
        async with ClientSession(connector=mock.connector(resolver=ToLoopback())) as session:
            responses = [await session.get(host.url) for _ in range(2)]
            assert [(one.key, one.value) for one in session.cookie_jar] == [("a", "1")]
    assert responses[1].headers.getall("Set-Cookie") == ["a=1; Path=/"]
    assert [dict(headers).get(b"Cookie") for _, headers, _ in host.asked] == [None, b"a=1"]


async def test_answer_is_streamed(wire: Wire) -> None:
    """The client reads the first piece before the real host has made the second."""
    go = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one")
        await go.wait()
        await response.write(b"two")
        return response

    async with real_host(answer) as host, aiointercept(wire=wire) as mock:
        mock.get(host.url, reply=replies.passthrough())
        async with ClientSession(connector=mock.connector(resolver=ToLoopback())) as session:
            response = await session.get(host.url)
            assert await response.content.readany() == b"one"
            go.set()
            assert await response.content.read() == b"two"


async def test_request_is_streamed(wire: Wire) -> None:
    """The real host reads the first piece before the client has made the second; both are kept."""
    first = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert await request.content.readany() == b"one"
        first.set()
        return web.Response(body=await request.content.read())

    async def upload() -> AsyncIterator[bytes]:
        yield b"one"
        await first.wait()
        yield b"two"

    async with real_host(answer, reads_body=False) as host, aiointercept(wire=wire) as mock:
        mock.post(host.url, reply=replies.passthrough())
        async with ClientSession(connector=mock.connector(resolver=ToLoopback())) as session:
            response = await session.post(host.url, data=upload())
            assert await response.read() == b"two"
    assert mock.calls[0].captured_body == b"onetwo"


async def test_upload_waits_for_a_host_that_does_not_read(wire: Wire) -> None:
    """A client cannot send more than the buffers on the way hold."""
    sent = 0
    go = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await go.wait()
        pieces = [len(piece) async for piece in request.content.iter_any()]
        return web.Response(text=str(sum(pieces)))

    async def upload() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(512):
            yield bytes(2**16)
            sent += 2**16

    async with real_host(answer, reads_body=False) as host, aiointercept(wire=wire) as mock:
        mock.post(host.url, reply=replies.passthrough())
        async with ClientSession(connector=mock.connector(resolver=ToLoopback())) as session:
            asking = asyncio.ensure_future(session.post(host.url, data=upload()))
            await host.reached.wait()
            before = -1
            while before < sent:
                before = sent
                await asyncio.sleep(0.05)
            assert sent < 2**24
            go.set()
            assert await (await asking).text() == str(2**25)


async def test_early_answer_ends_the_upload(wire: Wire) -> None:
    """A host that answers without reading is heard, and the session goes on."""

    async def upload() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()

    answer = saying(status=413, text="too large")
    async with real_host(answer, reads_body=False) as host, aiointercept(wire=wire) as mock:
        mock.post(host.url, reply=replies.passthrough(), repeat=True)
        async with ClientSession(connector=mock.connector(resolver=ToLoopback())) as session:
            for _ in range(2):
                async with session.post(host.url, data=upload()) as response:
                    assert (response.status, await response.text()) == (413, "too large")


async def test_refused_expectation_leaves_the_body_unsent(wire: Wire) -> None:
    """A client that waits for ``100 Continue`` gets it from the real host, or never."""
    read = False

    async def upload() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield b"one"

    answer = saying(status=417)
    async with real_host(answer, reads_body=False) as host, aiointercept(wire=wire) as mock:
        mock.post(host.url, reply=replies.passthrough())
        async with ClientSession(connector=mock.connector(resolver=ToLoopback())) as session:
            response = await session.post(host.url, data=upload(), expect100=True)
            assert (response.status, mock.calls[0].captured_body) == (417, None)


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    """Send every message of a WebSocket back."""
    ws = web.WebSocketResponse(protocols=("chat",))
    await ws.prepare(request)
    async for message in ws:
        if message.type is aiohttp.WSMsgType.TEXT:
            await ws.send_str(message.data)
        else:
            await ws.send_bytes(message.data)
    return ws


async def chat(session: ClientSession, base: str) -> Any:
    """Talk to an echo, and return what was said."""
    async with session.ws_connect(base, protocols=("chat",), compress=15) as ws:
        await ws.send_str("a" * 1000)
        await ws.send_bytes(bytes(2**18))
        said = [await ws.receive() for _ in range(2)]
        await ws.close(code=4000)
        return said, ws.protocol, ws.compress, ws.close_code


async def test_websocket_is_relayed(wire: Wire, by: str) -> None:
    """Messages go both ways as without a mock, with the subprotocol and compression agreed on."""
    async with real_host(echo, reads_body=False) as host:
        (_, headers, _), said = await passed(host, chat, wire, by)
        (_, expected, _), plainly = await without_mock(host, chat)
    assert said == plainly
    assert [name for name, _ in headers] == [name for name, _ in expected]


async def test_websocket_closed_by_the_host(wire: Wire) -> None:
    """The client hears the host's close code."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.close(code=4001, message=b"bye")
        return ws

    async def ask(session: ClientSession, base: str) -> Any:
        async with session.ws_connect(base) as ws:
            return await ws.receive(), ws.close_code

    async with real_host(answer, reads_body=False) as host:
        assert (await passed(host, ask, wire, "install"))[1] == (await without_mock(host, ask))[1]


async def test_client_that_leaves_a_websocket_ends_that_of_the_host(wire: Wire) -> None:
    """The real connection is closed when the client's is lost."""
    ended = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await echo(request)
        finally:
            ended.set()

    async with real_host(answer, reads_body=False) as host, aiointercept(wire=wire) as mock:
        mock.get(host.url, reply=replies.passthrough())
        async with ClientSession(connector=mock.connector(resolver=ToLoopback())) as session:
            ws = await session.ws_connect(host.url)
            # Private: nothing else of it can be cut off without a word.
            ws._response.close()
            await ended.wait()
            await ws.close()


async def test_refused_handshake_is_an_answer(wire: Wire) -> None:
    """A host that speaks no WebSocket is heard as without a mock."""
    async with real_host(saying(status=403)) as host, aiointercept(wire=wire) as mock:
        mock.get(host.url, reply=replies.passthrough())
        async with ClientSession(connector=mock.connector(resolver=ToLoopback())) as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(host.url)
    assert caught.value.status == 403


def test_it_is_a_value() -> None:
    """It compares, hashes and prints as what it is."""
    assert replies.passthrough() == replies.passthrough()
    assert len({replies.passthrough(), replies.passthrough()}) == 1
    assert repr(replies.passthrough()) == "passthrough()"
