"""What a request meets at a mock, beside what it meets at a real server."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, NamedTuple

import aiohttp
import aiohttp.connector
import pytest
from aiohttp import ClientSession, TCPConnector

from aiointercept_connector import aiointercept
from tests.hosts import ToLoopback
from tests.securing.site import HOST
from tests.tls import Outcome, met, openssl_server, shown_by_mock


class Case(NamedTuple):
    """A server, and a client's ``ssl=``; the client trusts the mock's authority, if anybody."""

    server: Callable[[aiointercept], object] = lambda mock: None
    client: Callable[[], Any] = lambda: True
    name: str | None = None


def demands(mock: aiointercept) -> None:
    """Let the host demand a certificate of its clients."""
    mock.require_client_certificate(HOST)


async def met_for_real(
    mock: aiointercept, case: Case, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, Outcome]:
    """Return the port of a real server as *case* has it, and what a client meets there."""
    theirs = case.client()
    default = ssl.create_default_context()
    default.set_alpn_protocols(["http/1.1"])
    for context in (theirs, default):
        if isinstance(context, ssl.SSLContext):
            mock.ca.trust(context)
    with openssl_server(shown_by_mock(mock, HOST)) as port, monkeypatch.context() as patch:
        patch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", default)
        async with ClientSession(connector=TCPConnector(resolver=ToLoopback())) as session:
            options = {"ssl": theirs, "server_hostname": case.name}
            return port, await met(session, f"https://{HOST}:{port}/x", **options)


async def compare(mock: aiointercept, case: Case, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Check that a client meets the same at the mock as at a real server; return what."""
    case.server(mock)
    mock_elsewhere = aiointercept(True, passthrough=[HOST])
    async with mock_elsewhere:
        port, real = await met_for_real(mock, case, monkeypatch)
    theirs = case.client()
    if case.server is demands and theirs is not True:
        mock.ca.trust(theirs)
    mock.get(f"https://{HOST}:{port}/x", repeat=True)
    async with ClientSession() as session:
        options = {"ssl": theirs, "server_hostname": case.name}
        assert await met(session, f"https://{HOST}:{port}/x", **options) == real
    return real
