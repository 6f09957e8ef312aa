"""Checks of what the public functions are given; each message names the argument."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

__all__ = ("one_of", "refuse_unknown")

T = TypeVar("T")


def one_of(argument: str, value: T, allowed: Iterable[T]) -> T:
    """Return *value* if it is allowed."""
    if value not in allowed:
        choices = ", ".join(map(repr, allowed))
        raise ValueError(f"{argument} must be one of {choices}, not {value!r}")
    return value


def refuse_unknown(unknown: dict[str, Any], function: Callable[..., Any]) -> None:
    """Raise for keywords that *function* does not have, with the nearest that it has."""
    if not unknown:
        return
    name = next(iter(unknown))
    known = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name != "self"
    ]
    near = difflib.get_close_matches(name, known, 1, cutoff=0)
    raise TypeError(
        f"unknown argument {name!r}: did you mean {near[0]!r}? There are: {', '.join(known)}"
    )
