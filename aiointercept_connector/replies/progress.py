"""How far a reply has got, for each route that it answers for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from ..routing.route import Route

__all__ = ("Progress",)

T = TypeVar("T")


class Progress(Generic[T]):
    """A state that every route has for itself, so that a reply may be a constant of many tests.

    Args:
        begin: makes the state that a route begins with.
    """

    def __init__(self, begin: Callable[[], T]) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self._elsewhere = begin()
        self._states: WeakKeyDictionary[Route, T] = WeakKeyDictionary()

    @contextmanager
    def of(self, route: Route | None) -> Generator[T]:
        """Give the state of *route* to one thread at a time; None is whatever is no route."""
        with self._lock:
            if route is None:
                yield self._elsewhere
                return
            if route not in self._states:
                self._states[route] = self._begin()
            yield self._states[route]
