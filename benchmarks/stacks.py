"""Ours, and aiohttp's own TestServer: who answers, each used as its documentation shows."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer

from aiointercept_connector import CallbackResult, aiointercept, install, uninstall

from .exchange import ANSWER, PATH, URL, Exchange, Opened

__all__ = ("explicit", "installed", "register", "server_for_tests")


@asynccontextmanager
async def explicit(exchange: Exchange) -> AsyncGenerator[Opened]:
    """Open a mock, and a session with its connector."""
    async with aiointercept() as mock:
        register(mock, exchange)
        async with ClientSession(connector=mock.connector(limit=exchange.limit)) as session:
            yield _opened(mock, session)


@asynccontextmanager
async def installed(exchange: Exchange) -> AsyncGenerator[Opened]:
    """Open a mock of the whole process, and a session that knows nothing of it."""
    mock = install()
    try:
        register(mock, exchange)
        async with _plain_session(exchange) as session:
            yield _opened(mock, session)
    finally:
        uninstall(mock)


def _plain_session(exchange: Exchange) -> ClientSession:
    if exchange.limit == Exchange.limit:
        return ClientSession()
    return ClientSession(connector=TCPConnector(limit=exchange.limit))


def register(mock: aiointercept, exchange: Exchange, url: str = URL) -> None:
    """Register the response of *exchange*."""
    if exchange.handler:
        callback = _callback if exchange.handler == "sync" else _async_callback
        mock.add(url, exchange.method, callback=callback, repeat=True)
    elif exchange.download:
        kind = exchange.content_type
        mock.add(url, exchange.method, body=exchange.download, content_type=kind, repeat=True)
    else:
        mock.add(url, exchange.method, json=ANSWER, repeat=True)


def _callback(url: Any, **kwargs: Any) -> CallbackResult:
    return CallbackResult(payload=ANSWER)


async def _async_callback(url: Any, **kwargs: Any) -> CallbackResult:
    return CallbackResult(payload=ANSWER)


def _opened(mock: aiointercept, session: ClientSession) -> Opened:
    def received() -> bytes | None:
        last = mock.last_request
        return None if last is None else last.captured_body

    return Opened(session, URL, lambda: mock.call_count, received)


@asynccontextmanager
async def server_for_tests(exchange: Exchange) -> AsyncGenerator[Opened]:
    """Open aiohttp's own server for tests, and a session."""
    received: list[bytes] = []

    async def handler(request: web.Request) -> web.Response:
        # Ours has read it too before it answers, and keeps it.
        received.append(await request.read())
        if exchange.download:
            return web.Response(body=exchange.download, content_type=exchange.content_type)
        return web.json_response(ANSWER, dumps=json.dumps)

    app = web.Application(client_max_size=2**30)
    app.router.add_route(exchange.method, PATH, handler)
    connector = TCPConnector(limit=exchange.limit)
    async with TestServer(app) as server, ClientSession(connector=connector) as session:
        yield Opened(session, str(server.make_url(PATH)), received=lambda: received[-1])
