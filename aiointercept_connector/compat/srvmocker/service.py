"""``start_service``: a server on this machine, whose routes answer with what is registered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, NoReturn
from unittest.mock import ANY

from aiohttp.web import UrlDispatcher
from yarl import URL

from ...arguments import caller
from ...interceptor import Interceptor
from ...loopback.server import LOCALHOST
from ...mock import aiointercept
from ...replies.reply import BaseReply
from ...replies.static import static_reply
from ...routing.route import ANY_METHOD
from .handlers import NO_MATCH, answer
from .matching import as_matcher
from .models import MockRoute, MockService

if TYPE_CHECKING:
    from aiohttp import ClientConnectionError
    from aiohttp.web import StreamResponse

    from ...journal.request import AiointerceptRequest
    from ...routing.route import Asked, Reply

__all__ = ("start_service",)


@asynccontextmanager
async def start_service(
    routes: Iterable[MockRoute], *, ssl_context: SSLContext | None = None
) -> AsyncGenerator[MockService, None]:
    """Run a server on this machine while the block lasts, on the loop that runs here.

    Args:
        routes: what it answers.
        ssl_context: what clients shake hands with, if it is to be reached by https.

    Raises:
        ValueError: a method or a path is none.
        RuntimeError: a route comes behind one for every method of its path.

    Example:
        >>> async with start_service([MockRoute("GET", "/x", "ok")]) as service:
        ...     service.register("ok", JsonResponse({"ok": True}))
    """
    known = list(routes)
    _check(known)
    where = caller(beyond=("contextlib",))
    async with _Mock() as mock:
        names = frozenset(route.handler_name for route in known)
        service = MockService([], defaultdict(list), URL(), {}, names, mock)
        for route in _reachable(known):
            added = mock.add(
                route.path,
                route.method,
                reply=_Registered(service, route.handler_name),
                repeat=True,
                params=ANY,
                match=None if route.match is None else as_matcher(route.match),
                name=route.handler_name,
            )
            added.registered_at = where
        port = await mock.interceptor.listen(ssl_context)
        scheme = "http" if ssl_context is None else "https"
        service.set_url(URL.build(scheme=scheme, host=LOCALHOST, port=port))
        yield service


def _check(routes: Iterable[MockRoute]) -> None:
    """Raise for what aiohttp's own router takes for a mistake, in its words."""
    router = UrlDispatcher()
    for method, path in dict.fromkeys((route.method, route.path) for route in routes):
        router.add_route(method, path, _nobody)


async def _nobody(_: Any) -> NoReturn:
    raise NotImplementedError


def _reachable(routes: Iterable[MockRoute]) -> Iterator[MockRoute]:
    """Return the routes that can answer, in the order in which aiohttp's router tries them.

    Of templates it tries the one with the longest beginning first.
    """
    earlier: list[MockRoute] = []
    for route in sorted(routes, key=lambda route: -len(route.path.partition("{")[0])):
        if not any(_hides(one, route) for one in earlier):
            yield route
        earlier.append(route)


def _hides(one: MockRoute, later: MockRoute) -> bool:
    same = one.path == later.path and one.method in (later.method, ANY_METHOD)
    return same and (one.match is None or one.match == later.match)


class _Registered(BaseReply):
    """Answers with what is registered for a name when it is asked."""

    __slots__ = ("_name", "_service")

    def __init__(self, service: MockService, name: str) -> None:
        self._service = service
        self._name = name

    async def __call__(self, request: AiointerceptRequest) -> StreamResponse:
        """Put *request* into the history, and answer it.

        Raises:
            MissingResponseError: nothing is registered.
        """
        return await answer(self._service, request, request.captured_body or b"", self._name)

    def __repr__(self) -> str:
        return f"<what is registered for {self._name!r}>"


class _Mock(aiointercept):
    """The mock of this library that a server is made of."""

    def _new_interceptor(self) -> Interceptor:
        return _Interceptor()


class _Interceptor(Interceptor):
    """Refuses what no route answers with the status that aiohttp's router gives."""

    def refusal(self, error: ClientConnectionError, asked: Asked) -> Reply:
        methods = {route.method for route in self.registry if route.target.matches(asked)}
        how: dict[str, Any] = {"status": 404}
        if methods & {asked.method, ANY_METHOD}:
            how["reason"] = NO_MATCH
        elif methods:
            how = {"status": 405, "headers": {"Allow": ",".join(sorted(methods))}}
        return static_reply(body=str(error), content_type="text/plain; charset=utf-8", **how)
