"""Awaiting in a context of one's choice, which ``create_task(context=…)`` does from 3.11 on."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

__all__ = ("InContext",)

T = TypeVar("T")


class InContext(Awaitable[T]):
    """Awaits what *function* returns, the call and every step of it in *context*."""

    def __init__(self, context: contextvars.Context, function: Callable[[], Awaitable[T]]) -> None:
        self._context = context
        self._function = function

    def __await__(self) -> Generator[Any, Any, T]:
        run = self._context.run
        steps: Any = run(lambda: self._function().__await__())
        step, value = steps.send, None
        while True:
            try:
                waited = run(step, value)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]  # the stubs have no StopIteration[T]
            try:
                step, value = steps.send, (yield waited)
            except BaseException as exc:  # noqa: BLE001 - it is the awaitable's to handle
                step, value = steps.throw, exc
