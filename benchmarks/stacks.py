"""Ours, and aiohttp's own TestServer: who answers, each used as its documentation shows."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal

from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer

from aiointercept_connector import CallbackResult, Match, aiointercept, install, replies, uninstall

from .exchange import ANSWER, PATH, URL, Exchange, Opened, Stack

__all__ = ("encrypted", "explicit", "installed", "mounted", "register", "server_for_tests")


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


def encrypted(tls: Literal["assume", "verify"], *, force_close: bool = False) -> Stack:
    """Return what opens a mock that is asked over https."""
    secure = URL.replace("http:", "https:")

    @asynccontextmanager
    async def opened(exchange: Exchange) -> AsyncGenerator[Opened]:
        async with aiointercept(tls=tls) as mock:
            register(mock, exchange, secure)
            async with ClientSession(connector=mock.connector(force_close=force_close)) as session:
                yield Opened(session, secure, lambda: mock.call_count)

    return opened


def _plain_session(exchange: Exchange) -> ClientSession:
    if exchange.limit == Exchange.limit:
        return ClientSession()
    return ClientSession(connector=TCPConnector(limit=exchange.limit))


def register(mock: aiointercept, exchange: Exchange, url: str = URL) -> None:
    """Register the response of *exchange*."""
    if exchange.handler:
        callback = _callback if exchange.handler == "sync" else _async_callback
        mock.add(url, exchange.method, callback=callback, repeat=True)
    elif exchange.pieces:
        reply = replies.stream(exchange.stream, content_type=exchange.content_type)
        mock.add(url, exchange.method, reply=reply, repeat=True)
    elif exchange.download:
        kind = exchange.content_type
        mock.add(url, exchange.method, body=exchange.download, content_type=kind, repeat=True)
    else:
        match = None if exchange.sent is None else Match(json=exchange.sent)
        mock.add(url, exchange.method, json=ANSWER, match=match, repeat=True)


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
    app = _application(exchange, received)
    connector = TCPConnector(limit=exchange.limit)
    async with TestServer(app) as server, ClientSession(connector=connector) as session:
        yield Opened(session, str(server.make_url(PATH)), received=lambda: received[-1])


@asynccontextmanager
async def mounted(exchange: Exchange) -> AsyncGenerator[Opened]:
    """Open a mock at which the same application is mounted, and a session."""
    async with aiointercept() as mock:
        mock.mount(URL.removesuffix(PATH), _application(exchange, []))
        async with mock.session() as session:
            yield _opened(mock, session)


def _application(exchange: Exchange, received: list[bytes]) -> web.Application:
    async def handler(request: web.Request) -> web.StreamResponse:
        # Ours has read it too before it answers, and keeps it.
        received.append(await request.read())
        if exchange.pieces:
            return await _streamed(exchange, request)
        if exchange.download:
            return web.Response(body=exchange.download, content_type=exchange.content_type)
        return web.json_response(ANSWER, dumps=json.dumps)

    app = web.Application(client_max_size=2**30)
    app.router.add_route(exchange.method, PATH, handler)
    return app


async def _streamed(exchange: Exchange, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = exchange.content_type
    await response.prepare(request)
    for piece in exchange.stream():
        await response.write(piece)
    return response
