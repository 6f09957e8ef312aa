"""The registry: finds the routes for a request, in a dictionary lookup where it can.

Who answers, of the routes that could: higher ``priority`` first; then the more exactly the URL is
given, from an exact one over a path on any host and a template to globs and expressions; then, for
one URL, a route with conditions before its fallback without; then order of registration. A route
that is used up gives way to the next.

Asking (``candidates``) never consumes. ``take`` is the one step that does, under a lock, so that no
two requests can share a route's last answer or a step of a scenario.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

from .route import ANY_METHOD, Route
from .state import State
from .target import Asked, HostGlob, PathTemplate, UrlTarget
from .trie import PathTrie
from .urls import Origin

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest

__all__ = ("Registry",)

Shelf: TypeAlias = "tuple[Route, ...]"
_by_rank = attrgetter("rank")


class Registry:
    """The routes of one mock, and its state."""

    def __init__(self) -> None:
        self.state = State()
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget every route, and the state."""
        with self._lock:
            self.state.clear()
            self._registered = 0
            self._routes: dict[int, Route] = {}
            self._endless: dict[Hashable, list[Route]] = {}
            self._origins: set[Origin] = set()
            self._any_method = False
            self._prioritised = False
            # One place for each kind of target, in the order in which they are asked.
            self._exact: dict[Hashable, Shelf] = {}
            self._templates: dict[Hashable, PathTrie] = {}
            self._globs: dict[str, PathTrie] = {}
            self._patterns: dict[str, Shelf] = {}

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[Route]:
        """Iterate over every route, used up or not, in order of registration."""
        return iter(tuple(self._routes.values()))

    def __repr__(self) -> str:
        used_up = sum(route.used_up for route in self)
        return f"<Registry {len(self)} routes, {used_up} used up>"

    def names(self, origin: Origin) -> bool:
        """Tell whether the URL of any route, used up or not, is at this very origin."""
        return origin in self._origins

    # Registering ------------------------------------------------------------------------------

    def add(self, route: Route) -> None:
        """Register *route*.

        An endless route takes the place of an earlier endless one of the same URL, conditions and
        priority.

        Raises:
            ValueError: an endless route of the same URL and conditions stands before it, so that
                it could never answer.
        """
        with self._lock:
            endless = self._endless.get((route.method, route.target), [])
            hiding = next((one for one in endless if _hides(one, route)), None)
            if hiding is not None:
                if not (route.endless and route.priority == hiding.priority):
                    raise ValueError(_unreachable(route, hiding))
                endless.remove(hiding)
                del self._routes[hiding.order]
                self._unshelve(hiding)
            self._place(route)

    def _place(self, route: Route) -> None:
        route.order = self._registered
        self._registered += 1
        self._routes[route.order] = route
        self._any_method |= route.method == ANY_METHOD
        self._prioritised |= route.priority != 0
        if route.endless:
            self._endless.setdefault((route.method, route.target), []).append(route)
        if isinstance(route.target, UrlTarget) and isinstance(route.target.host, Origin):
            self._origins.add(route.target.host)
        self._shelve(route)

    def _shelve(self, route: Route) -> None:
        target = route.target
        if not isinstance(target, UrlTarget):
            shelf = self._patterns.get(route.method, ())
            self._patterns[route.method] = (*shelf, route)
        elif isinstance(target.host, HostGlob):
            self._globs.setdefault(route.method, PathTrie()).add(route, target.path)
        elif isinstance(target.path, PathTemplate):
            key = route.method, target.host
            self._templates.setdefault(key, PathTrie()).add(route, target.path)
        else:
            exact = route.method, target.host, target.path, target.query
            shelf = (*self._exact.get(exact, ()), route)
            self._exact[exact] = tuple(sorted(shelf, key=_by_rank)) if len(shelf) > 1 else shelf

    def _unshelve(self, route: Route) -> None:
        target = route.target
        if not isinstance(target, UrlTarget):
            self._patterns[route.method] = _without(route, self._patterns[route.method])
        elif isinstance(target.host, HostGlob):
            self._globs[route.method].remove(route, target.path)
        elif isinstance(target.path, PathTemplate):
            self._templates[route.method, target.host].remove(route, target.path)
        else:
            exact = route.method, target.host, target.path, target.query
            self._exact[exact] = _without(route, self._exact[exact])

    # Looking up -------------------------------------------------------------------------------

    def candidates(self, asked: Asked) -> Iterator[Route]:
        """Return the routes whose method and URL fit, in the order in which they are to be tried."""
        routes = self._by_kind(asked)
        return iter(sorted(routes, key=lambda one: -one.priority)) if self._prioritised else routes

    def _by_kind(self, asked: Asked) -> Iterator[Route]:
        method, (origin, path, query) = asked.method, asked.key
        exact = self._exact
        methods = (method, ANY_METHOD) if self._any_method else (method,)
        for host in (origin, None):
            for pairs in (query, None):
                shelves = [exact.get((name, host, path, pairs), ()) for name in methods]
                yield from _merged(shelves)
        if self._templates:
            for host in (origin, None):
                tries = [self._templates.get((name, host)) for name in methods]
                yield from _merged([_fitting(trie, asked) for trie in tries if trie])
        if self._globs or self._patterns:
            tries = [self._globs.get(name) for name in methods]
            shelves = [_fitting(trie, asked) for trie in tries if trie]
            for name in methods:
                patterns = self._patterns.get(name, ())
                shelves.append(tuple(one for one in patterns if one.target.matches(asked)))
            yield from _merged(shelves)

    def find(self, asked: Asked) -> Route | None:
        """Return the first route whose method and URL fit, without using it."""
        return next(self.candidates(asked), None)

    def take(self, asked: Asked, request: AiointerceptRequest) -> Route | None:
        """Return the route that answers *request*, used once."""
        for route in self.candidates(asked):
            if (route.match is None or route.match.matches(request)) and self.use(route):
                return route
        return None

    def use(self, route: Route) -> bool:
        """Use *route* once; false if it is used up, or its scenario is not in the state for it."""
        if route.endless and route.when is None and route.then is None:
            return True
        with self._lock:
            if route.used_up or not self.state.holds(route.when):
                return False
            if not route.endless:
                route.spend()
                if route.used_up:
                    self._unshelve(route)
            if route.then is not None:
                self.state.set(route.then)
            return True


def _fitting(trie: PathTrie, asked: Asked) -> Shelf:
    return tuple(route for route in trie.reached(asked.key.path) if route.target.matches(asked))


def _merged(shelves: list[Shelf]) -> Shelf:
    """Return the routes of several shelves in the order of their ranks."""
    filled = [shelf for shelf in shelves if shelf]
    if not filled:
        return ()
    if len(filled) == 1 and len(filled[0]) == 1:
        return filled[0]
    return tuple(sorted((route for shelf in filled for route in shelf), key=_by_rank))


def _without(route: Route, shelf: Shelf) -> Shelf:
    return tuple(one for one in shelf if one is not route)


def _hides(one: Route, other: Route) -> bool:
    """Tell whether *one*, which is endless, answers whatever *other* would, and before it."""
    same = one.match == other.match and one.when == other.when
    return same and one.priority >= other.priority


def _unreachable(route: Route, endless: Route) -> str:
    where = f", registered at {endless.registered_at}," if endless.registered_at else ""
    return (
        f"{route} could never answer: {endless!r}{where} stands before it and answers for ever. "
        f"Give the new route a higher priority= to let it answer first, or repeat=True to "
        f"replace the other."
    )
