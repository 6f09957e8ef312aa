"""Which mocks are active, and for whom.

Mocks stack, and may leave in any order. ``scope="process"`` is seen by all; ``scope="task"`` by the
context that entered it and the tasks started from there, and stands inside every process-wide one.
"""

from __future__ import annotations

from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from .blocking import block_network
    from .interceptor import Interceptor

__all__ = ("SCOPES", "Scope", "active", "enter", "guard", "guards", "is_empty", "leave", "unguard")

Scope: TypeAlias = Literal["process", "task"]
SCOPES: Final = ("process", "task")

# Leaving cannot reach the contexts of other tasks. So these hold only the numbers of entries, which
# keep no mock alive, and mean nothing once the mock has left, even if it is entered again.
_numbers = count()
_entries: Final[dict[int, Interceptor]] = {}
_task: ContextVar[tuple[int, ...]] = ContextVar("aiointercept_connector.mocks", default=())
_process: tuple[Interceptor, ...] = ()
_guards: tuple[block_network, ...] = ()


def enter(interceptor: Interceptor, scope: Scope) -> None:
    """Make a mock active, innermost."""
    global _process  # noqa: PLW0603 - the process has one stack
    number = next(_numbers)
    _entries[number] = interceptor
    if scope == "process":
        _process = (interceptor, *_process)
    else:
        _task.set((number, *filter(_entries.__contains__, _task.get())))


def leave(interceptor: Interceptor) -> bool:
    """Make a mock inactive, wherever it stands and whoever asks; tell whether it was active."""
    global _process  # noqa: PLW0603 - the process has one stack
    numbers = [number for number, one in _entries.items() if one is interceptor]
    for number in numbers:
        del _entries[number]
    _process = tuple(one for one in _process if one is not interceptor)
    if seen := _task.get():
        _task.set(tuple(filter(_entries.__contains__, seen)))
    return bool(numbers)


def active() -> tuple[Interceptor, ...]:
    """Return the mocks that the current context sees, innermost first."""
    if seen := _task.get():
        own = (_entries.get(number) for number in seen)
        return (*(one for one in own if one is not None), *_process)
    return _process


def guard(blocker: block_network) -> None:
    """Let *blocker* check every request of the process that is about to pass."""
    global _guards  # noqa: PLW0603 - the process has one network
    _guards = (*_guards, blocker)


def unguard(blocker: block_network) -> None:
    """Take *blocker* away, once, wherever it stands. Does nothing if it is not there."""
    global _guards  # noqa: PLW0603 - the process has one network
    if blocker in _guards:
        at = len(_guards) - 1 - _guards[::-1].index(blocker)
        _guards = (*_guards[:at], *_guards[at + 1 :])


def guards() -> tuple[block_network, ...]:
    """Return who checks the requests that are about to pass."""
    return _guards


def is_empty() -> bool:
    """Tell whether no mock is active, for anybody, and nobody checks what passes."""
    return not _entries and not _guards
