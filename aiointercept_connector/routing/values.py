"""When two values of a request are the same, and how they differ where they are not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeGuard, TypeVar, cast

from ..unset import is_any

__all__ = (
    "ABSENT",
    "Absent",
    "form_values",
    "identical",
    "is_array",
    "is_object",
    "is_pattern",
    "json_differences",
    "json_equal",
    "paired",
    "shortened",
    "value_fits",
)

Json: TypeAlias = "Mapping[str, Any]"

W = TypeVar("W")
C = TypeVar("C")

_SHOWN = 120
_SCALARS = (str, int, float, type(None))


class Absent:
    """The type of ``ABSENT``."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()
"""Stands for a header, cookie or query parameter that must not be there."""


def is_object(value: Any) -> TypeGuard[Json]:
    """Tell whether *value* stands for a JSON object."""
    return isinstance(value, dict) or isinstance(value, Mapping)  # noqa: SIM101 - the first is fast


def is_array(value: Any) -> TypeGuard[Sequence[Any]]:
    """Tell whether *value* stands for a JSON array."""
    return isinstance(value, (list, tuple))


def is_pattern(value: Any) -> TypeGuard[re.Pattern[Any]]:
    """Tell whether *value* is a compiled regular expression."""
    return isinstance(value, re.Pattern)


def json_equal(expected: Any, actual: Any, *, subset: bool = False) -> bool:
    """Tell whether two values are the same JSON, or with *subset* whether one contains the other.

    ``true`` is not ``1``, though Python has ``True == 1``; ``unittest.mock.ANY`` equals whatever
    stands in its place.
    """
    if isinstance(expected, _SCALARS):  # most values are, and what follows takes its time
        return expected == actual and (expected.__class__ is bool) is (actual.__class__ is bool)
    if is_array(expected):
        return is_array(actual) and _arrays_equal(expected, actual, subset=subset)
    if is_object(expected):
        return is_object(actual) and _objects_equal(expected, actual, subset=subset)
    return bool(expected == actual)


def _objects_equal(expected: Json, actual: Json, *, subset: bool) -> bool:
    if len(expected) != len(actual) and not subset:
        return False
    for name, value in expected.items():
        if name not in actual or not json_equal(value, actual[name], subset=subset):
            return False
    return True


def _arrays_equal(expected: Sequence[Any], actual: Sequence[Any], *, subset: bool) -> bool:
    if len(expected) != len(actual):
        return False
    pairs = zip(expected, actual, strict=True)
    return all(json_equal(left, right, subset=subset) for left, right in pairs)


def json_differences(
    expected: Any, actual: Any, at: str = "$", *, subset: bool = False
) -> Iterator[str]:
    """Say where two JSON values differ, one place a line; nothing if ``json_equal`` has them equal.

    With *subset*, an object may have more members than are expected, at any depth.
    """
    if json_equal(expected, actual, subset=subset):
        return
    if is_object(expected) and is_object(actual):
        for name, value in expected.items():
            if name not in actual:
                yield f"{at}.{name}: expected {shortened(value)}, got nothing"
            else:
                yield from json_differences(value, actual[name], f"{at}.{name}", subset=subset)
        unexpected = () if subset else (name for name in actual if name not in expected)
        for name in unexpected:
            yield f"{at}.{name}: expected nothing, got {shortened(actual[name])}"
    elif is_array(expected) and is_array(actual):
        for index, (left, right) in enumerate(zip(expected, actual, strict=False)):
            yield from json_differences(left, right, f"{at}[{index}]", subset=subset)
        if len(expected) != len(actual):
            yield f"{at}: expected {len(expected)} items, got {len(actual)}"
    else:
        yield f"{at}: {_both(expected, actual)}"


def _both(expected: Any, actual: Any) -> str:
    """Show two values that differ; of long texts, the places around the first difference."""
    if isinstance(expected, str) and isinstance(actual, str):
        pairs = enumerate(zip(expected, actual, strict=False))
        first = next((n for n, (a, b) in pairs if a != b), min(len(expected), len(actual)))
        if first > _SHOWN // 2:
            start = first - _SHOWN // 4
            left, right = expected[start : start + _SHOWN], actual[start : start + _SHOWN]
            return f"from character {start} on expected {left!r}, got {right!r}"
    return f"expected {shortened(expected)}, got {shortened(actual)}"


def identical(one: Any, other: Any) -> bool:
    """Tell whether two expectations are the same, so that whatever meets one meets the other.

    ``==`` would not do: ``ANY`` is equal to everything, and ``1`` to ``True``.
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if is_object(one):
        return one.keys() == other.keys() and all(identical(one[name], other[name]) for name in one)
    if is_array(one):
        return len(one) == len(other) and all(map(identical, one, other))
    return bool(one == other)


def value_fits(expected: Any, actual: str | None) -> bool:
    """Tell whether a header's, cookie's, field's or parameter's value is the expected one.

    Expected may be text (or what has the wanted text as its ``str``), a regular expression to be
    found in the value, ``ANY`` for any value, or ``ABSENT`` for none.
    """
    if isinstance(expected, Absent):
        return actual is None
    if actual is None:
        return False
    if is_pattern(expected):
        return expected.search(actual) is not None
    return is_any(expected) or actual == str(expected)


def paired(
    wanted: Sequence[W], came: Sequence[C], fits: Callable[[W, C], bool]
) -> list[int | None]:
    """Give to each of *wanted* one of its own among *came*, to as many of them as can be.

    Returns:
        For each of *wanted* the place of its own in *came*, or None if none is left for it.
    """
    # Kuhn's algorithm: where no place is free, who has one is asked to take another.
    owner: dict[int, int] = {}

    def settle(one: int, refused: set[int]) -> bool:
        fitting = [
            n for n, value in enumerate(came) if n not in refused and fits(wanted[one], value)
        ]
        free = next((place for place in fitting if place not in owner), None)
        if free is not None:
            owner[free] = one
            return True
        for place in fitting:
            if place not in refused:
                refused.add(place)
                if settle(owner[place], refused):
                    owner[place] = one
                    return True
        return False

    for one in range(len(wanted)):
        settle(one, set())
    place_of = {one: place for place, one in owner.items()}
    return [place_of.get(one) for one in range(len(wanted))]


def form_values(pairs: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Return form fields as the values of each name, in order, as text.

    A list as a mapping's value stands for a repeated field. ``ANY`` and regular expressions stay
    what they are.
    """
    values: dict[str, list[Any]] = {}
    items = pairs.items() if is_object(pairs) else pairs
    for name, value in cast("Iterable[tuple[str, Any]]", items):
        several = value if is_array(value) else (value,)
        values.setdefault(name, []).extend(
            one if is_any(one) or is_pattern(one) else str(one) for one in several
        )
    return values


def shortened(value: Any) -> str:
    """Return the ``repr`` of *value*, cut to a length that a message can bear.

    No more of it is worked out than is shown, however large *value* is.
    """
    if isinstance(value, (str, bytes)) and len(value) > _SHOWN:
        unit = "bytes" if isinstance(value, bytes) else "characters"
        return f"{value[:_SHOWN]!r}… ({len(value)} {unit})"
    text = ""
    for piece in _repr_pieces(value):
        text += piece
        if len(text) > _SHOWN:
            return f"{text[: _SHOWN - 1]}…"
    return text


def _repr_pieces(value: Any) -> Iterator[str]:
    kind = cast("type[object]", type(value))
    if kind is dict and value:
        mark = "{"
        for name, member in value.items():
            yield mark
            yield from _repr_pieces(name)
            yield ": "
            yield from _repr_pieces(member)
            mark = ", "
        yield "}"
    elif kind is list and value:
        mark = "["
        for member in value:
            yield mark
            yield from _repr_pieces(member)
            mark = ", "
        yield "]"
    elif isinstance(value, (str, bytes)):
        yield repr(value[: _SHOWN + 1])
    else:
        yield repr(value)
