"""Finds the shelves whose targets may be meant by a URL, without looking at the others.

Paths are cut at their slashes. A template's literal segments are looked up, and so is what stands
before a hole within a segment; hosts with globs are found by the labels behind the last ``*``. What
a lookup costs depends on the length of the URL and on how many targets could be meant, not on how
many there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from .shelf import Shelf
from .target import HostGlob
from .template import PathTemplate, Segment
from .urls import Origin

__all__ = ("GlobIndex", "PathTrie")


class PathTrie:
    """Shelves by the shape of their paths."""

    __slots__ = ("holes", "lengths", "literals", "shelves", "spanning")

    def __init__(self) -> None:
        self.literals: dict[str, PathTrie] = {}
        # By what stands before the hole; of these, the lengths that there are.
        self.holes: dict[str, PathTrie] = {}
        self.lengths: tuple[int, ...] = ()
        self.shelves: tuple[Shelf, ...] = ()
        self.spanning: tuple[Shelf, ...] = ()

    def add(self, shelf: Shelf, path: str | PathTemplate) -> None:
        """Put *shelf* where paths like *path* lead to."""
        if isinstance(path, PathTemplate):
            node = self._node(path.shape)
            if path.spans:
                node.spanning = (*node.spanning, shelf)
                return
        else:
            node = self._node(tuple(Segment(text, is_literal=True) for text in path.split("/")))
        node.shelves = (*node.shelves, shelf)

    def _node(self, shape: tuple[Segment, ...]) -> PathTrie:
        node = self
        for start, is_literal in shape:
            if is_literal:
                node = node.literals.setdefault(start, PathTrie())
            else:
                if len(start) not in node.lengths:
                    node.lengths = (*node.lengths, len(start))
                node = node.holes.setdefault(start, PathTrie())
        return node

    def reached(self, path: str) -> Iterator[Shelf]:
        """Return the shelves that *path* may lead to; whether it does is their targets' to tell."""
        nodes = [self]
        for segment in path.split("/"):
            following: list[PathTrie] = []
            for node in nodes:
                yield from node.spanning
                if segment in node.literals:
                    following.append(node.literals[segment])
                starts = (segment[:length] for length in node.lengths)
                following += [node.holes[start] for start in starts if start in node.holes]
            nodes = following
        for node in nodes:
            yield from node.spanning
            yield from node.shelves


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
