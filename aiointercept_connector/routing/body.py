"""Whether the body of a request is to be read before a route is taken for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest
    from .route import Route

__all__ = ("body_comes_first",)


def body_comes_first(routes: Iterable[Route], request: AiointerceptRequest) -> bool:
    """Tell whether a body is to be read before one of *routes* is taken.

    A route of ``read_body=False`` is given its requests while they arrive, unless one that is tried
    before it has to see the body to say whether it answers.

    Args:
        routes: what could answer, in the order in which to try them.
        request: the request; all but its body has arrived.
    """
    candidates = list(routes)
    if all(_reads_body(route) for route in candidates):
        return True
    for route in candidates:
        if route.match is not None and route.match.reads_body:
            return True
        if _fits(route, request):
            return _reads_body(route)
    return True


def _reads_body(route: Route) -> bool:
    return getattr(route.reply, "reads_body", True)


def _fits(route: Route, request: AiointerceptRequest) -> bool:
    """Tell whether *route* answers, as far as that is known now."""
    if route.match is None or route.match.is_async:
        return True
    try:
        return route.match.matches(request)
    except Exception:  # noqa: BLE001 - a predicate's own: it is raised when the route is taken
        return True
