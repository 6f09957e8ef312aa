"""Why a request met no route, for the reader of the error.

The routes nearest to the request are laid beside it, field by field. Nothing is worked out before
somebody reads it, and the text is bounded however large the request or the registry is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from .matchers import Finding
from .reading import described_body
from .route import ANY_METHOD, Route
from .target import Asked, HostGlob, UrlTarget
from .urls import Origin
from .values import shortened

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest

__all__ = ("NearMiss", "Unmatched")

_NEAREST = 3
_COMPARED = 20
# Of characters: a line, a method, a URL to be pasted. Of bytes: all the nearest routes together.
_LINE = 240
_METHOD = 40
_URL = 1000
_SHOWN = 2300
# A body of more bytes is not asked for what a route of some other URL wants of it.
_LARGE = 100_000
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
        return "\n".join(_cut(line) for line in lines)


class Unmatched:
    """What there is to say of a request that met no route.

    Args:
        asked: its method and URL.
        request: its record.
        routes: the routes it could have met.
        state: the state that their scenarios were in.
    """

    def __init__(
        self,
        asked: Asked,
        request: AiointerceptRequest,
        routes: Iterable[Route],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._asked = asked
        self._request = request
        self._routes = tuple(routes)
        self._state = dict(state or {})

    @cached_property
    def near_misses(self) -> tuple[NearMiss, ...]:
        """The routes nearest to the request, the nearest first."""
        asked = self._asked
        nearest = heapq.nsmallest(
            _COMPARED, self._routes, key=lambda route: _distance(route, asked)
        )
        misses = [NearMiss(route, tuple(self._findings(route))) for route in nearest]
        return tuple(sorted(misses, key=lambda miss: miss.failed))

    def _findings(self, route: Route) -> Iterator[Finding]:
        """Lay the request beside the route, field by field."""
        url_findings = tuple(_url_findings(route, self._asked))
        yield from url_findings
        if route.match is not None:
            body = self._request.captured_body or b""
            if self._request.cut and route.match.reads_body:
                text = f"not compared: {self._request.cut}"
                yield Finding("match", holds=False, details=(text,))
            elif len(body) > _LARGE and not all(finding.holds for finding in url_findings):
                yield Finding("match", holds=False, details=("not compared, for the body's size",))
            else:
                yield from _match_findings(route, self._request)
        if route.when is not None:
            name, wanted = route.when
            came = self._state.get(name)
            expected = f"expected {name!r} to be {shortened(wanted)}, it was {shortened(came)}"
            yield Finding("state", came == wanted, (expected,))
        if route.used_up:
            yield Finding("repeat", holds=False, details=(_used_up(route),))

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        what = f"{_cut(self._asked.method, _METHOD)} {_cut(str(self._asked.url))}"
        lines = [
            f"{what} met no route of the mock, and is not allowed to reach the network.",
            f"It had {_cut(described_body(self._request))}.",
            *self._nearest(),
            f"To answer it: {self.registration()}",
        ]
        return "\n".join(lines)

    def registration(self) -> str:
        """Return the line of Python that would register a route for the request."""
        return _registration(self._asked)

    def _nearest(self) -> Iterator[str]:
        shown = self.near_misses[:_NEAREST]
        if not shown:
            yield "No routes are registered."
            return
        others = f" (of {len(self._routes)})" if len(self._routes) > len(shown) else ""
        yield f"Nearest routes{others}:"
        for number, miss in enumerate(shown, 1):
            first, *rest = str(miss).splitlines()
            lines = [f"  {number}. {first}", *(f"  {line}" for line in rest)]
            yield from _fitted(lines, _SHOWN // len(shown))


def _distance(route: Route, asked: Asked) -> tuple[int, int]:
    """Rank a route by what of method and URL differs, then by the common start of the paths."""
    target, key = route.target, asked.key
    distance = int(route.method not in (asked.method, ANY_METHOD))
    if not isinstance(target, UrlTarget):
        return distance + (0 if target.matches(asked) else 5), 0
    if not target.matches_host(key.origin):
        distance += 4
    if target.query is not None and target.query != key.query:
        distance += 1
    if target.matches_path(key.path):
        return distance, 0
    return distance + 3, -_common(target.path_text, key.path)


def _url_findings(route: Route, asked: Asked) -> Iterator[Finding]:
    if route.method != ANY_METHOD:
        yield _finding("method", route.method, asked.method, route.method == asked.method)
    target, key = route.target, asked.key
    if isinstance(target, UrlTarget):
        if target.host is not None:
            fits = target.matches_host(key.origin)
            yield _finding("host", _origin(target.host), _origin(key.origin), fits)
        yield _finding("path", target.path_text, key.path, target.matches_path(key.path))
        if target.query is not None:
            query, came = _query(target.query), _query(key.query)
            yield _finding("query", query, came, target.query == key.query)
    else:
        yield _finding("url", f"a match of {target}", str(asked.url), target.matches(asked))


def _match_findings(route: Route, request: AiointerceptRequest) -> Iterator[Finding]:
    match = route.match
    if match is None:
        return
    if match.is_async:
        yield Finding("match", holds=False, details=(f"{match!r} did not hold",))
        return
    try:
        yield from match.findings(request)
    except Exception as exc:  # noqa: BLE001 - a predicate's own; the message must not fail by it
        yield Finding("match", holds=False, details=(f"raised {exc!r}",))


def _used_up(route: Route) -> str:
    if not route.call_count:
        return "used up, it was to answer no request"
    answered = "once" if route.call_count == 1 else f"{route.call_count} times"
    return f"used up, it has answered {answered}"


def _finding(field: str, expected: str, came: str, holds: bool) -> Finding:
    return Finding(field, holds, () if holds else _compared(expected, came))


def _compared(expected: str, came: str) -> tuple[str, ...]:
    """Show both; where they are long, each on a line, from a little before they part."""
    if len(expected) + len(came) <= _LINE - 50:
        return (f"expected {expected}, got {came}",)
    start = max(0, _common(expected, came) - 20)
    lead = "…" if start else ""
    return "expected", *(_cut(f"{lead}{text[start:]}") for text in (expected, came))


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginnings."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _origin(origin: Origin | HostGlob) -> str:
    scheme, default = ("https", 443) if origin.secure else ("http", 80)
    host = origin.glob if isinstance(origin, HostGlob) else origin.host
    return f"{scheme}://{host}" + ("" if origin.port == default else f":{origin.port}")


def _query(query: tuple[tuple[str, str], ...]) -> str:
    return "&".join(f"{name}={value}" for name, value in islice(query, 20)) or "none"


def _registration(asked: Asked) -> str:
    verb, url = asked.method.lower(), _cut(str(asked.url), _URL)
    if verb in _VERBS:
        return f"mock.{verb}({url!r})"
    return f"mock.add({url!r}, {_cut(asked.method, _METHOD)!r})"


def _fitted(lines: list[str], size: int) -> Iterator[str]:
    """Return as many of *lines* as go into *size* bytes, and say how many do not."""
    for number, line in enumerate(lines):
        size -= len(line.encode(errors="replace"))
        if size < 0:
            yield f"     … and {len(lines) - number} more lines"
            return
        yield line


def _cut(text: str, length: int = _LINE) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
