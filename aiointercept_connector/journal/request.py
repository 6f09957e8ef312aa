"""A recorded request: aiohttp's own ``web.Request``, with what was captured of it.

Its body has been read by the time a test sees it. A callback that was registered with
``read_body=False`` sees one that is still arriving.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timezone

# By name: a test that gives `time.time` a list of answers means the code that it tests.
from time import time as now
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, cast

from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_request import Request
from multidict import CIMultiDictProxy
from yarl import URL

from ..routing.target import Asked
from ..routing.urls import canonical_url
from ..unset import UNSET
from .captured import Captured
from .connection import NoProtocol
from .unparsed import parsed

if TYPE_CHECKING:
    from ..replies.relayed import ForwardedResponse
    from ..routing.route import Route
    from .connection import RealHost

__all__ = ("AiointerceptRequest", "RequestKwargs")

T = TypeVar("T")


class RequestKwargs(TypedDict):
    """What a callback is given beside the URL."""

    headers: CIMultiDictProxy[str]
    query: dict[str, list[str]]
    json: Any
    data: bytes | None


class AiointerceptRequest(Captured):
    """A request that a mock has received.

    Attributes:
        captured_body: the body as bytes, any Content-Encoding undone; None if there was none.
            With ``read_body=False``, what the callback has read of it, once it has answered.
        route: the route that answered, or None if none did.
        attempts: how often the client sent it; aiohttp silently repeats an idempotent request
            whose connection breaks.
        proxy: the proxy the client would have used.
        client_certificate: the certificate that the client has shown, as ``getpeercert()`` of
            ``ssl`` returns it; None if it has shown none.
        home: the loop that callbacks run on, if that is not the loop of the connection.
        max_body: how many bytes of the body are kept once it is answered; None for all.
        body_size: how many bytes the body had, if not all of them are kept; else None.
    """

    ATTRS = Request.ATTRS | frozenset(
        {
            "_arriving",
            "_asked",
            "_conversation",
            "_earlier",
            "_filed_under",
            "_head",
            "_made",
            "_received",
            "_replay",
            "attempts",
            "body_size",
            "captured_body",
            "client_certificate",
            "home",
            "max_body",
            "proxy",
            "route",
        }
    )

    route: Route | None = None
    attempts: int = 1
    proxy: URL | None = None
    client_certificate: Mapping[str, Any] | None = None
    home: asyncio.AbstractEventLoop | None = None
    _head: bytes | None = None
    _earlier: AiointerceptRequest | None = None
    _filed_under: URL | None = None
    _made: dict[int, tuple[object, Any]] | None = None

    def _complete(self) -> None:
        """Make a request whole of which the server has kept what arrived alone, for a start.

        Most requests of a suite are only counted: parsing each of them and making it whole would
        be a fifth of the time that it takes.
        """
        protocol: Any = self._protocol
        connected = getattr(protocol, "transport", None) is not None
        secure = self._asked.scheme in {"https", "wss"}
        super().__init__(
            self._message,
            EMPTY_PAYLOAD,
            protocol if connected else cast("Any", NoProtocol()),
            protocol.writer_for(self._message) if connected else cast("Any", None),
            cast("asyncio.Task[None]", self.__dict__.get("_task")),
            self._loop,
            client_max_size=0,
            scheme="https" if secure else "http",
        )
        self._protocol = protocol

    def __getattr__(self, name: str) -> Any:
        # Called for what is not there: because nobody has looked yet, or at all.
        if name == "_message" and self._head is not None:
            size = self.body_size or len(self.captured_body or b"")
            message = self._message = parsed(self._head, size)
            return message
        known = self.__dict__
        unknown = "_message" not in known and self._head is None
        if name.startswith("__") or "_headers" in known or unknown:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self._complete()
        return getattr(self, name)

    def capture(self, asked: URL, body: bytes, proxy: URL | None = None) -> None:
        """Keep what the wire does not tell: the URL as it was asked, and the body once read."""
        self._asked = asked
        self._received = now()
        if body:
            self.captured_body = body
        if proxy is not None:
            self.proxy = proxy

    def begin_again(self, earlier: AiointerceptRequest) -> None:
        """Take this for another attempt of the client's call that *earlier* is the record of."""
        self._earlier = earlier
        self.route = earlier.route
        if earlier.captured_body is None and self.captured_body is not None:
            # The earlier one was never sent, and of a stream nothing was known.
            earlier.captured_body = self.captured_body
            earlier.cut_body()

    @property
    def record(self) -> AiointerceptRequest:
        """The record of the client's call: its first attempt."""
        return self if self._earlier is None else self._earlier

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return what *make* made for *key* when it was first asked, in any attempt of the call."""
        if self._earlier is not None:
            return self._earlier.once(key, make)
        if self._made is None:
            self._made = {}
        if id(key) not in self._made:
            # The key is kept too: while it lives, nothing else has its id.
            self._made[id(key)] = key, make()
        return cast("T", self._made[id(key)][1])

    @classmethod
    def upgrade(
        cls,
        request: Request,
        captured_body: bytes | None,
        kwargs: Any,  # noqa: ARG003 - the promised signature has it
        canonical_url: URL,
    ) -> AiointerceptRequest:
        """Turn a live request of aiohttp's server, in place, into a recorded one.

        ``kwargs`` is accepted for the sake of the signature; the values are worked out anew.
        """
        # Not by assignment, which aiohttp warns of in debug mode.
        object.__setattr__(request, "__class__", cls)
        upgraded = cast("AiointerceptRequest", request)
        upgraded.capture(canonical_url, captured_body or b"")
        return upgraded

    @property
    def url(self) -> URL:  # pyright: ignore[reportIncompatibleVariableOverride] - `reify`
        """The URL as the client asked it, with the real scheme and host."""
        return self._asked

    @property
    def asked_url(self) -> URL:
        """The same, also where a subclass has a ``url`` of another library's kind."""
        return self._asked

    @property
    def canonical_url(self) -> URL:
        """The normal form of the URL: sorted query, no fragment, no default port."""
        return self._filed_under or canonical_url(self._asked)

    def file_under(self, url: URL) -> None:
        """Let *url* be its normal form: other libraries take more URLs for one."""
        self._filed_under = url

    @property
    def match_info(self) -> dict[str, str]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - `reify`
        """What stood in the holes of the route's path template, decoded."""
        if self.route is None:
            return {}
        return self.route.target.match_info(Asked(self.method, self._asked))

    @property
    def received_at(self) -> datetime:
        """When the request arrived, in UTC."""
        return datetime.fromtimestamp(self._received, timezone.utc)

    @property
    def kwargs(self) -> RequestKwargs:
        """What a callback is given beside the URL: ``headers``, ``query``, ``json``, ``data``."""
        query = self._asked.query
        return {
            # Private: it is there before anybody has looked at the request.
            "headers": self._message.headers,
            "query": {name: query.getall(name) for name in query},
            "json": self.captured_json,
            "data": self.captured_body,
        }

    async def forward(
        self,
        url: URL | str | None = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        body: bytes | str | None = None,
        json: Any = UNSET,
    ) -> ForwardedResponse:
        """Ask the real host, and return its response, which may be changed and returned.

        The request is sent as the client's own session would have sent it: with its resolver, TLS
        settings and proxy. Redirects are not followed.

        Args:
            url: where to send it, if not to the host that was asked.
            headers: headers to send in place of the client's; None leaves one out.
            body: the body to send in place of the client's; text is sent as UTF-8.
            json: the same, as a value to be sent as JSON.

        Raises:
            RuntimeError: the request is not being answered, or it would come back to this mock.
            NetworkBlockedError: ``block_network`` forbids it.
            aiohttp.ClientError: whatever the real connection ends in.
        """
        return await self.real_host.forward(url, headers=headers, body=body, json=json)

    @property
    def real_host(self) -> RealHost:
        """The way to the real host."""
        begin = getattr(self._protocol, "forwarding", None)
        if begin is None:
            raise RuntimeError(
                f"{self!r} has been answered. It can be sent on to its real host while it is not: "
                f"call forward() in a callback, with callback(request)."
            )
        return cast("RealHost", begin(self))

    async def run_at_home(self, awaitable: Awaitable[T]) -> T:
        """Await on the loop that the test runs on, where that is not the current one."""
        if self.home is None or not self.home.is_running():
            return await awaitable
        future = asyncio.run_coroutine_threadsafe(_awaiting(awaitable), self.home)
        return await asyncio.wrap_future(future)

    async def answer_at_home(self, answer: Awaitable[T]) -> T:
        """The same for what answers this request, and may read its body and send the response."""
        if self.home is None or not self.home.is_running():
            return await answer
        protocol: Any = self._protocol
        return cast("T", await protocol.answer_on(self.home, self, answer))

    def __repr__(self) -> str:
        size = f"{len(self.captured_body)} bytes" if self.captured_body else ""
        body = f", {self.cut or size}" if self.cut or size else ""
        again = f", {self.attempts} attempts" if self.attempts > 1 else ""
        return f"<AiointerceptRequest {self._message.method} {self._asked}{body}{again}>"


async def _awaiting(awaitable: Awaitable[T]) -> T:
    return await awaitable
