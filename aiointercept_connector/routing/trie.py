"""Finds the routes whose path may be a given one, without looking at the others.

Paths are cut at their slashes. A template's literal segments are looked up, each of its holes is a
branch of its own, so what a lookup costs depends on the length of the path and on how many templates
could be meant, not on how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from .route import Route
from .target import PathTemplate

__all__ = ("PathTrie",)


class PathTrie:
    """Routes by the shape of their paths."""

    __slots__ = ("_hole", "_literals", "_routes", "_spanning")

    def __init__(self) -> None:
        self._literals: dict[str, PathTrie] = {}
        self._hole: PathTrie | None = None
        self._routes: tuple[Route, ...] = ()
        self._spanning: tuple[Route, ...] = ()

    def add(self, route: Route, path: str | PathTemplate) -> None:
        """Put *route* where paths like *path* lead to."""
        node = self._at(path)
        if isinstance(path, PathTemplate) and path.spans:
            node._spanning = (*node._spanning, route)
        else:
            node._routes = (*node._routes, route)

    def remove(self, route: Route, path: str | PathTemplate) -> None:
        """Take *route* away again."""
        node = self._at(path)
        node._routes = tuple(one for one in node._routes if one is not route)
        node._spanning = tuple(one for one in node._spanning if one is not route)

    def _at(self, path: str | PathTemplate) -> PathTrie:
        node = self
        for segment in path.shape if isinstance(path, PathTemplate) else path.split("/"):
            if segment is not None:
                node = node._literals.setdefault(segment, PathTrie())
            else:
                node._hole = node._hole or PathTrie()
                node = node._hole
        return node

    def reached(self, path: str) -> Iterator[Route]:
        """Return the routes that *path* may lead to; whether it does is theirs to tell."""
        nodes = [self]
        for segment in path.split("/"):
            following = []
            for node in nodes:
                yield from node._spanning
                if segment in node._literals:
                    following.append(node._literals[segment])
                if node._hole is not None and segment:
                    following.append(node._hole)
            nodes = following
        for node in nodes:
            yield from node._spanning
            yield from node._routes
