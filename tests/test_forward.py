"""``request.forward()``: a callback asks the real host, changes what it says, and answers."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import ClientSession, ClientTimeout, TCPConnector, UnixConnector, web
from multidict import CIMultiDict

from aiointercept_connector import (
    AiointerceptRequest,
    InterceptClosedError,
    Match,
    NetworkBlockedError,
    UnmatchedRequestError,
    aiointercept,
    block_network,
    replies,
)
from aiointercept_connector.serving import Wire
from tests.hosts import NAME, ToLoopback, plain, real_host
from tests.real import real_server

pytestmark = pytest.mark.anyio


async def forwarded(request: AiointerceptRequest) -> Any:
    """Answer as the real host does."""
    return await request.forward()


ways = pytest.mark.parametrize(
    "reply", [forwarded, replies.passthrough()], ids=["forward", "passthrough"]
)


@pytest.fixture
async def mock(wire: Wire) -> AsyncIterator[aiointercept]:
    """Return a mock that is installed."""
    async with aiointercept(True, wire=wire) as mock:
        yield mock


def session(**options: Any) -> ClientSession:
    """Return a session whose connector is a foreign one, and finds every host on this machine."""
    return ClientSession(connector=TCPConnector(resolver=ToLoopback(), **options))


def own_session(mock: aiointercept, **options: Any) -> ClientSession:
    """Return the same with a connector of ours."""
    return ClientSession(connector=mock.connector(resolver=ToLoopback(), **options))


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


class TestConnection:
    """How the real host is reached: as the client's own session would have reached it."""

    @pytest.mark.parametrize("options", [{"limit": 1}, {"limit_per_host": 1}], ids=str)
    @ways
    async def test_limits_do_not_hold_it_up(
        self, mock: aiointercept, options: dict[str, int], reply: Any
    ) -> None:
        """The wire to the mock has the only place, and yet the real host is reached."""
        async with real_host() as host:
            mock.get(host.url, reply=reply, repeat=True)
            for client in (session(**options), own_session(mock, **options)):
                async with client:
                    texts = [client.get(host.url) for _ in range(3)]
                    answers = await asyncio.gather(*[_text(one) for one in texts])
                    assert answers == ["real GET"] * 3

    async def test_real_connections_are_pooled(self, mock: aiointercept) -> None:
        """One connection serves all that is forwarded one after another, and what passes."""
        async with real_host() as host, session() as client:
            mock.get(host.url, callback=forwarded, repeat=True)
            for _ in range(3):
                assert await _text(client.get(host.url)) == "real GET"
            mock.stop()
            assert await _text(client.get(host.url)) == "real GET"
            assert len(host.connections) == 1

    async def test_connection_that_the_host_closes_is_not_used_again(
        self, mock: aiointercept
    ) -> None:
        """A host that closes behind every answer is asked over a new connection."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            response = web.Response(text="bye")
            response.force_close()
            return response

        async with real_host(answer) as host, session() as client:
            mock.get(host.url, callback=forwarded, repeat=True)
            for _ in range(2):
                assert await _text(client.get(host.url)) == "bye"
            assert len(host.connections) == 2

    @ways
    async def test_tls_is_that_of_the_call(self, mock: aiointercept, reply: Any) -> None:
        """``ssl=`` is used for the handshake with the real host, and errors are the caller's."""
        authority = trustme.CA()
        here = ssl.create_default_context()
        there = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.configure_trust(here)
        authority.issue_cert(NAME).configure_cert(there)
        async with real_host(tls=there) as host, session() as client:
            mock.get(host.url, reply=reply, repeat=True)
            assert await _text(client.get(host.url, ssl=here)) == "real GET"
            with pytest.raises(aiohttp.ServerFingerprintMismatch):
                await client.get(host.url, ssl=aiohttp.Fingerprint(bytes(32)))

    async def test_proxy_is_that_of_the_call(self, mock: aiointercept) -> None:
        """``proxy=`` is asked, with the whole URL."""
        async with real_host() as proxy, session() as client:
            mock.get("http://else.test/x", callback=forwarded, repeat=True)
            for _ in range(2):
                asked = client.get("http://else.test/x", proxy=f"http://u:p@{NAME}:{proxy.port}")
                assert await _text(asked) == "real GET"
            mock.stop()
            # aiohttp 3.12 shows a proxy who it is on new connections alone.
            async with session() as other:
                asked = other.get("http://else.test/x", proxy=f"http://u:p@{NAME}:{proxy.port}")
                await _text(asked)
        assert proxy.asked[0] == proxy.asked[2]
        assert proxy.asked[0][0] == "GET http://else.test/x"

    async def test_unix_connector(self, mock: aiointercept, tmp_path: Path) -> None:
        """What was to go over a Unix socket goes over it."""
        server = web.ServerRunner(web.Server(plain))
        await server.setup()
        path = str(tmp_path / "socket")
        await web.UnixSite(server, path).start()
        mock.get("http://localhost/x", callback=forwarded)
        async with ClientSession(connector=UnixConnector(path)) as client:
            assert await _text(client.get("http://localhost/x")) == "real GET"
        await server.cleanup()

    async def test_redirect_is_the_clients_to_follow(self, mock: aiointercept) -> None:
        """A redirect is returned as it is; the client follows it."""
        seen = []

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": "https://api.test/else"})

        async def callback(request: AiointerceptRequest) -> Any:
            response = await request.forward()
            seen.append(response.status)
            return response

        async with real_host(answer) as host, session() as client:
            mock.get(host.url, callback=callback)
            mock.get("https://api.test/else", body="followed")
            assert await _text(client.get(host.url)) == "followed"
        assert (seen, len(host.asked)) == ([302], 1)

    async def test_no_mock_is_asked(self, mock: aiointercept) -> None:
        """What is forwarded meets no mock, not one within and not the one that forwards."""
        within = aiointercept(True, scope="task")
        async with real_host() as host, within as inner, session() as client:
            mock.get(host.url, body="outer", repeat=True)
            inner.get(host.url, callback=forwarded, repeat=True)
            assert await _text(client.get(host.url)) == "real GET"
        assert (mock.call_count, inner.call_count, len(inner.passed_through)) == (0, 1, 1)


async def _text(asked: Any) -> str:
    async with asked as response:
        return str(await response.text())


@ways
class TestErrors:
    """What the real connection ends in is raised to the client's caller."""

    async def test_nobody_listens(self, mock: aiointercept, reply: Any) -> None:
        """A refused connection is the error that it is without a mock."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://{NAME}:{server.getsockname()[1]}/"
        mock.get(url, reply=reply)
        async with session() as client:
            with pytest.raises(aiohttp.ClientConnectorError) as with_mock:
                await client.get(url)
            mock.stop()
            with pytest.raises(aiohttp.ClientConnectorError) as without:
                await client.get(url)
        assert type(with_mock.value) is type(without.value)
        assert str(with_mock.value) == str(without.value)

    async def test_host_closes_without_an_answer(self, mock: aiointercept, reply: Any) -> None:
        """The client hears of it, and repeats an idempotent request as often as without a mock."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        async with real_host(answer) as host, session() as client:
            mock.get(host.url, reply=reply)
            with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                await client.get(host.url)
            attempts = len(host.asked)
            mock.stop()
            with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                await client.get(host.url)
            assert attempts == len(host.asked) - attempts

    async def test_answer_breaks_off(self, mock: aiointercept, reply: Any) -> None:
        """A body that ends too soon is a ClientPayloadError."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            request.transport.close()
            return web.Response()

        async with real_host(answer) as host, session() as client:
            mock.post(host.url, reply=reply)
            with pytest.raises(aiohttp.ClientPayloadError):
                async with client.post(host.url) as response:
                    await response.read()

    async def test_client_gives_up(self, mock: aiointercept, reply: Any) -> None:
        """A client that waits no longer ends the real request too."""
        async with real_host(_never) as host, session() as client:
            mock.get(host.url, reply=reply)
            asking = asyncio.ensure_future(client.get(host.url))
            await host.reached.wait()
            asking.cancel()
            await host.left.wait()

    async def test_connecting_takes_too_long(self, mock: aiointercept, reply: Any) -> None:
        """The client's own limits on connecting hold for the real connection."""

        class Slow(ToLoopback):
            async def resolve(self, *args: Any, **kwargs: Any) -> Any:
                await asyncio.Event().wait()

        mock.get(f"http://{NAME}/", reply=reply)
        connector = TCPConnector(resolver=Slow())
        async with ClientSession(connector=connector) as client:
            with pytest.raises(aiohttp.ConnectionTimeoutError) as caught:
                await client.get(f"http://{NAME}/", timeout=ClientTimeout(connect=0.01))
        assert str(caught.value) == f"Connection timeout to host http://{NAME}/"

    async def test_mock_is_left(self, mock: aiointercept, reply: Any) -> None:
        """Leaving the mock ends the real request, and tells the client."""
        async with real_host(_never) as host, session() as client:
            mock.get(host.url, reply=reply)
            asking = asyncio.ensure_future(client.get(host.url))
            await host.reached.wait()
            await mock.stop()
            with pytest.raises(InterceptClosedError):
                await asking
            await host.left.wait()


async def _never(request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


class TestWhatLeaves:
    """What is sent on is known, and can be forbidden."""

    async def test_it_is_listed_and_recorded(self, mock: aiointercept) -> None:
        """The journal has the request, answered by its route; so has the list of what passed."""
        async with real_host() as host, session() as client:
            route = mock.get(f"{host.url}/x", callback=forwarded)
            await client.get(f"{host.url}/x", headers={"X-Mine": "1"})
            (passed,) = mock.passed_through
            assert (passed.method, str(passed.url)) == ("GET", f"{host.url}/x")
            assert passed.headers["X-Mine"] == "1"
            assert route.call_count == mock.call_count == 1

    @ways
    async def test_block_network_forbids_it(self, mock: aiointercept, reply: Any) -> None:
        """A blocked network is blocked for what is sent on, too."""
        async with real_host() as host, session() as client:
            mock.get(host.url, reply=reply, repeat=True)
            with block_network(), pytest.raises(NetworkBlockedError, match="real network"):
                await client.get(host.url)
            with block_network(allow=[NAME]):
                assert await _text(client.get(host.url)) == "real GET"
        assert len(host.asked) == len(mock.passed_through) == 1

    async def test_it_is_listed_by_the_mock_that_answers(self, mock: aiointercept) -> None:
        """An outer mock that answers what the inner one does not has it in its list."""
        async with real_host() as host, aiointercept(True) as inner, session() as client:
            inner.get(host.url, match=Match(headers={"X-Mine": "1"}))
            mock.get(host.url, callback=forwarded)
            assert await _text(client.get(host.url)) == "real GET"
            assert (len(mock.passed_through), len(inner.passed_through)) == (1, 0)

    async def test_answered_request_cannot_be_sent_on(self, mock: aiointercept) -> None:
        """A recorded request has no way to its host any more, and says so."""
        mock.get("https://api.test/x")
        async with session() as client:
            await client.get("https://api.test/x")
        with pytest.raises(RuntimeError) as caught:
            await mock.calls[0].forward()
        assert str(caught.value) == (
            "<AiointerceptRequest GET https://api.test/x> has been answered. It can be sent on to "
            "its real host while it is not: call forward() in a callback, with callback(request)."
        )


class TestPolicy:
    """A request whose URL has a route that does not answer it."""

    @pytest.mark.parametrize(
        "match", [Match(headers={"X": "1"}), Match(predicate=lambda _: asyncio.sleep(0))], ids=str
    )
    async def test_it_passes_if_it_may(self, wire: Wire, match: Match) -> None:
        """With ``passthrough_unmatched`` it reaches its host, and is listed as what passed."""
        letting = aiointercept(True, passthrough_unmatched=True, wire=wire, strict=True)
        async with real_host() as host, letting as mock, session(limit=1) as client:
            mock.post(host.url, match=match, times=0)
            async with client.post(host.url, data=b"abc") as response:
                assert await response.text() == "real POST"
            assert host.asked[0][2] == b"abc"
            assert [str(one.url) for one in mock.passed_through] == [host.url]
            assert mock.calls == []

    async def test_it_passes_by_its_host(self, wire: Wire) -> None:
        """The same holds for a host that ``passthrough`` names."""
        letting = aiointercept(True, passthrough=[NAME], wire=wire)
        async with real_host() as host, letting as mock, session() as client:
            mock.get(host.url, match=Match(headers={"X": "1"}))
            assert await _text(client.get(host.url)) == "real GET"

    async def test_it_is_refused_if_not(self, mock: aiointercept) -> None:
        """Without, it is an unmatched request, as ever."""
        async with real_host() as host, session() as client:
            mock.get(host.url, match=Match(headers={"X": "1"}))
            with pytest.raises(UnmatchedRequestError):
                await client.get(host.url)
        assert (host.asked, mock.passed_through, len(mock.unmatched)) == ([], [], 1)

    async def test_server_here_passes_unless_a_route_names_it(self, mock: aiointercept) -> None:
        """A path on any host names none, so that the user's own servers keep working."""
        async with real_server() as real, session() as client:
            mock.get("/x", match=Match(headers={"X": "1"}))
            assert await _text(client.get(f"{real.url}/x")) == "real"


class TestServerUrl:
    """Clients that are not aiohttp's."""

    @ways
    async def test_real_host_is_reached(self, reply: Any) -> None:
        """Whoever takes the mock for its proxy gets the real host's answer."""
        async with real_server() as real, aiointercept() as mock:
            mock.get(f"{real.url}/x", reply=reply)
            handler = urllib.request.ProxyHandler({"http": mock.server_url})
            opener = urllib.request.build_opener(handler)
            said = await asyncio.to_thread(_read, opener, f"{real.url}/x")
            assert said == b"real"
            assert len(mock.passed_through) == 1

    @ways
    async def test_mock_does_not_ask_itself(self, reply: Any) -> None:
        """A request for ``server_url`` itself is an error, and no endless loop."""
        async with aiointercept() as mock:
            mock.get("/x", reply=reply, repeat=True)
            url = f"{mock.server_url}/x"
            async with ClientSession() as client, client.get(url) as response:
                assert response.status == 500
                assert (await response.text()).endswith(
                    f"RuntimeError: GET {url} was to be sent on to its real host, but that is this "
                    "mock's own server_url. Say where to: request.forward(url=...)\n"
                )
            async with mock.session() as client:
                with pytest.raises(RuntimeError, match="mock's own server_url"):
                    await client.get(url)


def _read(opener: urllib.request.OpenerDirector, url: str) -> bytes:
    with opener.open(url) as response:
        return bytes(response.read())
