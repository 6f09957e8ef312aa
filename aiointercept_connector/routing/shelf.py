"""A shelf: the routes of one target, in the order in which they are tried."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from .route import ANY_METHOD, Route
from .target import Target

__all__ = ("Shelf", "alike")

_rank = attrgetter("rank")


class Shelf:
    """The routes of one target that are not used up, for methods of every kind.

    Routes are put in and taken out under the registry's lock; ``routes`` may be read without it.

    Attributes:
        target: what URLs they are for.
        order: tells which of two targets was registered first.
        routes: the routes; a new tuple whenever they change.
    """

    __slots__ = ("endless", "order", "routes", "target")

    def __init__(self, target: Target, order: int) -> None:
        self.target = target
        self.order = order
        self.routes: tuple[Route, ...] = ()
        self.endless: list[Route] = []

    def for_method(self, method: str) -> Sequence[Route]:
        """Return the routes that a request with *method* may meet, in order."""
        routes, methods = self.routes, (method, ANY_METHOD)
        if len(routes) == 1:  # as most often
            return routes if routes[0].method in methods else ()
        return [route for route in routes if route.method in methods]

    def put(self, route: Route) -> None:
        """Put *route* in its place."""
        # Most often this is the last, which saves the search.
        last = not self.routes or self.routes[-1].rank <= route.rank
        place = len(self.routes) if last else bisect_right(self.routes, route.rank, key=_rank)
        self.routes = (*self.routes[:place], route, *self.routes[place:])
        if route.endless:
            self.endless.append(route)

    def remove(self, route: Route) -> None:
        """Take *route* away, if it is there."""
        if route not in self.routes:
            return
        place = self.routes.index(route)
        self.routes = self.routes[:place] + self.routes[place + 1 :]
        if route.endless:
            self.endless.remove(route)

    def replaced_by(self, route: Route) -> Route | None:
        """Return the endless route whose place *route*, which is new, is to take."""
        if not route.endless:
            return None
        return next((one for one in self.endless if alike(one, route)), None)

    def hiding(self, route: Route) -> Route | None:
        """Return a route that would answer whatever *route*, which is new, could, and before it."""
        return next((one for one in self.endless if _hides(one, route)), None)


def alike(one: Route, other: Route) -> bool:
    """Tell whether two routes of one shelf answer the same requests, with the same priority."""
    return (one.method, one.match, one.when, one.priority) == (
        other.method,
        other.match,
        other.when,
        other.priority,
    )


def _hides(one: Route, other: Route) -> bool:
    return (
        one.rank <= other.rank
        and one.method in (other.method, ANY_METHOD)
        and (one.match is None or one.match == other.match)
        and (one.when is None or one.when == other.when)
    )
