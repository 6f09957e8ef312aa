"""Why no route answers a request, in the words of ``aresponses`` where it comes to code."""

from __future__ import annotations

from ...routing.explain import Unmatched
from .route import host_of

__all__ = ("UnmatchedHere",)


class UnmatchedHere(Unmatched):
    """An explanation that ends with the line that would add a route."""

    def registration(self) -> str:
        """Return that line."""
        asked = self._asked
        return (
            f"aresponses.add({host_of(asked.key.origin)!r}, {asked.url.path!r}, {asked.method!r})"
        )
