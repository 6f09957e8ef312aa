"""The record of a request that was refused before anything was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aiohttp import hdrs
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy, MultiMapping

from .connection import NoProtocol
from .request import AiointerceptRequest

if TYPE_CHECKING:
    import asyncio

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_protocol import RequestHandler
    from yarl import URL

__all__ = ("request_without_wire",)


def request_without_wire(
    method: str,
    url: URL,
    headers: MultiMapping[str],
    body: bytes,
    loop: asyncio.AbstractEventLoop,
    proxy: URL | None = None,
) -> AiointerceptRequest:
    """Make the record of a request that was refused before anything was sent."""
    message = RawRequestMessage(
        method,
        str(url.relative()),
        HttpVersion11,
        CIMultiDictProxy(CIMultiDict(headers)),
        tuple((name.encode(), value.encode()) for name, value in headers.items()),
        False,
        headers.get(hdrs.CONTENT_ENCODING),
        False,
        False,
        url.relative(),
    )
    request = AiointerceptRequest(
        message,
        EMPTY_PAYLOAD,
        cast("RequestHandler", NoProtocol()),
        cast("AbstractStreamWriter", None),
        cast("asyncio.Task[None]", None),
        loop,
        scheme="https" if url.scheme in {"https", "wss"} else "http",
    )
    request.capture(url, body, proxy)
    return request
