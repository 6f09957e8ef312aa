"""``_matches``: what is registered, as the dictionary that aioresponses keeps it in.

It is private there too. But there is no other way to take one registration back, so suites use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, cast

from .match import RequestMatch

if TYPE_CHECKING:
    from ...routing.route import Route
    from .match import MatchReply
    from .mock import aioresponses

__all__ = ("Matches",)


class Matches(MutableMapping[str, RequestMatch]):
    """The registrations of a mock that will still answer, first to last; changes are its changes.

    A key tells nothing but which is which: what is set under one of the caller's gets its own.
    """

    def __init__(self, mock: aioresponses) -> None:
        self._mock = mock

    def _routes(self) -> dict[str, Route]:
        routes = (route for route in self._mock.registry if not route.used_up)
        return {str(id(route)): route for route in routes}

    def __len__(self) -> int:
        return len(self._routes())

    def __iter__(self) -> Iterator[str]:
        return iter(self._routes())

    def __getitem__(self, key: str) -> RequestMatch:
        return cast("MatchReply", self._routes()[key].reply).match

    def __setitem__(self, key: str, match: RequestMatch) -> None:
        """Register *match* in the place of what has this key, or else behind the others."""
        routes = self._routes()
        routes[key] = match.route(self._mock)
        self._register(routes.values())

    def __delitem__(self, key: str) -> None:
        routes = self._routes()
        del routes[key]
        self._register(routes.values())

    def clear(self) -> None:
        """Forget what is registered."""
        self._register(())

    def _register(self, routes: Iterable[Route]) -> None:
        self._mock.registry.clear()
        for route in routes:
            self._mock.registry.add(route)

    def __repr__(self) -> str:
        return f"<Matches {list(self.values())!r}>"
