"""The registry: finds the route for a request, in a dictionary lookup where it can.

Live routes stand on *shelves*, one for each method and URL; all patterns of a method share one.
Two rules decide who answers. Between shelves: an exact URL before a path on any host before a
pattern. On a shelf: higher ``priority`` first, then order of registration; a route that is used
up leaves the shelf and so gives way to the next.

Asking (``find``) never consumes. ``take`` is the one step that does, under a lock, so that no two
requests can share a route's last answer.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator

from .route import Asked, ExactUrl, PathOnly, Route, Target
from .urls import Origin

__all__ = ("Registry",)


class Registry:
    """The routes of one mock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._routes: dict[int, Route] = {}
        self._registered = 0
        self._shelves: dict[Hashable, list[Route]] = {}
        self._endless: dict[tuple[str, Target], list[Route]] = {}
        self._origins: set[Origin] = set()

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[Route]:
        """Iterate over every route, used up or not, in order of registration."""
        return iter(tuple(self._routes.values()))

    def __repr__(self) -> str:
        used_up = sum(route.used_up for route in self)
        return f"<Registry {len(self)} routes, {used_up} used up>"

    def add(self, route: Route) -> None:
        """Register *route*.

        An endless route takes the place of an earlier endless one of the same URL and priority.

        Raises:
            ValueError: an endless route of the same URL stands before it, so that it could
                never answer.
        """
        with self._lock:
            endless = self._endless.get((route.method, route.target), [])
            hiding = next((one for one in endless if one.priority >= route.priority), None)
            if hiding is not None:
                if not (route.endless and route.priority == hiding.priority):
                    raise ValueError(_unreachable(route, hiding))
                self._remove(hiding)
            self._place(route)

    def _remove(self, route: Route) -> None:
        del self._routes[route.order]
        self._shelves[_shelf_key(route)].remove(route)
        self._endless[route.method, route.target].remove(route)

    def _place(self, route: Route) -> None:
        route.order = self._registered
        self._registered += 1
        self._routes[route.order] = route
        if route.endless:
            self._endless.setdefault((route.method, route.target), []).append(route)
        shelf = self._shelves.setdefault(_shelf_key(route), [])
        shelf.append(route)
        if len(shelf) > 1 and shelf[-2].priority < route.priority:
            shelf.sort(key=lambda one: (-one.priority, one.order))
        if isinstance(route.target, ExactUrl):
            self._origins.add(route.target.key.origin)

    def clear(self) -> None:
        """Forget every route."""
        with self._lock:
            self._routes.clear()
            self._shelves.clear()
            self._endless.clear()
            self._origins.clear()

    def names(self, origin: Origin) -> bool:
        """Tell whether the URL of any route, used up or not, is at this very origin."""
        return origin in self._origins

    def find(self, asked: Asked) -> Route | None:
        """Return the route that would answer, without using it."""
        with self._lock:
            return self._search(asked)

    def take(self, asked: Asked) -> Route | None:
        """Return the route that answers, used once."""
        with self._lock:
            route = self._search(asked)
            if route is not None and not route.endless:
                route.spend()
                if route.used_up:
                    self._shelves[_shelf_key(route)].remove(route)
            return route

    def _search(self, asked: Asked) -> Route | None:
        shelves = self._shelves
        method, key = asked.method, asked.key
        shelf = shelves.get((method, key)) or shelves.get((method, key.path, key.query))
        if shelf:
            return shelf[0]
        for route in shelves.get(method, ()):
            if route.target.matches(asked):
                return route
        return None


def _shelf_key(route: Route) -> Hashable:
    """Return where the route stands; what ``_search`` looks up."""
    target = route.target
    if isinstance(target, ExactUrl):
        return route.method, target.key
    if isinstance(target, PathOnly):
        return route.method, target.path, target.query
    return route.method


def _unreachable(route: Route, endless: Route) -> str:
    where = f", registered at {endless.registered_at}," if endless.registered_at else ""
    return (
        f"{route} could never answer: {endless!r}{where} stands before it and answers for ever. "
        f"Give the new route a higher priority= to let it answer first, or repeat=True to "
        f"replace the other."
    )
