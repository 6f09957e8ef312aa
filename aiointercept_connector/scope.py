"""Which mocks are active, and for whom.

Mocks stack, and may leave in any order. ``scope="process"`` is seen by all; ``scope="task"`` by the
context that entered it and the tasks started from there, and stands inside every process-wide one.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from .interceptor import Interceptor

__all__ = ("SCOPES", "Scope", "active", "enter", "is_active", "leave")

Scope: TypeAlias = Literal["process", "task"]
SCOPES: Final = ("process", "task")

_process: tuple[Interceptor, ...] = ()
_task: ContextVar[tuple[Interceptor, ...]] = ContextVar("aiointercept_connector.mocks", default=())
_entered: set[Interceptor] = set()


def enter(interceptor: Interceptor, scope: Scope) -> None:
    """Make a mock active, innermost."""
    global _process  # noqa: PLW0603 - the process has one stack
    _entered.add(interceptor)
    if scope == "process":
        _process = (interceptor, *_process)
    else:
        _task.set((interceptor, *_living(_task.get())))


def leave(interceptor: Interceptor) -> None:
    """Make a mock inactive, wherever it stands and whoever asks."""
    global _process  # noqa: PLW0603
    _entered.discard(interceptor)
    _process = _living(_process)
    _task.set(_living(_task.get()))


def active() -> tuple[Interceptor, ...]:
    """Return the mocks that the current context sees, innermost first."""
    seen = _task.get()
    return (*_living(seen), *_process) if seen else _process


def is_active(interceptor: Interceptor) -> bool:
    """Tell whether a mock has been entered and not left."""
    return interceptor in _entered


def _living(interceptors: tuple[Interceptor, ...]) -> tuple[Interceptor, ...]:
    # Leaving cannot reach the contexts of other tasks; there the mock is passed over.
    return tuple(one for one in interceptors if one in _entered)
