"""From the arguments of ``Match`` to what is checked; refused here is what could never match.

What is given is copied, so that a matcher does not change with the test's own objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, time, timedelta
from math import isnan
from typing import Any, Final, TypeAlias, TypeGuard

from ..unset import is_any
from . import body_checks, checks
from .values import Absent, form_values, is_array, is_object, is_pattern

__all__ = ("check_of", "checked_json")

Items: TypeAlias = "list[tuple[str, Any]]"

_NO_JSON: Final = (bytes, bytearray, memoryview, set, frozenset, range, date, time, timedelta)


def check_of(argument: str, value: Any) -> checks.Check:
    """Return the check that *argument* of ``Match`` asks for.

    Raises:
        TypeError: the value is of a wrong type.
        ValueError: it says what cannot be.
    """
    return _CHECKS[argument](argument, value)


def _method(argument: str, value: Any) -> checks.Check:
    methods = [value] if isinstance(value, str) else _list(value)
    if not methods or not all(isinstance(one, str) for one in methods):
        raise TypeError(f"{argument} must be a method or several, not {value!r}")
    return checks.MethodIs([one.upper() for one in methods])


def _values(argument: str, value: Any) -> dict[str, Any]:
    """Return what names are to have, as text; several values of one name as a list."""
    wanted: dict[str, Any] = {}
    for name, one in _items(argument, value):
        several = is_array(one)
        texts = [_text(f"{argument}[{name!r}]", each) for each in _several(one)]
        if name in wanted:  # a multidict repeats its names
            before = wanted[name]
            wanted[name] = [*(before if isinstance(before, list) else [before]), *texts]
        else:
            wanted[name] = texts if several else texts[0]
    return wanted


def _text(argument: str, value: Any) -> Any:
    if is_any(value) or isinstance(value, (str, Absent)) or _is_text_pattern(value):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise TypeError(
        f"{argument} must be str, int, float, a compiled expression for str, ANY or ABSENT, "
        f"not {value!r}"
    )


def checked_json(argument: str, value: Any) -> Any:
    """Return a copy of a JSON value that is to be compared with one that comes.

    Raises:
        TypeError: it has something in it that JSON has not.
        ValueError: it is nested too deeply.
    """
    try:
        return _json_copy(argument, value)
    except RecursionError:
        raise ValueError(f"{argument} is nested too deeply to be compared") from None


def _json_copy(argument: str, value: Any) -> Any:
    """Return a copy as ``json.loads`` would make it; what is no JSON is compared by its ``==``."""
    if is_object(value):
        for name in value:
            if not _is_name(name):
                raise TypeError(f"{argument}: the names of a JSON object are str, not {name!r}")
        return {name: _json_copy(argument, member) for name, member in value.items()}
    if is_array(value):
        return [_json_copy(argument, member) for member in value]
    if _is_no_json(value):
        raise TypeError(f"{argument}: JSON has no {type(value).__name__}: {value!r}")
    return value


def _is_name(value: object) -> bool:
    return isinstance(value, str)


def _is_no_json(value: object) -> bool:
    if isinstance(value, _NO_JSON) or (isinstance(value, float) and isnan(value)):
        return True
    # Equal to itself alone, it would not be equal to anything that comes.
    return type(value).__eq__ is object.__eq__ and value is not None


def _form(argument: str, value: Any) -> checks.Check:
    pairs = list(value.items()) if is_object(value) else _list(value)
    if pairs is None or not all(is_array(one) and _is_pair(one) for one in pairs):
        raise TypeError(f"{argument} must be a mapping of fields to values, not {value!r}")
    return body_checks.FormIs(form_values(pairs))


def _is_pair(value: Sequence[Any]) -> bool:
    return len(value) == 2 and _is_name(value[0])


_PART_FIELDS = ("name", "filename", "content_type", "body")


def _multipart(argument: str, value: Any) -> checks.Check:
    if is_object(value):
        value = [{"name": name, "body": body} for name, body in value.items()]
    parts = _list(value)
    if parts is None:
        raise TypeError(f"{argument} must be a sequence of parts, each a mapping, not {value!r}")
    return body_checks.PartsAre([_part(f"{argument}[{n}]", part) for n, part in enumerate(parts)])


def _part(argument: str, value: Any) -> dict[str, Any]:
    wanted = dict(_items(argument, value))
    for name, one in wanted.items():
        if name not in _PART_FIELDS:
            raise ValueError(
                f"{argument}: a part has {', '.join(_PART_FIELDS)}; {name!r} is none of them"
            )
        if not (one is None or is_any(one) or isinstance(one, Absent)):
            wanted[name] = _content(f"{argument}[{name!r}]", one)
    return wanted


def _content(argument: str, value: Any) -> Any:
    if isinstance(value, bytearray):
        return bytes(value)
    if not isinstance(value, (str, bytes)) and not is_pattern(value):
        raise TypeError(f"{argument} must be bytes, str or a compiled expression, not {value!r}")
    return value


def _predicate(argument: str, value: Any) -> checks.Check:
    if not callable(value):
        raise TypeError(f"{argument} must be a function of the request, not {value!r}")
    return checks.Predicate(value)


def _items(argument: str, value: Any) -> Items:
    items = list(value.items()) if is_object(value) else None
    if items is None or not all(_is_pair(item) for item in items):
        raise TypeError(f"{argument} must be a mapping of names to values, not {value!r}")
    return items


def _several(value: Any) -> Sequence[Any]:
    return value if is_array(value) else (value,)


def _list(value: Any) -> list[Any] | None:
    return list(value) if _is_series(value) else None


def _is_series(value: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def _is_text_pattern(value: Any) -> bool:
    return is_pattern(value) and isinstance(value.pattern, str)


_CHECKS: dict[str, Callable[[str, Any], checks.Check]] = {
    "method": _method,
    "query": lambda argument, value: checks.QueryHas(_values(argument, value)),
    "headers": lambda argument, value: checks.HeadersHave(_values(argument, value)),
    "cookies": lambda argument, value: checks.CookiesHave(_values(argument, value)),
    "json": lambda argument, value: body_checks.JsonIs(checked_json(argument, value)),
    "json_subset": lambda argument, value: body_checks.JsonHas(checked_json(argument, value)),
    "form": _form,
    "multipart": _multipart,
    "body": lambda argument, value: body_checks.BodyIs(_content(argument, value)),
    "predicate": _predicate,
}
