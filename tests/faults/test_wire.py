"""Faults on the wire: what is recorded, what becomes of the connection, what the arguments do."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientTimeout

from aiointercept_connector import ImpossibleFaultError, aiointercept, faults
from tests.faults.calling import outcome
from tests.faults.events import Long
from tests.replies.support import exchanged

pytestmark = pytest.mark.anyio

URL = "http://api.example.com/x"
PATIENT = ClientTimeout(total=5, sock_read=4)


async def failed(wire: Any, fault: Any, method: str = "POST", **kwargs: Any) -> Any:
    """Return the record of a call that met *fault*."""
    async with aiointercept(wire=wire) as mock, mock.session(timeout=PATIENT) as session:
        mock.add(URL, method, exception=fault)
        with pytest.raises((aiohttp.ClientError, asyncio.TimeoutError)):
            async with session.request(method, URL, **kwargs) as response:
                await response.read()
        (call,) = mock.calls
        return call


class TestRecord:
    async def test_the_body_is_recorded(self, wire: Any) -> None:
        """A fault in the response comes when the request has been read, and recorded whole."""
        call = await failed(wire, faults.disconnect(), json={"a": 1})
        assert call.captured_json == {"a": 1}
        assert call.route is not None

    async def test_what_was_read_is_recorded(self, wire: Any) -> None:
        """A fault in the request records what was read of the body."""
        call = await failed(wire, faults.reset_request(after=3), data=Long())
        assert call.captured_body == b"xxx"


class TestArguments:
    async def test_status_and_headers(self, wire: Any) -> None:
        """A response that breaks off later has the status and the headers that were given."""
        fault = faults.truncated(after=4, status=206, headers={"X-A": "1"})
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, exception=fault)
            async with session.get(URL) as response:
                assert (response.status, response.headers["X-A"]) == (206, "1")
                assert await response.content.readexactly(4) == b"xxxx"
                with pytest.raises(aiohttp.ClientPayloadError):
                    await response.read()

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_bytes_before_a_reset_are_read(self, wire: Any, chunked: bool) -> None:
        """The bytes before a reset reach the client, chunked or of a known length."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, exception=faults.reset_body(after=4, chunked=chunked))
            async with session.get(URL) as response:
                assert await response.content.readexactly(4) == b"xxxx"
                with pytest.raises(aiohttp.ClientPayloadError):
                    await response.read()

    async def test_a_slow_body_arrives(self, wire: Any) -> None:
        """A client that has the time gets all of a slow body, without waiting."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, reply=faults.slow(body="slowly", bytes_per_second=0.5))
            async with session.get(URL) as response:
                assert await response.text() == "slowly"

    async def test_a_slow_body_is_too_slow(self, wire: Any) -> None:
        """A client that hears nothing for too long gives up, and so does one out of time."""
        for timeout, error in (
            (ClientTimeout(sock_read=1), aiohttp.ServerTimeoutError),
            (ClientTimeout(total=10), asyncio.TimeoutError),
        ):
            async with aiointercept(wire=wire) as mock, mock.session(timeout=timeout) as session:
                mock.get(URL, reply=faults.slow(body="slowly", bytes_per_second=0.5))
                with pytest.raises(error):
                    await (await session.get(URL)).read()


class TestConnection:
    async def test_keeping_alive(self, wire: Any) -> None:
        """After ``close_after`` the next request has a new connection; no error is seen."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, reply=faults.close_after(body="bye"))
            mock.get(URL)
            async with session.get(URL) as response:
                assert await response.text() == "bye"
            assert session.connector is not None
            await asyncio.sleep(0.01)
            assert (await session.get(URL)).status == 200
            assert [call.attempts for call in mock.calls] == [1, 1]

    async def test_surplus_is_not_the_next_response(self, wire: Any) -> None:
        """Bytes behind a response do not answer the next request."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, reply=faults.extra_bytes())
            mock.get(URL)
            assert [await outcome(session, "GET", URL) for _ in range(2)] == ["200", "200"]

    @pytest.mark.parametrize("name", ["stall", "stall_headers"])
    async def test_leaving_does_not_wait(self, wire: Any, name: str) -> None:
        """A call that hangs is ended when the mock is left."""
        async with aiointercept(wire=wire) as mock:
            session = mock.session(timeout=ClientTimeout())
            mock.get(URL, exception=getattr(faults, name)())
            waiting = asyncio.ensure_future(session.get(URL))
            await asyncio.sleep(0.02)
            assert not waiting.done()
        with pytest.raises(aiohttp.ClientConnectionError, match="The mock was left"):
            await waiting
        await session.close()


class TestTime:
    @pytest.mark.parametrize(
        ("name", "timeout"),
        [
            ("total_timeout", ClientTimeout(total=0.04, sock_read=0.02)),
            ("sock_read_timeout", ClientTimeout(total=5, sock_read=0.02)),
            ("stall", ClientTimeout(sock_read=0.02)),
            ("stall_body", ClientTimeout(total=0.02)),
            ("stall_request", ClientTimeout(total=0.02)),
        ],
    )
    async def test_really_waiting_is_the_same(self, wire: Any, name: str, timeout: Any) -> None:
        """``virtual=False`` waits, and ends in the same exception."""
        seen = []
        for virtual in (True, False):
            async with aiointercept(wire=wire) as mock, mock.session(timeout=timeout) as session:
                mock.get(URL, exception=getattr(faults, name)(virtual=virtual))
                with pytest.raises(asyncio.TimeoutError) as caught:
                    await (await session.get(URL)).read()
                seen.append((type(caught.value), str(caught.value)))
        assert seen[0] == seen[1]

    @pytest.mark.parametrize("name", ["total", "sock_read"])
    async def test_a_client_without_that_timeout(self, name: str) -> None:
        """A fault that is to meet one timeout says so if the client has it not."""
        async with aiointercept() as mock, mock.session(timeout=ClientTimeout()) as session:
            mock.get(URL, exception=getattr(faults, f"{name}_timeout")())
            with pytest.raises(ImpossibleFaultError) as caught:
                await session.get(URL)
            assert str(caught.value) == (
                f"GET {URL} met faults.{name}_timeout(), which sets off a timeout of the client's, "
                f"and its ClientTimeout has no {name}=: it would wait for ever. Give the client "
                f"timeout=ClientTimeout({name}=...); or the fault virtual=False, to have it wait."
            )


class TestServerUrl:
    @pytest.mark.parametrize(
        ("fault", "sent"),
        [
            (faults.disconnect(after=12), b"HTTP/1.1 200"),
            (faults.truncated(after=2), b"HTTP/1.1 200 OK\r\nContent-Length: 102\r\n\r\nxx"),
        ],
    )
    async def test_clients_of_other_makes(self, fault: Any, sent: bytes) -> None:
        """A client of ``server_url`` meets the same bytes."""
        async with aiointercept() as mock:
            mock.get("/x", exception=fault)
            assert await exchanged(mock, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n") == sent

    async def test_it_has_no_way_to_fail_at(self) -> None:
        """What cannot be, for the connection is there, is a reset."""
        async with aiointercept() as mock:
            mock.get("/x", exception=faults.refused())
            with pytest.raises(ConnectionResetError):
                await exchanged(mock, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
