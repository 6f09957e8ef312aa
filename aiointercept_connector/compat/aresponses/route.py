"""A route: what may be asked, by patterns or by a ``matches`` of the user's own."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs
from yarl import URL

from ...routing import route as core
from ...routing.matchers import Match, Matcher
from ...routing.target import UrlTest
from ...routing.urls import Origin
from ...routing.values import is_pattern
from .utils import ANY, _text_matches_pattern

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest

__all__ = ("Pattern", "Route", "core_route", "host_of", "names_host")

Pattern = str | re.Pattern[str]
_DEFAULT_PORTS = {False: 80, True: 443}


class Route:
    """What a request must have; text must be equal, an expression must be found.

    A subclass may say so itself, in ``async def matches(self, request)``.

    Args:
        method_pattern: the HTTP method, lower case.
        host_pattern: the ``Host`` header: the host, with its port unless that is the usual one.
        path_pattern: the path, decoded; with *match_querystring*, as it is sent, with its query.
        body_pattern: the body as text.
        match_querystring: whether the query is looked at.
        repeat: how many requests are answered; ``math.inf`` for any number.
    """

    # A subclass need not call `__init__`.
    method_pattern: Pattern = ANY
    host_pattern: Pattern = ANY
    path_pattern: Pattern = ANY
    body_pattern: Pattern = ANY
    match_querystring: bool = False
    repeat: float = 1

    def __init__(
        self,
        method_pattern: Pattern = ANY,
        host_pattern: Pattern = ANY,
        path_pattern: Pattern = ANY,
        body_pattern: Pattern = ANY,
        match_querystring: bool = False,
        repeat: float = 1,
    ) -> None:
        self.method_pattern = method_pattern
        self.host_pattern = host_pattern
        self.path_pattern = path_pattern
        self.body_pattern = body_pattern
        self.match_querystring = match_querystring
        self.repeat = repeat

    async def matches(self, request: BaseRequest) -> bool:
        """Tell whether *request* is for this route."""
        path = request.path_qs if self.match_querystring else request.path
        return (
            _text_matches_pattern(self.host_pattern, request.host)
            and _text_matches_pattern(self.path_pattern, path)
            and self.fits_method(request)
            and (
                self.body_pattern == ANY
                or _text_matches_pattern(self.body_pattern, await request.text())
            )
        )

    def fits_path(self, url: URL) -> bool:
        """Tell whether the path of *url* is one of those that this route is for."""
        path = url.raw_path_qs if self.match_querystring else url.path
        return _text_matches_pattern(self.path_pattern, path)

    def fits_method(self, request: BaseRequest) -> bool:
        """Tell whether *request* has the method of this route."""
        return _text_matches_pattern(self.method_pattern, request.method.lower())

    def __str__(self) -> str:
        return (
            f"method={self.method_pattern} host_pattern={self.host_pattern} "
            f"path={self.path_pattern} body={self.body_pattern} "
            f"match_querystring={self.match_querystring}"
        )

    def __repr__(self) -> str:
        return (
            f"Route(method={self.method_pattern!r}, host_pattern={self.host_pattern!r}, "
            f"path={self.path_pattern!r}, body={self.body_pattern!r}, "
            f"match_querystring={self.match_querystring!r})"
        )


def core_route(route: Any, reply: core.Reply, registered_at: str | None) -> core.Route:
    """Return the route of the registry that answers what *route* is for with *reply*.

    Anything that has an ``async def matches(self, request)`` is a route.
    """
    is_custom = getattr(route.matches, "__func__", None) is not Route.matches
    text = f"{_shown(_host_pattern(route))} {_shown(getattr(route, 'path_pattern', ANY))}"
    return core.Route(
        _method(route, is_custom=is_custom),
        UrlTest(_any_url if is_custom else route.fits_path, text),
        reply,
        match=Match(predicate=route.matches) if is_custom else _conditions(route),
        repeat=_answers(getattr(route, "repeat", 1)),
        registered_at=registered_at,
    )


def names_host(route: Any, host: str) -> bool:
    """Tell whether *route* is for *host*, with its port, and not for any."""
    pattern = _host_pattern(route)
    return pattern != ANY and _text_matches_pattern(pattern, host)


def _host_pattern(route: Any) -> Pattern:
    """Return what *route* says of the hosts that it is for."""
    pattern: Pattern = getattr(route, "host_pattern", ANY)
    return pattern


def host_of(origin: Origin) -> str:
    """Return the host of *origin* as a ``Host`` header has it."""
    secure, host, port = origin
    host = f"[{host}]" if ":" in host else host
    return host if port == _DEFAULT_PORTS[secure] else f"{host}:{port}"


def _any_url(_: URL) -> bool:
    return True


def _shown(pattern: Any) -> str:
    return f"re.compile({pattern.pattern!r})" if is_pattern(pattern) else str(pattern)


def _method(route: Route, *, is_custom: bool) -> str:
    if is_custom or not isinstance(route.method_pattern, str):
        return core.ANY_METHOD
    return route.method_pattern


def _conditions(route: Route) -> Matcher | None:
    """Return what a request must have beside its path, and its method where that is a text."""
    given: dict[str, Any] = {}
    if route.host_pattern != ANY:
        given["headers"] = {hdrs.HOST: route.host_pattern}
    if route.method_pattern != ANY and not isinstance(route.method_pattern, str):
        given["predicate"] = route.fits_method
    if route.body_pattern != ANY:
        given["body"] = route.body_pattern
    return Match(**given) if given else None


def _answers(repeat: float) -> bool | int:
    """Return *repeat* as a route has it; what is below 1 is used once, as in aresponses."""
    return True if repeat == math.inf else max(math.ceil(repeat), 1)
