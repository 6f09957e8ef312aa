"""Faults while the headers of a request are read."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientTimeout

from aiointercept_connector import aiointercept, faults
from tests.faults.calling import URL, outcome
from tests.faults.events import Long

pytestmark = pytest.mark.anyio

PATIENT = ClientTimeout(total=60, connect=20, sock_read=5)


@pytest.mark.parametrize("name", ["stall_headers", "reset_headers"])
async def test_the_call_is_recorded(wire: Any, name: str) -> None:
    """What was never read is in the journal, as far as it is known, with its route."""
    async with aiointercept(wire=wire) as mock, mock.session(timeout=PATIENT) as session:
        route = mock.post(URL, exception=getattr(faults, name)())
        with pytest.raises((aiohttp.ClientError, asyncio.TimeoutError)):
            await session.post(URL, json={"a": 1}, headers={"X-A": "1"})
        (call,) = mock.calls
        assert call.route is route
        assert call.headers["X-A"] == "1"
        assert call.captured_json == {"a": 1}


@pytest.mark.parametrize(
    "fault", [faults.reset_headers(attempts=1, then=202), faults.stall_headers(seconds=3)], ids=str
)
async def test_the_record_gets_what_is_read_later(wire: Any, fault: Any) -> None:
    """A body that nobody knew before it was sent is recorded when it has come, after all."""
    form = aiohttp.MultipartWriter()
    form.append("part")
    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.put(URL, exception=fault)
        await session.put(URL, data=form)
        (call,) = mock.calls
        assert b"\r\n\r\npart\r\n--" in (call.captured_body or b"")


@pytest.mark.parametrize("data", [b"abcdef", [b"abc", b"def"]], ids=["known", "streamed"])
async def test_the_record_keeps_no_more_than_it_may(wire: Any, data: Any) -> None:
    """``max_body`` holds for what was never read, and for what was read later."""

    async def stream() -> Any:
        for piece in data:
            yield piece

    sent = data if isinstance(data, bytes) else stream()
    async with aiointercept(wire=wire, max_body=4) as mock, mock.session() as session:
        mock.post(URL, exception=faults.stall_headers(seconds=3))
        await session.post(URL, data=sent)
        (call,) = mock.calls
        assert (call.captured_body, call.body_size) == (b"abcd", 6)


async def test_nothing_is_read(wire: Any) -> None:
    """A body that no buffer holds is not taken from the client."""
    sent = 0

    async def body() -> Any:
        nonlocal sent
        async for piece in Long():
            yield piece
            sent += 1

    async with aiointercept(wire=wire) as mock, mock.session(timeout=PATIENT) as session:
        # aiohttp 3.10 never looks at what becomes of a writer that it has given up.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        mock.post(URL, exception=faults.stall_headers())
        with pytest.raises(asyncio.TimeoutError):
            await session.post(URL, data=body())
    assert sent < 64


async def test_a_pooled_connection_is_taken(wire: Any) -> None:
    """It happens on an idle connection too, which is gone then; the next call has a new one."""
    async with aiointercept(wire=wire) as mock, mock.session(timeout=PATIENT) as session:
        mock.get(URL)
        mock.get(URL, exception=faults.stall_headers())
        mock.get(URL, exception=faults.reset_headers())
        mock.get(URL)
        assert [await outcome(session, "GET", URL) for _ in range(4)] == [
            "200", "SocketTimeoutError", "ClientOSError", "200",
        ]  # fmt: skip
        assert [call.attempts for call in mock.calls] == [1, 1, 2, 1]


async def test_an_attempt_heals(wire: Any) -> None:
    """With ``attempts=1`` the second attempt at a reset is answered."""
    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.get(URL, exception=faults.reset_headers(attempts=1, then=202))
        assert await outcome(session, "GET", URL) == "202"


async def test_an_encrypted_connection() -> None:
    """It happens behind a handshake over sockets, too."""
    url = URL.replace("http", "https")
    async with (
        aiointercept(wire="tcp", tls="verify") as mock,
        mock.session(timeout=PATIENT) as session,
    ):
        mock.get(url, exception=faults.stall_headers())
        mock.get(url, exception=faults.reset_headers())
        with pytest.raises(aiohttp.ServerTimeoutError):
            await session.get(url)
        with pytest.raises(aiohttp.ClientOSError):
            await session.get(url)


async def test_really_waiting_is_the_same(wire: Any) -> None:
    """``virtual=False`` waits for the client's own timer."""
    seen = []
    for virtual in (True, False):
        timeout = ClientTimeout(sock_read=0.02)
        async with aiointercept(wire=wire) as mock, mock.session(timeout=timeout) as session:
            mock.get(URL, exception=faults.stall_headers(virtual=virtual))
            with pytest.raises(aiohttp.ServerTimeoutError) as caught:
                await session.get(URL)
            seen.append((type(caught.value), str(caught.value)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", ["stall_headers", "reset_headers"])
async def test_a_callback_may_return_one(wire: Any, name: str) -> None:
    """It comes late, for the headers have been read; the error is the same."""
    errors = []
    for late in (False, True):
        fault = getattr(faults, name)()
        async with aiointercept(wire=wire) as mock, mock.session(timeout=PATIENT) as session:
            if late:
                mock.post(URL, callback=lambda request: fault)  # noqa: B023 - called here
            else:
                mock.post(URL, exception=fault)
            with pytest.raises(aiohttp.ClientError) as caught:
                await session.post(URL)
            errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]
