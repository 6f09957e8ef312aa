"""The registry: finds the routes for a request, in a dictionary lookup where it can.

Who answers, of the routes that could: higher ``priority`` first; then the more exactly the URL is
given, from an exact one over a path on any host and a template to globs and expressions; then
the URL that was registered first; then, for one URL, routes with conditions before the fallback
without; then order of registration. A route that is used up gives way to the next. Prefixes, which
applications are mounted at, come last, the longer before the shorter.

Asking (``candidates``) never consumes. ``take`` is the one step that does, under a lock, so that no
two requests can share a route's last answer or a step of a scenario.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, cast

from .prefix import PathPrefix
from .route import Route
from .shelf import Shelf, alike
from .state import State
from .target import Asked, HostGlob, UrlTarget
from .template import PathTemplate
from .trie import GlobIndex, PathTrie
from .urls import Origin

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest

__all__ = ("Registry",)

_by_order = attrgetter("order")


class Registry:
    """The routes of one mock, and its state.

    Attributes:
        state: the state of the mock's scenarios.
        has_async: whether a route's conditions are to be awaited, so that ``take_async`` is to be
            asked instead of ``take``.
        version: counts the registrations; until it changes, a request that no route fits stays one.
    """

    def __init__(self) -> None:
        self.version = 0
        self.state = State()
        self._lock = self.state.lock
        self.clear()

    def clear(self) -> None:
        """Forget every route, and the state."""
        with self._lock:
            self.state.clear()
            self.has_async = False
            self._registered = 0
            self._routes: dict[int, Route] = {}
            self._origins: set[Origin] = set()
            self._prioritised = False
            self._shelves: dict[Hashable, Shelf] = {}
            # Beside exact URLs, which their keys find on the shelves, there are some that:
            self._inexact = False
            self._leave_open = False  # the host or the query
            self._templates: dict[Origin | None, PathTrie] = {}
            self._globs = GlobIndex()
            self._patterns: tuple[Shelf, ...] = ()
            self._prefixes: tuple[Shelf, ...] = ()

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

    def add(self, route: Route) -> None:
        """Register *route*.

        An endless route takes the place of an earlier endless one of the same URL, conditions and
        priority.

        Raises:
            ValueError: an endless route of the same URL and conditions stands before it, so that
                it could never answer.
        """
        with self._lock:
            route.order = self._registered
            shelf = self._shelves.get(route.target.key) or self._new_shelf(route)
            replaced = shelf.replaced_by(route)
            if replaced is not None:
                route.order = replaced.order
                shelf.remove(replaced)
            elif (hiding := shelf.hiding(route)) is not None:
                raise ValueError(_unreachable(route, hiding))
            self._registered += 1
            self.version += 1
            self._routes[route.order] = route
            self._prioritised |= route.priority != 0
            self.has_async |= route.match is not None and route.match.is_async
            if not route.used_up:
                shelf.put(route)

    def _new_shelf(self, route: Route) -> Shelf:
        target = route.target
        shelf = self._shelves[target.key] = Shelf(target, route.order)
        if not isinstance(target, UrlTarget):
            self._patterns = (*self._patterns, shelf)
            self._inexact = True
            return shelf
        if isinstance(target.path, PathPrefix):
            self._prefixes = tuple(sorted((*self._prefixes, shelf), key=_by_prefix))
        elif isinstance(target.host, HostGlob):
            self._globs.add(shelf, target.host, target.path)
        elif isinstance(target.path, PathTemplate):
            self._templates.setdefault(target.host, PathTrie()).add(shelf, target.path)
        else:
            self._leave_open |= not target.is_exact
        if isinstance(target.host, Origin):
            self._origins.add(target.host)
        self._inexact |= not target.is_exact
        return shelf

    def candidates(self, asked: Asked) -> Iterable[Route]:
        """Return the routes whose method and URL fit, in the order in which to try them."""
        exact = self._shelves.get(asked.key)
        fitting: Sequence[Route] = () if exact is None else exact.for_method(asked.method)
        if not self._inexact:
            # Most often there are exact URLs alone: what need not be a generator is faster.
            return sorted(fitting, key=_by_priority) if self._prioritised else fitting
        routes = chain(fitting, self._inexact_routes(asked))
        return sorted(routes, key=_by_priority) if self._prioritised else routes

    def _inexact_routes(self, asked: Asked) -> Iterator[Route]:
        for shelf in self._inexact_shelves(asked):
            yield from shelf.for_method(asked.method)

    def _inexact_shelves(self, asked: Asked) -> Iterator[Shelf]:
        origin, path, query = asked.key
        if self._leave_open:
            for key in ((origin, path, None), (None, path, query), (None, path, None)):
                if (shelf := self._shelves.get(key)) is not None:
                    yield shelf
        if self._templates:
            for host in (origin, None):
                if (trie := self._templates.get(host)) is not None:
                    yield from _fitting(trie.reached(path), asked)
        if self._globs or self._patterns:
            yield from _fitting((*self._globs.reached(origin, path), *self._patterns), asked)
        for shelf in self._prefixes:
            if shelf.target.matches(asked):
                yield shelf

    def find(self, asked: Asked) -> Route | None:
        """Return the first route whose method and URL fit, without using it."""
        for route in self.candidates(asked):
            return route
        return None

    def take(self, asked: Asked, request: AiointerceptRequest, attempt: int = 1) -> Route | None:
        """Return the route that answers *request*, used once; None if there is none.

        Args:
            asked: what the request asks.
            request: the request.
            attempt: which attempt of the client's call it is. Routes that have an answer to earlier
                ones alone are left to other calls.

        Raises:
            TypeError: the conditions of a route are to be awaited; see ``take_async``.
        """
        while True:
            version = self.state.version
            for route in self.candidates(asked):
                match = route.match
                if attempt > 1 and not route.serves(attempt):
                    continue
                if match is None or match.matches(request):
                    if self.use(route):
                        return route
                    if route.used_up:
                        break  # Another request was faster; what follows may be out of date.
            else:
                # If a scenario went on meanwhile, a route that was passed may be for its new step.
                if version == self.state.version:
                    return None

    async def take_async(
        self, asked: Asked, request: AiointerceptRequest, attempt: int = 1
    ) -> Route | None:
        """Return the same, and await conditions that are coroutine functions."""
        while True:
            version = self.state.version
            for route in self.candidates(asked):
                match = route.match
                if attempt > 1 and not route.serves(attempt):
                    continue
                if match is None or await match.matches_async(request):
                    if self.use(route):
                        return route
                    if route.used_up:
                        break
            else:
                if version == self.state.version:
                    return None

    def use(self, route: Route) -> bool:
        """Use *route* once; false if it is used up, or its scenario is not in the state for it."""
        if route.endless and route.when is None and route.then is None:
            return True
        with self._lock:
            if route.used_up or not self.state.holds(route.when):
                return False
            if not route.endless and route.spend():
                self._remove(route)
            if route.then is not None:
                name, value = route.then
                self.state[name] = value
            return True

    def give_back(self, route: Route) -> None:
        """Undo a use of *route*: what was to answer has not. Its scenario stays where it is."""
        with self._lock:
            shelf = self._shelves.get(route.target.key)
            if shelf is None or route.endless:  # the registry may have been cleared meanwhile
                return
            if route.unspend():
                shelf.put(route)

    def withdraw(self, route: Route) -> None:
        """Let *route* answer no more; it stays among those that were registered."""
        with self._lock:
            self._remove(route)

    def _remove(self, route: Route) -> None:
        shelf = self._shelves.get(route.target.key)
        if shelf is not None:  # the registry may have been cleared meanwhile
            shelf.remove(route)


def _fitting(shelves: Iterable[Shelf], asked: Asked) -> list[Shelf]:
    """Return those of *shelves* that are for the URL, the one registered first in front."""
    fitting = [shelf for shelf in shelves if shelf.routes and shelf.target.matches(asked)]
    return sorted(fitting, key=_by_order) if len(fitting) > 1 else fitting


def _by_prefix(shelf: Shelf) -> tuple[bool, bool, int]:
    """Rank prefixes: of an origin, of a glob, of any host; of each of these, the longest first."""
    target = cast("UrlTarget", shelf.target)
    return target.host is None, isinstance(target.host, HostGlob), -len(target.path_text)


def _by_priority(route: Route) -> int:
    return -route.priority


def _unreachable(route: Route, endless: Route) -> str:
    where = f", registered at {endless.registered_at}," if endless.registered_at else ""
    replace = ", or repeat=True to replace the other" if alike(route, endless) else ""
    return (
        f"{route} could never answer: {endless!r}{where} stands before it and answers for ever. "
        f"Give the new route a higher priority= to let it answer first{replace}."
    )
