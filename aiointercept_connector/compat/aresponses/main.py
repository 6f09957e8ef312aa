"""What can be imported from ``aresponses.main``; a plugin of pytest, with one fixture."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest
from aiohttp import ClientRequest, ClientSession, TCPConnector
from aiohttp.test_utils import BaseTestServer
from aiohttp.web import Response, StreamResponse
from yarl import URL

from ... import injection
from ...arguments import caller
from ...interceptor import Interceptor
from ...loopback.tcp import LOCALHOST
from ...replies.conversion import as_reply
from .answering import Answer, Passing, RawResponse, RoutingLog, ServedRequest
from .asserting import Asserting, route_of
from .errors import NoRouteFoundError, UnorderedRouteCallError, UnusedRouteError
from .route import Pattern, Route, core_route, host_of, names_host
from .utils import ANY

if TYPE_CHECKING:
    from aiohttp import ClientConnectionError
    from typing_extensions import Self

    from ...errors import UnmatchedRequestError
    from ...journal.request import AiointerceptRequest
    from ...loopback.link import Call
    from ...routing.explain import Unmatched
    from ...routing.route import Asked, Reply
    from ...routing.urls import Origin

__all__ = (
    "ANY",
    "ClientRequest",
    "ClientSession",
    "NoRouteFoundError",
    "RawResponse",
    "ResponsesMockServer",
    "Route",
    "RoutingLog",
    "StreamResponse",
    "TCPConnector",
    "UnorderedRouteCallError",
    "UnusedRouteError",
    "aresponses",
)


class ResponsesMockServer(Asserting, BaseTestServer):
    """A server in the place of every host that code under test asks through aiohttp.

    Use it with ``async with``; routes may be added before and inside. It is a ``BaseTestServer``
    that listens only if it is asked for its ``port`` or a URL.

    Args:
        scheme: taken, and without effect, as are the others.
        host: taken, and without effect.
        **ignored: the further arguments of an ``aiohttp.test_utils.BaseTestServer``: ``loop=``,
            ``port=`` and so on.
    """

    ANY: Final = ANY
    Response = Response
    RawResponse = RawResponse
    INFINITY: Final = math.inf
    LOCALHOST: Final = re.compile(r"127\.0\.0\.1:?\d{0,5}")

    def __init__(self, *, scheme: Any = "", host: str = "127.0.0.1", **ignored: Any) -> None:
        self._history = []
        self._interceptor = _Interceptor(self._history)
        super().__init__(scheme=scheme, host=host, **ignored)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def start(self) -> None:
        """Begin to intercept, as ``async with`` does."""
        self._interceptor.open()
        injection.attach(self._interceptor, "process")
        self.host, self.scheme, self._closed = LOCALHOST, "http", False

    def stop(self) -> Awaitable[None]:
        """Stop intercepting, at once; awaiting the result sees cancelled replies end."""
        # The routes and the requests stay: many suites assert behind the block.
        injection.detach(self._interceptor)
        self._closed = True
        return self._interceptor.close()

    async def start_server(self, loop: Any = None, **ignored: Any) -> None:
        """Begin to intercept, unless that has begun."""
        if not self._interceptor.is_open:
            self.start()

    async def close(self) -> None:
        """Stop intercepting."""
        await self.stop()

    async def _make_runner(self, **ignored: Any) -> NoReturn:
        raise NotImplementedError("there is no runner: requests are answered without a server")

    @property
    def started(self) -> bool:
        """Whether the server has begun to intercept."""
        return self._interceptor.is_open or self.closed

    def add(
        self,
        host_pattern: Pattern = ANY,
        path_pattern: Pattern = ANY,
        method_pattern: Pattern = ANY,
        response: Any = "",
        *,
        route: Route | None = None,
        body_pattern: Pattern = ANY,
        match_querystring: bool = False,
        repeat: float = 1,
    ) -> None:
        """Add a route; of several that fit a request, the one that was added first answers.

        Args:
            host_pattern: the host, with its port unless that is the usual one, as text, or an
                expression that is searched for in it, as in the others.
            path_pattern: the path, decoded; with *match_querystring* as it is sent, with its query.
            method_pattern: the HTTP method; an expression sees it in lower case.
            response: a response; text; a dict or list, sent as JSON; a function of the request,
                plain or async, that returns one of these; or this server's ``passthrough``.
            route: a route of the test's own making, in place of all but *response*.
            body_pattern: the body as text.
            match_querystring: whether the query is looked at.
            repeat: how many requests are answered; ``INFINITY`` for any number.
        """
        if route is None:
            route = Route(
                method_pattern=_lower(method_pattern),
                host_pattern=_lower(host_pattern),
                path_pattern=path_pattern,
                body_pattern=body_pattern,
                match_querystring=match_querystring,
                repeat=repeat,
            )
        # That of a subclass is a function like any other.
        theirs = type(self).passthrough is not ResponsesMockServer.passthrough
        passes = response == self.passthrough and not theirs
        history = self._history
        answer = Passing(route, history) if passes else Answer(route, response, history)
        self._interceptor.registry.add(core_route(route, answer, caller()))

    def add_local_passthrough(self, repeat: float = INFINITY) -> None:
        """Add a route that lets requests to ``127.0.0.1`` through to their real server."""
        self.add(host_pattern=self.LOCALHOST, repeat=repeat, response=self.passthrough)

    async def passthrough(self, request: AiointerceptRequest) -> StreamResponse:
        """Answer *request* with what its real host answers."""
        return await request.real_host.pass_through()

    @property
    def port(self) -> int | None:
        """The port of ``make_url``, bound when asked for; None if the server is not active."""
        return self._interceptor.listener.port if self._interceptor.is_open else None

    @port.setter
    def port(self, port: int | None) -> None:
        """Leave it to the machine, whatever *port* is asked for."""

    def make_url(self, path: str | URL) -> URL:
        """Return the URL of *path* for clients of every kind: a real server, bound when asked for.

        Raises:
            RuntimeError: the server is not active.
        """
        if not self._interceptor.is_open:
            raise RuntimeError("make_url: the server is not active: use `async with` first.")
        return URL.build(scheme="http", host=LOCALHOST, port=self.port).join(URL(path))


def _lower(pattern: Pattern) -> Pattern:
    return pattern.lower() if isinstance(pattern, str) else pattern


class _Interceptor(Interceptor):
    """Claims every request, but for those to servers of this machine that no route names.

    Args:
        history: where a request is put that meets no route.
    """

    def __init__(self, history: list[RoutingLog]) -> None:
        super().__init__()
        self._history = history

    def claims(self, asked: Asked) -> bool:
        return super().claims(asked) or not self.may_pass(asked, {}, None, (self,))

    def answer(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        ServedRequest.of(request)
        return super().answer(request, call)

    def call_broke(self, call: Call) -> None:
        """Leave it: when aiohttp sends the call again, that is another request of the plan."""

    def stands_for(self, origin: Origin) -> bool:
        if super().stands_for(origin):
            return True
        host = host_of(origin)
        return any(names_host(route_of(route), host) for route in self.registry)

    def _unmatched(self, request: AiointerceptRequest, asked: Asked) -> UnmatchedRequestError:
        self._history.append(RoutingLog(request, None, None))
        return super()._unmatched(request, asked)

    def explain(self, request: AiointerceptRequest, asked: Asked) -> Unmatched:
        # Imported at its use, as in the interceptor of every mock.
        from .explaining import UnmatchedHere

        return UnmatchedHere(asked, request, self.registry, self.registry.state)

    def refusal(self, error: ClientConnectionError, asked: Asked) -> Reply:
        return as_reply((500, str(error)))


@pytest.fixture
def aresponses() -> Iterator[ResponsesMockServer]:
    """Return a server that is active while the test runs; it needs no plugin for asyncio."""
    server = ResponsesMockServer()
    server.start()
    yield server
    server.stop()
