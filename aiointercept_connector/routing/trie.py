"""Finds the shelves whose targets may be meant by a URL, without looking at the others.

Paths are cut at their slashes. A template's literal segments are looked up, and so is what stands
before a hole within a segment; hosts with globs are found by the labels behind the last ``*``. What
a lookup costs depends on the length of the URL and on how many targets could be meant, not on how
many there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from .shelf import Shelf
from .target import HostGlob, PathTemplate, Segment
from .urls import Origin

__all__ = ("GlobIndex", "PathTrie")


class PathTrie:
    """Shelves by the shape of their paths."""

    __slots__ = ("_holes", "_lengths", "_literals", "_shelves", "_spanning")

    def __init__(self) -> None:
        self._literals: dict[str, PathTrie] = {}
        # By what stands before the hole; of these, the lengths that there are.
        self._holes: dict[str, PathTrie] = {}
        self._lengths: tuple[int, ...] = ()
        self._shelves: tuple[Shelf, ...] = ()
        self._spanning: tuple[Shelf, ...] = ()

    def add(self, shelf: Shelf, path: str | PathTemplate) -> None:
        """Put *shelf* where paths like *path* lead to."""
        if isinstance(path, PathTemplate):
            node = self._node(path.shape)
            if path.spans:
                node._spanning = (*node._spanning, shelf)
                return
        else:
            node = self._node(tuple(Segment(text, is_literal=True) for text in path.split("/")))
        node._shelves = (*node._shelves, shelf)

    def _node(self, shape: tuple[Segment, ...]) -> PathTrie:
        node = self
        for start, is_literal in shape:
            if is_literal:
                node = node._literals.setdefault(start, PathTrie())
            else:
                if len(start) not in node._lengths:
                    node._lengths = (*node._lengths, len(start))
                node = node._holes.setdefault(start, PathTrie())
        return node

    def reached(self, path: str) -> Iterator[Shelf]:
        """Return the shelves that *path* may lead to; whether it does is their targets' to tell."""
        nodes = [self]
        for segment in path.split("/"):
            following: list[PathTrie] = []
            for node in nodes:
                yield from node._spanning
                if segment in node._literals:
                    following.append(node._literals[segment])
                for length in node._lengths:
                    if (child := node._holes.get(segment[:length])) is not None:
                        following.append(child)
            nodes = following
        for node in nodes:
            yield from node._spanning
            yield from node._shelves


class GlobIndex:
    """Shelves by what stands behind the last ``*`` of their hosts, then by their paths."""

    def __init__(self) -> None:
        self._tries: dict[tuple[bool, int, str], PathTrie] = {}

    def __bool__(self) -> bool:
        return bool(self._tries)

    def add(self, shelf: Shelf, host: HostGlob, path: str | PathTemplate) -> None:
        """Put *shelf* where hosts like *host* and paths like *path* lead to."""
        # The first label may have a part of what the asterisk stands for.
        suffix = host.glob.rpartition("*")[2].partition(".")[2]
        key = host.secure, host.port, suffix
        self._tries.setdefault(key, PathTrie()).add(shelf, path)

    def reached(self, origin: Origin, path: str) -> Iterator[Shelf]:
        """Return the shelves that *origin* and *path* may lead to."""
        suffix = origin.host
        while True:
            trie = self._tries.get((origin.secure, origin.port, suffix))
            if trie is not None:
                yield from trie.reached(path)
            if not suffix:
                return
            suffix = suffix.partition(".")[2]
