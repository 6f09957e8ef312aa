"""The functions that replies are given: what messages call them, and whether they can be called."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction, isfunction, ismethod, signature
from typing import Any

__all__ = ("check_call", "check_is_coroutine_function", "check_takes", "name_of")


def check_call(function: Callable[..., Any], what: str, *given: str, **named: object) -> None:
    """Refuse a function that cannot be called with these arguments, and those of these names.

    Raises:
        TypeError: it takes others.
    """
    if str(getattr(function, "__module__", "")).startswith(f"{__package__}."):
        raise TypeError(f"replies.{name_of(function)} makes a reply, and is none: call it.")
    check_takes(function, what, *given, **named)


def check_takes(function: Callable[..., Any], what: str, *given: str, **named: object) -> None:
    """Do the same for a function that may be one of this package."""
    try:
        takes = signature(function)
    except (TypeError, ValueError):  # some callables written in C have none
        return
    try:
        takes.bind(*given, **named)
    except TypeError:
        called = ", ".join([*given, *(f"{name}=" for name in named)])
        raise TypeError(
            f"{what} is called as {name_of(function)}({called}), and takes {takes}."
        ) from None


def check_is_coroutine_function(function: Any, argument: str, shape: str) -> None:
    """Refuse a ``def`` where an ``async def`` is meant.

    A lambda, and what wraps another function, may return what there is to await.

    Raises:
        TypeError: it is one; the message says what *shape* it is to have.
    """
    if not isfunction(function) and not ismethod(function):
        return
    if iscoroutinefunction(function) or hasattr(function, "__wrapped__"):
        return
    if function.__name__ != "<lambda>":
        raise TypeError(
            f"{argument} must be a coroutine function, async def {function.__name__}{shape}, "
            f"and {name_of(function)} is a plain one."
        )


def name_of(function: Callable[..., Any]) -> str:
    """Return what messages call *function*."""
    return getattr(function, "__qualname__", repr(function))
