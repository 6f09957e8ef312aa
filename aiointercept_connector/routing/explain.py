"""Why a request met no route, for the reader of the error.

The routes nearest to the request are laid beside it, field by field. Nothing is worked out before
somebody reads it, and the text is bounded however large the request or the registry is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from os.path import commonprefix
from typing import TYPE_CHECKING

from .matchers import Finding
from .route import ANY_METHOD, Route
from .target import Asked, HostGlob, PathTemplate, UrlPattern, UrlTarget
from .urls import Origin
from .values import shortened

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest

__all__ = ("NearMiss", "Unmatched")

_NEAREST = 3
_COMPARED = 20
_LINE = 240
_URL = 1000
_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})


@dataclass(frozen=True)
class NearMiss:
    """A route that did not answer, and what of the request was not as it has it.

    Attributes:
        route: the route.
        findings: one for each field that the route speaks of; those that do not hold say why.
    """

    route: Route
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> int:
        """How many fields were not as the route has them."""
        return sum(not finding.holds for finding in self.findings)

    def __str__(self) -> str:
        where = f", registered at {self.route.registered_at}" if self.route.registered_at else ""
        lines = [f"{self.route}{where}"]
        for finding in self.findings:
            lines += [f"   {line}" for line in str(finding).splitlines()]
        return "\n".join(line if len(line) <= _LINE else f"{line[: _LINE - 1]}…" for line in lines)


class Unmatched:
    """What there is to say of a request that met no route."""

    def __init__(
        self, asked: Asked, request: AiointerceptRequest, routes: Iterable[Route]
    ) -> None:
        self._asked = asked
        self._request = request
        self._routes = tuple(routes)

    @cached_property
    def near_misses(self) -> tuple[NearMiss, ...]:
        """The routes nearest to the request, the nearest first."""
        nearest = heapq.nsmallest(
            _COMPARED, self._routes, key=lambda route: _distance(route, self._asked)
        )
        misses = [
            NearMiss(route, tuple(_findings(route, self._asked, self._request)))
            for route in nearest
        ]
        return tuple(sorted(misses, key=lambda miss: miss.failed))

    @cached_property
    def _text(self) -> str:
        lines = [
            f"{self._asked.method} {_cut(str(self._asked.url))} met no route of the mock, "
            f"and is not allowed to reach the network.",
            f"It had {_body(self._request)}.",
        ]
        shown = self.near_misses[:_NEAREST]
        if shown:
            more = len(self._routes) - len(shown)
            others = f" (of {len(self._routes)})" if more else ""
            lines.append(f"Nearest routes{others}:")
        else:
            lines.append("No routes are registered.")
        for number, miss in enumerate(shown, 1):
            first, *rest = str(miss).splitlines()
            lines += [f"  {number}. {first}", *(f"  {line}" for line in rest)]
        lines.append(f"To answer it: {_registration(self._asked)}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self._text


def _distance(route: Route, asked: Asked) -> tuple[int, int]:
    """Rank a route by what of method and URL differs, then by the common start of the paths."""
    target, key = route.target, asked.key
    wrong_method = route.method not in (asked.method, ANY_METHOD)
    if isinstance(target, UrlPattern):
        return (wrong_method + (0 if target.matches(asked) else 5)), 0
    distance = wrong_method
    if not target.matches_host(key.origin):
        distance += 4
    if target.query is not None and target.query != key.query:
        distance += 1
    if target.matches_path(key.path):
        return distance, 0
    path = target.path.text if isinstance(target.path, PathTemplate) else target.path
    return distance + 3, -len(commonprefix((path, key.path)))


def _findings(route: Route, asked: Asked, request: AiointerceptRequest) -> Iterator[Finding]:
    """Lay the request beside the route, field by field."""
    if route.method != ANY_METHOD:
        yield _finding("method", route.method, asked.method, route.method == asked.method)
    target, key = route.target, asked.key
    if isinstance(target, UrlTarget):
        if target.host is not None:
            fits = target.matches_host(key.origin)
            yield _finding("host", _origin(target.host), _origin(key.origin), fits)
        path = target.path.text if isinstance(target.path, PathTemplate) else target.path
        yield _finding("path", path, key.path, target.matches_path(key.path))
        if target.query is not None:
            query, came = _query(target.query), _query(key.query)
            yield _finding("query", query, came, target.query == key.query)
    else:
        yield _finding("url", f"a match of {target}", str(asked.url), target.matches(asked))
    if route.match is not None:
        yield from _match_findings(route, request)
    if route.used_up:
        answered = "once" if route.call_count == 1 else f"{route.call_count} times"
        yield Finding("repeat", holds=False, details=(f"used up, it has answered {answered}",))


def _match_findings(route: Route, request: AiointerceptRequest) -> Iterator[Finding]:
    assert route.match is not None
    if route.match.is_async:
        yield Finding("match", holds=False, details=(f"{route.match!r} did not hold",))
        return
    try:
        yield from route.match.findings(request)
    except Exception as exc:  # noqa: BLE001 - a predicate's own; the message must not fail by it
        yield Finding("match", holds=False, details=(f"raised {exc!r}",))


def _finding(field: str, expected: str, came: str, holds: bool) -> Finding:
    details = () if holds else (f"expected {_cut(expected)}, got {_cut(came)}",)
    return Finding(field, holds, details)


def _origin(origin: Origin | HostGlob) -> str:
    scheme, default = ("https", 443) if origin.secure else ("http", 80)
    host = origin.glob if isinstance(origin, HostGlob) else origin.host
    return f"{scheme}://{host}" + ("" if origin.port == default else f":{origin.port}")


def _query(query: tuple[tuple[str, str], ...]) -> str:
    return "&".join(f"{name}={value}" for name, value in islice(query, 20)) or "none"


def _body(request: AiointerceptRequest) -> str:
    body = request.captured_body
    if not body:
        return "no body"
    return f"a body of {request.content_type}, {len(body)} bytes: {shortened(body)}"


def _registration(asked: Asked) -> str:
    verb, url = asked.method.lower(), _cut(str(asked.url), _URL)
    if verb in _VERBS:
        return f"mock.{verb}({url!r})"
    return f"mock.add({url!r}, {asked.method!r})"


def _cut(text: str, length: int = _LINE) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
