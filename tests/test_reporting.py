"""What a failed test's report says of the requests."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from aiointercept_connector import CallbackResult, aiointercept
from aiointercept_connector.reporting import transcript
from tests.real import real_server

pytestmark = pytest.mark.anyio

URL = "https://api.test/x"


async def ask(session: ClientSession, method: str = "GET", url: str = URL, **kwargs: Any) -> None:
    """Make a request, whatever comes of it."""
    try:
        async with session.request(method, url, **kwargs) as response:
            await response.read()
    except ClientError:
        pass


async def test_nothing_asked() -> None:
    """A mock that nobody asked says so."""
    assert transcript(aiointercept()) == "No request was made."


async def test_every_request_and_its_answer() -> None:
    """Each request has its body, its route and its answer."""

    def report(url: object, **kwargs: object) -> CallbackResult:
        return CallbackResult()

    async with aiointercept() as mock, mock.session() as session:
        routes = [
            mock.post(URL, json=[1]),
            mock.get(URL, status=204, name="nothing"),
            mock.get(URL, callback=report),
            mock.get(URL, exception=ClientError("down")),
        ]
        await ask(session, "POST", data=b"hello")
        for _ in range(4):
            await ask(session)
        at = [route.registered_at for route in routes]
        assert transcript(mock).splitlines() == [
            "1. POST https://api.test/x",
            "   asked with a body of application/octet-stream, 5 bytes: b'hello'",
            f"   answered by POST https://api.test/x, registered at {at[0]}",
            "   with 200 OK, application/json, 3 bytes: b'[1]'",
            "2. GET https://api.test/x",
            f"   answered by 'nothing' (GET https://api.test/x), registered at {at[1]}",
            "   with 204 No Content, no body",
            "3. GET https://api.test/x",
            f"   answered by GET https://api.test/x, registered at {at[2]}",
            f"   with {routes[2].reply!r}",
            "4. GET https://api.test/x",
            f"   answered by GET https://api.test/x, registered at {at[3]}",
            "   with <Failure ClientError('down')>",
            "5. GET https://api.test/x",
            "   met no route",
        ]


async def test_a_repeated_request() -> None:
    """A request that aiohttp repeats is one, and says how often it was sent."""
    from aiohttp import ServerDisconnectedError

    async with aiointercept() as mock, ClientSession(connector=mock.connector()) as session:
        mock.get(URL, exception=ServerDisconnectedError())
        await ask(session)
        assert transcript(mock).splitlines()[:2] == [
            "1. GET https://api.test/x",
            "   asked 2 times: aiohttp repeats a request whose connection breaks",
        ]


async def test_long_bodies_are_shortened() -> None:
    """A body of any size takes one line, of what it begins with."""
    async with aiointercept() as mock, mock.session() as session:
        mock.post(URL, body="a" * 100_000)
        await ask(session, "POST", data=b"b" * 100_000)
        assert all(len(line) < 250 for line in transcript(mock).splitlines())


async def test_many_requests() -> None:
    """Of many requests the last fifty are shown."""
    async with aiointercept() as mock, mock.session() as session:
        mock.get(URL, repeat=True)
        for _ in range(53):
            await ask(session)
        lines = transcript(mock).splitlines()
        assert lines[:2] == ["… 3 before these", "4. GET https://api.test/x"]
        assert lines[-3] == "53. GET https://api.test/x"


async def test_what_was_let_through() -> None:
    """Requests that reached their real hosts are named."""
    async with real_server() as real:
        with aiointercept(True) as mock:
            async with ClientSession() as session:
                await ask(session, url=f"{real.url}/")
            assert transcript(mock) == f"Let through: GET {real.url}/"
