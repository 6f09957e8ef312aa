"""A recorded request: aiohttp's own ``web.Request``, with what was captured of it.

Its body has been read by the time a test sees it; ``json()``, ``text()``, ``post()``,
``multipart()`` and ``content`` keep working on the captured bytes, as often as one likes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, cast

from aiohttp import MultipartReader, StreamReader, hdrs, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDictProxy, MultiMapping
from yarl import URL

from ..routing.urls import canonical_url

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.base_protocol import BaseProtocol
    from aiohttp.web_protocol import RequestHandler

    from ..routing.route import Route

__all__ = ("AiointerceptRequest", "RequestKwargs", "request_without_wire")

T = TypeVar("T")
_REPLAY_LIMIT = 2**16


class RequestKwargs(TypedDict):
    """What a callback is given beside the URL."""

    headers: CIMultiDictProxy[str]
    query: dict[str, list[str]]
    json: Any
    data: bytes | None


class AiointerceptRequest(web.Request):
    """A request that a mock has received.

    Attributes:
        captured_body: the body as bytes, any Content-Encoding undone; None if there was none.
        route: the route that answered, or None if none did.
        attempts: how often the client sent it; aiohttp silently repeats an idempotent request
            whose connection breaks.
        proxy: the proxy the client would have used.
    """

    ATTRS = web.Request.ATTRS | frozenset(
        {"_asked", "_received", "_replay", "attempts", "captured_body", "home", "proxy", "route"}
    )

    captured_body: bytes | None
    route: Route | None
    attempts: int
    proxy: URL | None
    home: asyncio.AbstractEventLoop | None

    def capture(self, asked: URL, body: bytes, proxy: URL | None = None) -> None:
        """Keep what the wire does not tell: the URL as it was asked, and the body once read."""
        self._asked = asked
        self._received = time.time()
        self._replay: StreamReader | None = None
        self.captured_body = body or None
        self.route = None
        self.attempts = 1
        self.proxy = proxy
        self.home = None

    @classmethod
    def upgrade(
        cls, request: web.Request, captured_body: bytes | None, kwargs: Any, canonical_url: URL
    ) -> AiointerceptRequest:
        """Turn a live request of aiohttp's server, in place, into a recorded one.

        ``kwargs`` is accepted for the sake of the signature; the values are worked out anew.
        """
        request.__class__ = cls
        upgraded = cast("AiointerceptRequest", request)
        upgraded.capture(canonical_url, captured_body or b"")
        return upgraded

    @property
    def url(self) -> URL:  # type: ignore[override]
        """The URL as the client asked it, with the real scheme and host."""
        return self._asked

    @property
    def canonical_url(self) -> URL:
        """The normal form of the URL: sorted query, no fragment, no default port."""
        return canonical_url(self._asked)

    @property
    def received_at(self) -> datetime:
        """When the request arrived, in UTC."""
        return datetime.fromtimestamp(self._received, timezone.utc)

    @property
    def captured_text(self) -> str:
        """The body decoded with the charset of its Content-Type, UTF-8 if it names none."""
        return (self.captured_body or b"").decode(self.charset or "utf-8")

    @property
    def captured_json(self) -> Any:
        """The body parsed as JSON; None if it is none."""
        try:
            return json.loads(self.captured_body or b"null")
        except ValueError:
            return None

    @property
    def kwargs(self) -> RequestKwargs:
        """What a callback is given beside the URL: ``headers``, ``query``, ``json``, ``data``."""
        query = self._asked.query
        return {
            "headers": self.headers,
            "query": {name: query.getall(name) for name in query},
            "json": self.captured_json,
            "data": self.captured_body,
        }

    async def read(self) -> bytes:
        """Return the body."""
        return self.captured_body or b""

    @property
    def content(self) -> StreamReader:
        """The body as a stream, to be read once."""
        if self._replay is None:
            self._replay = self._replayed()
        return self._replay

    async def multipart(self) -> MultipartReader:
        """Return a reader of the parts of a multipart body, from its beginning."""
        return MultipartReader(self.headers, self._replayed())

    def _replayed(self) -> StreamReader:
        loop = asyncio.get_running_loop()
        stream = StreamReader(cast("BaseProtocol", _NoProtocol()), _REPLAY_LIMIT, loop=loop)
        stream.feed_data(self.captured_body or b"")
        stream.feed_eof()
        return stream

    async def run_at_home(self, awaitable: Awaitable[T]) -> T:
        """Await on the loop that the test runs on, where that is not the current one."""
        if self.home is None:
            return await awaitable
        future = asyncio.run_coroutine_threadsafe(_awaiting(awaitable), self.home)
        return await asyncio.wrap_future(future)

    def __repr__(self) -> str:
        body = f", {len(self.captured_body)} bytes" if self.captured_body else ""
        again = f", {self.attempts} attempts" if self.attempts > 1 else ""
        return f"<AiointerceptRequest {self.method} {self._asked}{body}{again}>"


async def _awaiting(awaitable: Awaitable[T]) -> T:
    return await awaitable


class _NoProtocol:
    """Stands for the connection of a request that has none, or none any more."""

    transport = None
    ssl_context = None
    peername = None
    sockname = None

    def __init__(self) -> None:
        self.transport = self

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        """There is nobody to pause."""

    def resume_reading(self, *args: Any, **kwargs: Any) -> None:
        """There is nobody to resume."""


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
        CIMultiDictProxy(headers),
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
        cast("RequestHandler", _NoProtocol()),
        cast("AbstractStreamWriter", None),
        cast("asyncio.Task[None]", None),
        loop,
    )
    request.capture(url, body, proxy)
    return request
