"""Cookies as they may be given, and as ``Set-Cookie`` has them."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import Any, TypeAlias, cast

from aiohttp import hdrs
from multidict import CIMultiDict

from .checked import checked_headers, checked_text

__all__ = ("Cookies", "with_cookies")

Cookies: TypeAlias = "Mapping[str, str | Mapping[str, Any] | Morsel[str]]"
"""Names and values. A value is text, or a dict with ``value`` and the attributes that aiohttp's
``set_cookie`` has (``max_age``, ``expires``, ``domain``, ``path``, ``secure``, ``httponly``,
``samesite``), or a ``Morsel`` of ``http.cookies``."""


def with_cookies(headers: Mapping[str, str] | None, cookies: Cookies | None) -> CIMultiDict[str]:
    """Return *headers*, checked, and a ``Set-Cookie`` for each of *cookies*.

    Raises:
        TypeError: *cookies* is no mapping, or something is of a wrong type.
        ValueError: a cookie has a bad name, or an attribute that cookies do not have.
    """
    both = checked_headers(headers)
    if cookies is None:
        return both
    if not isinstance(cookies, Mapping):
        raise TypeError(
            f"cookies must be a mapping of names to values, not {type(cookies).__name__}"
        )
    for name, given in cookies.items():
        both.add(hdrs.SET_COOKIE, _line(f"cookies[{name!r}]", name, given))
    return both


def _line(argument: str, name: str, given: Any) -> str:
    try:
        line = _morsel(argument, name, given).OutputString()
    except CookieError as exc:
        raise ValueError(f"{argument}: {exc}") from exc
    return checked_text(argument, line)


def _morsel(argument: str, name: str, given: Any) -> Morsel[str]:
    if isinstance(given, Morsel):
        return cast("Morsel[str]", given)
    attributes = _attributes(given)
    value = attributes.pop("value", None)
    if not isinstance(value, str):
        kind = type(given).__name__
        raise TypeError(
            f"{argument} must be a str, a dict with a str as its 'value', or a Morsel, "
            f"not {kind}: {given!r:.60}"
        )
    morsel = SimpleCookie({name: value})[name]
    # Sent for every path of the host unless it says otherwise, as `set_cookie` has it.
    morsel.update({"path": "/", **attributes})
    return morsel


def _attributes(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        named = cast("Mapping[str, Any]", given).items()
        return {key.replace("_", "-"): value for key, value in named}
    return {"value": given}
