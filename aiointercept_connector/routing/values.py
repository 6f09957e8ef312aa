"""When two values of a request are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from unittest.mock import ANY

__all__ = ("form_values", "json_equal")


def json_equal(expected: Any, actual: Any) -> bool:
    """Tell whether two values are the same JSON.

    ``true`` is not ``1``, though Python has ``True == 1``; ``unittest.mock.ANY`` equals whatever
    stands in its place.
    """
    if expected is ANY:
        return True
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return expected.keys() == actual.keys() and all(
            json_equal(value, actual[name]) for name, value in expected.items()
        )
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        return len(expected) == len(actual) and all(map(json_equal, expected, actual))
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    return bool(expected == actual)


def form_values(pairs: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Return form fields as the values of each name, in order, as text.

    A list as a mapping's value stands for a repeated field. ``ANY`` stays what it is.
    """
    values: dict[str, list[Any]] = {}
    for name, value in pairs.items() if isinstance(pairs, Mapping) else pairs:
        several = value if isinstance(value, (list, tuple)) else (value,)
        values.setdefault(name, []).extend(v if v is ANY else str(v) for v in several)
    return values
