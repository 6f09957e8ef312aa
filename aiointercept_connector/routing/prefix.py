"""Paths by how they begin: what a mounted application is for."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ("PathPrefix",)


class PathPrefix(NamedTuple):
    """A path and all below it, by whole segments: ``/v2`` covers ``/v2/users`` and not ``/v20``.

    Attributes:
        path: percent-encoded, without a slash at its end; empty for every path.
    """

    path: str

    def covers(self, path: str) -> bool:
        """Tell whether *path* is the prefix, or below it."""
        prefix = self.path
        return not prefix or path == prefix or path.startswith(f"{prefix}/")

    def rest_of(self, path: str) -> str:
        """Return *path*, which the prefix covers, as it is seen from there."""
        return path[len(self.path) :] or "/"

    @property
    def text(self) -> str:
        """How messages write it."""
        return f"{self.path}/**"
