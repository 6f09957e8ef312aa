"""Faults that last for a number of seconds, and then go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from aiointercept_connector import aiointercept, faults
from tests.faults.calling import URL, outcome, tracing
from tests.faults.events import Long

pytestmark = pytest.mark.anyio

STALLS = ["stall", "stall_body", "stall_headers", "stall_request", "pool_timeout"]
TIMERS = {"pool_timeout": "connect"}  # the others wait for the server
SENT = {"stall": b"x" * 100, "stall_body": b"x" * 110}


def patient(name: str, seconds: float) -> ClientTimeout:
    """Return the timeouts of a client that waits so long where this fault lasts."""
    timers: dict[str, Any] = {TIMERS.get(name, "sock_read"): seconds}
    return ClientTimeout(total=None, **timers)


async def got(session: ClientSession, **kwargs: Any) -> Any:
    """Return the status, a header and the body of a response, or the error and its text."""
    try:
        async with session.post(URL, **kwargs) as response:
            return response.status, response.headers.get("X-A"), await response.read()
    except (aiohttp.ClientError, asyncio.TimeoutError) as exc:
        return type(exc), str(exc)


@pytest.mark.parametrize("virtual", [True, False])
@pytest.mark.parametrize("name", STALLS)
async def test_who_can_wait_is_answered(wire: Any, name: str, virtual: bool) -> None:
    """A client whose timeout is longer gets the rest of the response."""
    seconds = 20 if virtual else 0.01
    fault = getattr(faults, name)(
        seconds=seconds, status=201, headers={"X-A": "1"}, virtual=virtual
    )
    timeout = patient(name, 60)
    async with aiointercept(wire=wire) as mock, mock.session(timeout=timeout) as session:
        mock.post(URL, reply=fault)
        mock.post(URL, status=202)
        assert await got(session) == (201, "1", SENT.get(name, b""))
        assert (await got(session))[0] == 202


@pytest.mark.parametrize("name", STALLS)
async def test_who_cannot_wait_gives_up(wire: Any, name: str) -> None:
    """A client whose timeout is shorter meets it, whether it is waited for or not."""
    seen = []
    for virtual, unit in ((True, 1), (False, 0.001)):
        fault = getattr(faults, name)(seconds=500 * unit, virtual=virtual)
        timeout = patient(name, 20 * unit)
        async with aiointercept(wire=wire) as mock, mock.session(timeout=timeout) as session:
            mock.post(URL, reply=fault)
            seen.append(await got(session))
    assert issubclass(seen[0][0], asyncio.TimeoutError)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", STALLS)
async def test_what_has_passed_counts(wire: Any, name: str) -> None:
    """Seconds that nobody has waited for are missing in the time for the whole call."""
    fault = getattr(faults, name)(seconds=3)
    timeout = ClientTimeout(total=5)
    async with aiointercept(wire=wire) as mock, mock.session(timeout=timeout) as session:
        mock.get(URL, reply=fault)
        async with session.get(URL) as response:
            await response.read()
            (call,) = mock.calls
            assert call.attempts == 1
        mock.get(URL, reply=getattr(faults, name)(seconds=6))
        with pytest.raises(asyncio.TimeoutError):
            await (await session.get(URL)).read()


async def test_the_rest_of_a_chunked_body(wire: Any) -> None:
    """A chunked body goes on with its end."""
    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.post(URL, reply=faults.stall_body(seconds=3, after=4, chunked=True))
        assert (await got(session))[2] == b"xxxx"


@pytest.mark.parametrize("after", [0, 20, 36])
async def test_the_rest_of_a_head(wire: Any, after: int) -> None:
    """A head goes on where it has stopped."""
    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.post(URL, reply=faults.stall(seconds=3, after=after, headers={"X-A": "1"}))
        assert await got(session) == (200, "1", b"x" * 100)


async def test_a_response_without_body(wire: Any) -> None:
    """What has no body goes on without."""
    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.post(URL, reply=faults.stall(seconds=3, status=204), repeat=2)
        assert await got(session) == (204, None, b"")
        assert await outcome(session, "POST", URL) == "204"


async def test_a_response_to_head(wire: Any) -> None:
    """The answer to HEAD is its head."""
    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.head(URL, reply=faults.stall(seconds=3), repeat=2)
        assert [await outcome(session, "HEAD", URL) for _ in range(2)] == ["200", "200"]


@pytest.mark.parametrize(
    "fault",
    [
        faults.stall_request(seconds=3),
        faults.stall_request(seconds=3, after=5),
        faults.stall_headers(seconds=3),
        faults.stall_headers(seconds=0.001, virtual=False),
    ],
    ids=str,
)
async def test_the_rest_of_a_request(wire: Any, fault: Any) -> None:
    """A request is read on, and recorded whole; the connection stays."""
    body = b"0123456789" * 100_000

    async def pieces() -> AsyncGenerator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.post(URL, reply=fault, repeat=2)
        for _ in range(2):
            assert (await got(session, data=pieces()))[0] == 200
        assert [call.captured_body for call in mock.calls] == [body, body]


async def test_headers_in_pieces(wire: Any) -> None:
    """Headers that come in many pieces are read on from the first of them."""
    headers = {"X-Long": "x" * 8000}
    async with aiointercept(wire=wire, tls="verify") as mock, mock.session() as session:
        for url in (URL, URL.replace("http", "https")):
            route = mock.post(url, reply=faults.stall_headers(seconds=3, status=202))
            async with session.post(url, headers=headers, data=Long()) as response:
                assert response.status == 202
            (call,) = route.calls
            assert call.headers["X-Long"] == headers["X-Long"]
            assert call.attempts == 1
            assert len(call.captured_body or b"") == 2**24


@pytest.mark.parametrize("seconds", [3, 500])
async def test_a_callback_may_return_one(wire: Any, seconds: int) -> None:
    """What is found to stall when it has been read lasts as long, and says the same."""
    fault = faults.stall_headers(seconds=seconds, status=201, headers={"X-A": "1"})
    timeout = ClientTimeout(sock_read=20)
    seen = []
    ways: list[dict[str, Any]] = [{"reply": fault}, {"callback": lambda request: fault}]
    for registered in ways:
        async with aiointercept(wire=wire) as mock, mock.session(timeout=timeout) as session:
            mock.post(URL, **registered)
            seen.append(await got(session))
    assert seen[0] == seen[1]
    assert (seen[0] == (201, "1", b"")) == (seconds < 20)


@pytest.mark.parametrize("name", ["sock_read_timeout", "stall"])
async def test_clients_of_other_makes(name: str) -> None:
    """A client whose timeouts nobody knows meets its own, by waiting."""
    async with aiointercept() as mock:
        mock.get("/x", exception=getattr(faults, name)())
        async with ClientSession(timeout=ClientTimeout(sock_read=0.02)) as session:
            with pytest.raises(aiohttp.ServerTimeoutError):
                await session.get(f"{mock.server_url}/x")


@pytest.mark.parametrize("name", ["stall", "stall_headers", "stall_request"])
async def test_own_headers_say_no_length(name: str) -> None:
    """What goes on has a length of its own, so that none may be given."""
    with pytest.raises(ValueError, match="leave out Content-Length"):
        getattr(faults, name)(seconds=3, headers={"Content-Length": "7"})
    faults.stall(headers={"Content-Length": "7"})


class TestPool:
    async def test_signals(self) -> None:
        """A trace is told of the queue, its end, and a connection, as with a pool that was full."""
        ours: list[str] = []
        real: list[str] = []
        async with (
            closing_server() as url,
            ClientSession(
                connector=TCPConnector(limit=1), trace_configs=[tracing(real, True)]
            ) as session,
        ):
            first = asyncio.ensure_future(outcome(session, "GET", url))
            await asyncio.sleep(0.005)
            await session.get(url, trace_request_ctx=True)
            await first
        async with (
            aiointercept() as mock,
            mock.session(trace_configs=[tracing(ours)]) as session,
        ):
            mock.get(url, reply=faults.pool_timeout(seconds=3))
            await session.get(url)
        assert ours == real

    @pytest.mark.parametrize("seconds", [0.01, 500])
    async def test_a_callback_may_return_it(self, wire: Any, seconds: float) -> None:
        """It comes late, and is waited for or not, as it would have been."""
        fault = faults.pool_timeout(seconds=seconds, virtual=seconds > 1, status=201)
        timeout = ClientTimeout(connect=20)
        async with aiointercept(wire=wire) as mock, mock.session(timeout=timeout) as session:
            mock.post(URL, callback=lambda request: fault)
            expected = 201 if seconds < 20 else aiohttp.ConnectionTimeoutError
            assert (await got(session))[0] == expected


@asynccontextmanager
async def closing_server() -> AsyncGenerator[str]:
    """Give the URL of a server that answers late, and closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
