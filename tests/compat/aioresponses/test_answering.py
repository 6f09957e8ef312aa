"""What is registered and what is answered, on ours and on the original."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest
from aiohttp import ClientSession, web
from multidict import CIMultiDict

pytestmark = pytest.mark.anyio

URL = "http://example.com/a"


async def test_the_arguments_of_add_in_their_order(library: Any, session: ClientSession) -> None:
    """``add`` takes its arguments by position, in the order of aioresponses."""
    with library.aioresponses() as m:
        m.add(URL, "PUT", 201, "body", None, "text/plain", None, {"X-A": "1"}, None, True)
        for _ in range(2):
            response = await session.put(URL)
            assert (response.status, await response.text()) == (201, "body")
            assert response.headers == {"Content-Type": "text/plain", "X-A": "1"}


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "head"])
async def test_a_method_for_each_verb(library: Any, session: ClientSession, method: str) -> None:
    """Each verb has a method, whose route answers that verb alone."""
    with library.aioresponses() as m:
        assert getattr(m, method)(URL, status=202) is None
        response = await session.request(method.upper(), URL)
        assert response.status == 202
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.request("TRACE", URL)


async def test_the_defaults_of_a_response(library: Any, session: ClientSession) -> None:
    """A response is an empty 200 of ``application/json``, with that one header."""
    with library.aioresponses() as m:
        m.get(URL)
        response = await session.get(URL)
        assert (response.status, response.reason, await response.read()) == (200, "OK", b"")
        assert response.raw_headers == ((b"Content-Type", b"application/json"),)
        assert response.content_length is None


async def test_payload_is_read_when_it_is_asked_for(library: Any, session: ClientSession) -> None:
    """A payload that is changed after its registration is answered as it is by then."""
    payload = {"a": 1}
    with library.aioresponses() as m:
        m.get(URL, payload=payload, body="ignored")
        payload["a"] = 2
        assert await (await session.get(URL)).json() == {"a": 2}


async def test_bytes_and_text(library: Any, session: ClientSession) -> None:
    """Bytes are sent as they are, and text as UTF-8."""
    with library.aioresponses() as m:
        m.get(URL, body=b"\xff")
        m.get(URL, body="ä")
        assert await (await session.get(URL)).read() == b"\xff"
        assert await (await session.get(URL)).read() == "ä".encode()


async def test_headers_that_stand_more_than_once(library: Any, session: ClientSession) -> None:
    """A multidict's repeated headers are all sent, and a Content-Type among them is the one."""
    headers = CIMultiDict([("X-A", "1"), ("X-A", "2"), ("content-type", "text/x")])
    with library.aioresponses() as m:
        m.get(URL, headers=headers, content_type="text/y")
        response = await session.get(URL)
        assert response.headers.getall("X-A") == ["1", "2"]
        assert response.content_type == "text/x"


async def test_headers_that_are_not_true(library: Any, session: ClientSession) -> None:
    """Recorded headers of framing and coding are shown, and the body is as it was given."""
    headers = {"Content-Encoding": "gzip", "Content-Length": "99", "Connection": "close"}
    with library.aioresponses() as m:
        m.get(URL, body="plain", headers=headers)
        response = await session.get(URL)
        assert await response.text() == "plain"
        assert response.headers == {"Content-Type": "application/json", **headers}
        assert response.content_length == 99


@pytest.mark.parametrize("status", [-1, 0, 101, 102, 199, 204, 304, 599, 600, 999, 1000])
async def test_any_status(library: Any, session: ClientSession, status: int) -> None:
    """Any number is a status, and may have a body."""
    with library.aioresponses() as m:
        m.get(URL, status=status, payload={"a": 1})
        response = await session.get(URL)
        assert (response.status, await response.json()) == (status, {"a": 1})


async def test_the_reason(library: Any, session: ClientSession) -> None:
    """The reason is the usual one of the status, or the one given, or none."""
    with library.aioresponses() as m:
        m.get(URL, status=404)
        m.get(URL, status=404, reason="Nö")
        m.get(URL, status=299)
        reasons = [(await session.get(URL)).reason for _ in range(3)]
        assert reasons == ["Not Found", "Nö", ""]


async def test_first_registered_first_served(library: Any, session: ClientSession) -> None:
    """Of those that fit, URLs and expressions alike, the first registered answers."""
    with library.aioresponses() as m:
        m.get(URL, payload=1)
        m.get(re.compile(r"http://example\.com/"), payload=2)
        m.get(URL, payload=3, repeat=True)
        m.get(URL, payload=4)
        answers = [await (await session.get(URL)).json() for _ in range(4)]
        assert answers == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("repeat", "answers"), [(False, 1), (True, 4), (1, 1), (3, 3), (0, 4), (-2, 4)]
)
async def test_repeat(library: Any, session: ClientSession, repeat: Any, answers: int) -> None:
    """``repeat`` is once, for ever, or a number; one below 1 never comes to its end."""
    with library.aioresponses() as m:
        m.get(URL, repeat=repeat)
        for _ in range(answers):
            await session.get(URL)
        if answers < 4:
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(URL)


@pytest.mark.parametrize(
    ("registered", "asked", "fits"),
    [
        ("http://h/a?b=2&a=1", "http://h/a?a=1&b=2", True),
        ("http://h/a", "http://h/a?a=1", False),
        ("http://h/a?a=1", "http://h/a", False),
        ("http://h:80/a", "http://h/a", True),
        ("http://H/a", "http://h/a", True),
        ("http://h/a#x", "http://h/a#x", True),
        ("http://h/a", "http://h/a#x", False),
        ("http://u:p@h/a", "http://u:p@h/a", True),
        ("http://h/a", "http://u:p@h/a", False),
        ("http://h/a%2Fb", "http://h/a/b", False),
        ("http://h/a b", "http://h/a%20b", True),
        ("http://10.1.2.3/", "http://10.1.2.3", True),
        ("https://h/a", "http://h/a", False),
        (re.compile("http://h/a$"), "http://h/a", True),
        (re.compile("/a"), "http://h/a", False),
        (re.compile(r"http://h/a\?a=1&b=2"), "http://h/a?b=2&a=1", True),
        ("/path", "/path", True),
        ("h/path", "h/path?a=1", False),
        ("mock://h/path?a=1", "mock://h/path?a=1", True),
    ],
)
async def test_which_url_fits(
    library: Any, compat: Any, session: ClientSession, registered: Any, asked: str, fits: bool
) -> None:
    """URLs are compared whole, their queries sorted; expressions at the start of that."""
    if registered == "http://h:80/a":
        fits = compat.normalize_url(registered) == compat.normalize_url(asked)
    with library.aioresponses() as m:
        m.get(registered, status=202)
        if fits:
            assert (await session.get(asked)).status == 202
        else:
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(asked)


async def test_fragments_on_a_kept_connection(library: Any, session: ClientSession) -> None:
    """A call is matched as its own caller wrote it, also on the connection of an earlier one."""
    with library.aioresponses() as m:
        for fragment in "xy":
            m.get(f"{URL}#{fragment}", payload=fragment)
        answers = [await (await session.get(f"{URL}#{one}")).json() for one in "xy"]
        assert answers == ["x", "y"]


async def test_what_is_no_url_to_ask(library: Any, session: ClientSession) -> None:
    """A path without a host is answered too, and the response has it for its URL."""
    with library.aioresponses() as m:
        m.get("/path?a=1", payload=1)
        response = await session.get("/path", params={"a": 1})
        assert response.url.path == "/path"


async def test_params_are_part_of_the_url(library: Any, session: ClientSession) -> None:
    """What the client gives as ``params`` is compared with the query that was registered."""
    with library.aioresponses() as m:
        m.get(f"{URL}?a=1&b=2")
        assert (await session.get(f"{URL}?b=2", params={"a": 1})).status == 200


async def test_base_url(library: Any) -> None:
    """A session's relative URLs are joined to its base."""
    async with ClientSession("http://example.com") as session:
        with library.aioresponses() as m:
            m.get(URL)
            assert (await session.get("/a")).status == 200


async def test_no_match(library: Any, session: ClientSession) -> None:
    """What nothing is registered for is refused with a ``ClientConnectionError`` of that type."""
    with library.aioresponses() as m:
        m.post(URL)
        with pytest.raises(aiohttp.ClientConnectionError) as caught:
            await session.get(URL, params={"b": 2, "a": 1})
    assert type(caught.value) is aiohttp.ClientConnectionError
    assert str(caught.value) == f"Connection refused: GET {URL}?a=1&b=2"


async def test_a_server_of_this_machine_is_no_exception(
    library: Any, session: ClientSession
) -> None:
    """A request to 127.0.0.1 is refused too, unless its URL is let through."""
    with library.aioresponses(), pytest.raises(aiohttp.ClientConnectionError, match="refused"):
        await session.get("http://127.0.0.1:9/")


EXCEPTIONS = [
    KeyError("x"),
    OSError("x"),
    ConnectionResetError(104, "x"),
    asyncio.TimeoutError("x"),
    asyncio.CancelledError(),
    StopAsyncIteration(),
    aiohttp.ClientError("x"),
    aiohttp.ClientOSError(1, "x"),
    aiohttp.ServerDisconnectedError(),
    aiohttp.ServerTimeoutError(),
    aiohttp.ClientPayloadError(),
    aiohttp.http.HttpProcessingError(message="x"),
    aiohttp.InvalidURL("x"),
    web.HTTPNotFound(),
]


@pytest.mark.parametrize("exception", EXCEPTIONS, ids=lambda exc: type(exc).__name__)
async def test_an_exception_arrives_as_that_object(
    library: Any, session: ClientSession, exception: BaseException
) -> None:
    """An exception of any type is raised itself, once, and the next call meets what comes next."""
    with library.aioresponses() as m:
        m.get(URL, exception=exception)
        m.get(URL)
        with pytest.raises(type(exception)) as caught:
            await session.get(URL)
        assert caught.value is exception
        assert (await session.get(URL)).status == 200


async def test_an_exception_class_is_made_at_the_call(library: Any, session: ClientSession) -> None:
    """A class is called without arguments for each call; one that needs some fails the call."""
    with library.aioresponses() as m:
        m.get(URL, exception=LookupError, repeat=2)
        m.get(URL, exception=aiohttp.ClientConnectorError)
        raised = []
        for _ in range(2):
            with pytest.raises(LookupError) as caught:
                await session.get(URL)
            raised.append(caught.value)
        assert raised[0] is not raised[1]
        with pytest.raises(TypeError):
            await session.get(URL)


async def test_timeout(library: Any, session: ClientSession) -> None:
    """``timeout=True`` raises a timeout, whatever ``exception`` says."""
    with library.aioresponses() as m:
        m.get(URL, timeout=True, exception=ValueError())
        with pytest.raises(asyncio.TimeoutError, match=r"^Connection timeout test$"):
            await session.get(URL)


async def test_raise_for_status(library: Any) -> None:
    """The session's ``raise_for_status`` holds, and a call's goes before it."""

    async def never(response: aiohttp.ClientResponse) -> None:
        raise KeyError(response.status)

    async with ClientSession(raise_for_status=True) as session:
        with library.aioresponses() as m:
            m.get(URL, status=400, repeat=True)
            with pytest.raises(aiohttp.ClientResponseError) as caught:
                await session.get(URL)
            assert (caught.value.status, caught.value.message) == (400, "Bad Request")
            assert (await session.get(URL, raise_for_status=False)).status == 400
            with pytest.raises(KeyError):
                await session.get(URL, raise_for_status=never)


async def test_redirects(library: Any, session: ClientSession) -> None:
    """A redirect is followed to what is registered for its target, and stands in the history."""
    with library.aioresponses() as m:
        m.get(URL, status=302, headers={"Location": "../b?x=1"})
        m.get("http://example.com/b?x=1", payload=1)
        response = await session.get(URL)
        assert str(response.url) == "http://example.com/b?x=1"
        assert [hop.status for hop in response.history] == [302]
        assert len(m.requests) == 1


@pytest.mark.parametrize("headers", [None, {"Location": "/b"}])
async def test_redirects_that_are_not_followed(
    library: Any, session: ClientSession, headers: Any
) -> None:
    """Without a Location, or with ``allow_redirects=False``, the redirect itself is returned."""
    with library.aioresponses() as m:
        m.get(URL, status=302, headers=headers)
        response = await session.get(URL, allow_redirects=headers is None)
        assert response.status == 302


async def test_a_redirect_that_leads_nowhere(library: Any, session: ClientSession) -> None:
    """Where nothing is registered for its target, the error names what was asked first."""
    with library.aioresponses() as m:
        m.get(URL, status=302, headers={"Location": "/b"})
        with pytest.raises(aiohttp.ClientConnectionError) as caught:
            await session.get(URL)
    assert str(caught.value) == f"Connection refused: GET {URL}"


async def test_a_response_class(library: Any, session: ClientSession) -> None:
    """The response is of the class that was registered."""

    class Response(aiohttp.ClientResponse):
        def twice(self) -> int:
            return 2 * self.status

    with library.aioresponses() as m:
        m.get(URL, response_class=Response)
        response: Any = await session.get(URL)
        assert response.twice() == 400


async def test_a_body_of_megabytes(library: Any, session: ClientSession) -> None:
    """A large body arrives whole."""
    with library.aioresponses() as m:
        m.get(URL, body=b"x" * 3_000_000)
        assert len(await (await session.get(URL)).read()) == 3_000_000


async def test_calls_at_the_same_time(library: Any, session: ClientSession) -> None:
    """Each of several calls that run side by side gets an answer of its own, in their order."""

    async def ask() -> Any:
        async with session.get(URL) as response:
            return await response.json()

    with library.aioresponses() as m:
        for number in range(5):
            m.get(URL, payload=number)
        assert await asyncio.gather(*(ask() for _ in range(5))) == [0, 1, 2, 3, 4]


async def test_a_websocket_is_a_call_too(library: Any, session: ClientSession) -> None:
    """A WebSocket that nothing is registered for is refused as any other call."""
    with library.aioresponses(), pytest.raises(aiohttp.ClientConnectionError) as caught:
        await session.ws_connect("ws://example.com/ws")
    assert str(caught.value) == "Connection refused: GET ws://example.com/ws"


async def test_reading_after_the_response_was_left(library: Any, session: ClientSession) -> None:
    """A body that was not read inside ``async with`` cannot be read behind it."""
    with library.aioresponses() as m:
        m.get(URL, body="x")
        async with session.get(URL) as response:
            pass
        with pytest.raises(aiohttp.ClientConnectionError):
            await response.read()


async def test_reading_after_the_mock_was_left(library: Any, session: ClientSession) -> None:
    """Leaving closes responses: a body that was not read by then is lost."""
    with library.aioresponses() as m:
        m.get(URL, body="x")
        response = await session.get(URL)
    assert response.closed
    with pytest.raises(aiohttp.ClientConnectionError):
        await response.read()


async def test_the_clock_is_the_tests(library: Any, session: ClientSession) -> None:
    """A test may give ``time.time`` as many answers as its own code asks for, and no more."""
    with library.aioresponses() as m, patch("time.time", side_effect=[]) as clock:
        m.get(URL, status=201)
        assert (await session.get(URL)).status == 201
        clock.assert_not_called()
