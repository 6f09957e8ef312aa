"""Requests for a journal, with no connector in sight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict
from yarl import URL

from aiointercept_connector.journal.parts import body_stream
from aiointercept_connector.journal.request import AiointerceptRequest
from aiointercept_connector.journal.unsent import request_without_wire

API = "https://api.example.com"

T = TypeVar("T")


def asked(
    method: str = "GET",
    url: str = f"{API}/x",
    body: bytes = b"",
    content_type: str | None = None,
    headers: dict[str, str] | None = None,
) -> AiointerceptRequest:
    """Return the record of a request."""
    every = CIMultiDict({"Host": URL(url).host or "", **(headers or {})})
    if content_type is not None:
        every["Content-Type"] = content_type
    loop = asyncio.new_event_loop()
    try:
        return request_without_wire(method, URL(url), every, body, loop)
    finally:
        loop.close()


async def asked_for_real(
    read: Callable[[web.Request], Awaitable[T]], **client: Any
) -> tuple[T, AiointerceptRequest]:
    """Send a request to a real server; return what *read* makes of it there, and a record of it."""
    results: list[tuple[T, AiointerceptRequest]] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.read()
        loop = asyncio.get_running_loop()
        record = request_without_wire(request.method, request.url, request.headers, body, loop)
        live = web.Request(
            request._message,
            body_stream(body, loop),
            request.protocol,
            request.writer,
            request.task,
            loop,
            client_max_size=0,
        )
        results.append((await read(live), record))
        return web.Response()

    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server, ClientSession() as session:
        await session.request(client.pop("method", "POST"), server.make_url("/x"), **client)
    (result,) = results
    return result
