"""HEAD, whose responses have no body for anything to happen in."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientTimeout

from aiointercept_connector import aiointercept, faults
from tests.faults.calling import outcome
from tests.replies.support import exchanged

pytestmark = pytest.mark.anyio

URL = "http://api.example.com/x"
BODY = [
    faults.truncated(),
    faults.truncated(chunked=True),
    faults.reset_body(),
    faults.stall_body(),
    faults.bad_chunk(),
    faults.corrupt_gzip(),
    faults.extra_bytes(),
    faults.slow(),
    faults.close_after(body="bye"),
    faults.unknown_encoding(),
    faults.unknown_encoding(content=True),
    faults.wrong_content_length(length=20),
    faults.wrong_content_length(length=2),
]


# A socket that is reset forgets what it has received.
READ = [one for one in BODY if one.kind is not faults.reset_body]


@pytest.mark.parametrize("fault", READ, ids=str)
async def test_no_body_is_sent(fault: Any) -> None:
    """Behind the head comes no byte of the body."""
    async with aiointercept() as mock:
        mock.head("/x", exception=fault)
        sent = await exchanged(mock, b"HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    _, _, behind = sent.partition(b"\r\n\r\n")
    surplus = b"HTTP/1.1 500 Surplus\r\n\r\n" if fault.kind is faults.extra_bytes else b""
    assert behind == surplus


# Of the others a client may see no head: in one piece with it comes what is an error.
ERRORS = {faults.bad_chunk, faults.wrong_content_length, faults.extra_bytes}
SEEN = [one for one in BODY if one.kind not in ERRORS]


@pytest.mark.parametrize("fault", SEEN, ids=str)
async def test_the_head_is_that_of_get(fault: Any) -> None:
    """The head of the response is that of GET."""
    seen = []
    async with aiointercept() as mock, mock.session() as session:
        for method in ("GET", "HEAD"):
            mock.add(URL, method, exception=fault)
            async with session.request(method, URL) as response:
                seen.append((response.status, response.headers))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("fault", BODY, ids=str)
async def test_the_next_request_is_answered(wire: Any, fault: Any) -> None:
    """The client has its response, and its next request is answered in the first attempt."""
    timeout = ClientTimeout(sock_read=5)
    async with aiointercept(wire=wire) as mock, mock.session(timeout=timeout) as session:
        mock.head(URL, exception=fault)
        mock.get(URL)
        # Of surplus bytes some versions of aiohttp complain at once.
        assert await outcome(session, "HEAD", URL) == "200" or fault.kind is faults.extra_bytes
        assert await outcome(session, "GET", URL) == "200"
        assert mock.calls[0].attempts == 1
