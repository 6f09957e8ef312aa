"""Why a request met no route, for the reader of the error."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from .registry import Registry
from .route import Asked, ExactUrl, PathOnly, Route

__all__ = ("explain_unmatched",)

_NEAREST = 3
_SHOWN = 300


def explain_unmatched(asked: Asked, registry: Registry) -> str:
    """Return the message of the error for a request that no route answers."""
    lines = [
        f"{asked.method} {_short(asked.url)} met no route of the mock, "
        "and is not allowed to reach the network."
    ]
    nearest = heapq.nsmallest(_NEAREST, registry, key=lambda route: _distance(route, asked))
    if nearest:
        lines.append("Nearest routes:" if len(registry) > 1 else "The only route:")
        lines += [f"  - {_short(route)}{_where(route)}: {_why(route, asked)}" for route in nearest]
    else:
        lines.append("No routes are registered.")
    lines.append(f"To answer it: {_registration(asked)}")
    return "\n".join(lines)


def _why(route: Route, asked: Asked) -> str:
    differences = list(_differences(route, asked))
    if differences:
        return "; ".join(differences)
    times = "once" if route.call_count == 1 else f"{route.call_count} times"
    return f"used up, it has answered {times} (repeat=True answers for ever)"


def _differences(route: Route, asked: Asked) -> Iterator[str]:
    """Say what of the request is not as the route has it, the most telling part first."""
    target, key = route.target, asked.key
    if isinstance(target, ExactUrl):
        wanted = target.key
        if wanted.origin.host != key.origin.host:
            yield f"the host is {_short(wanted.origin.host)}"
        if wanted.origin.secure != key.origin.secure:
            yield f"it is {'https' if wanted.origin.secure else 'http'}"
        elif wanted.origin.port != key.origin.port:
            yield f"the port is {wanted.origin.port}"
        yield from _path_differences(wanted.path, wanted.query, asked)
    elif isinstance(target, PathOnly):
        yield from _path_differences(target.path, target.query, asked)
    elif not target.matches(asked):
        yield "the expression does not match the URL"
    if route.method != asked.method:
        yield f"the method is {route.method}"


def _path_differences(path: str, query: tuple[tuple[str, str], ...], asked: Asked) -> Iterator[str]:
    if path != asked.key.path:
        yield f"the path is {_short(path)}"
    if query != asked.key.query:
        yield f"the query is {_short(_query_text(query))}, not {_short(_query_text(asked.key.query))}"


def _query_text(query: tuple[tuple[str, str], ...]) -> str:
    return "&".join(f"{name}={value}" for name, value in query) or "empty"


def _distance(route: Route, asked: Asked) -> tuple[int, int]:
    """Rank a route: fewest differences first, then the longest common start of the path."""
    path = getattr(getattr(route.target, "key", route.target), "path", "")
    common = sum(1 for _ in _common_start(path, asked.key.path))
    return sum(1 for _ in _differences(route, asked)), -common


def _common_start(one: str, other: str) -> Iterator[str]:
    for left, right in zip(one, other):
        if left != right:
            return
        yield left


def _where(route: Route) -> str:
    return f" ({route.registered_at})" if route.registered_at else ""


def _registration(asked: Asked) -> str:
    verb = asked.method.lower()
    url = f'"{_short(asked.url)}"'
    if verb in {"get", "post", "put", "patch", "delete", "head", "options"}:
        return f"mock.{verb}({url}, json={{...}})"
    return f'mock.add({url}, "{asked.method}", json={{...}})'


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
