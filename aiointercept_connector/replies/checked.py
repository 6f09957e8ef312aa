"""What replies are given, checked: returned as it can be sent, or refused by its name."""

from __future__ import annotations

import json as _json
import re
import sys
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any, Final, cast

from multidict import CIMultiDict

__all__ = (
    "SECONDS",
    "check_mapping",
    "checked_flag",
    "checked_headers",
    "checked_list",
    "checked_seconds",
    "checked_status",
    "checked_text",
    "encode_body",
    "encode_json",
    "encode_text",
)

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BREAKS_HEAD = re.compile(r"[\r\n\0]")
_LOWEST_STATUS: Final = 100
_HIGHEST_STATUS: Final = 599

SECONDS: Final = "a number of seconds, at least 0"
"""What may be waited, as a message says it."""


def checked_status(status: Any) -> int:
    """Return *status* if a response may have it."""
    if not isinstance(status, int) or isinstance(status, bool):
        raise TypeError(
            f"status must be an int from 100 to 599, not {type(status).__name__}: {status!r}"
        )
    if not _LOWEST_STATUS <= status <= _HIGHEST_STATUS:
        raise ValueError(f"status must be from 100 to 599, not {status}")
    return status


def encode_body(body: Any) -> bytes:
    """Return *body* as bytes; text as UTF-8."""
    if isinstance(body, str):
        return encode_text("body", body)
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", body))
    kind, hint = type(body).__name__, ""
    if isinstance(body, (dict, list)):
        hint = " For a JSON body use json=."
    elif isinstance(body, (Iterable, AsyncIterable)):
        hint = " To send it in pieces use reply=replies.stream(...)."
    raise TypeError(f"body must be str or bytes, not {kind}: {body!r:.60}.{hint}")


def encode_text(argument: str, text: Any) -> bytes:
    """Return *text* as UTF-8."""
    if not isinstance(text, str):
        raise TypeError(f"{argument} must be a str, not {type(text).__name__}: {text!r:.60}")
    _check_encodable(argument, text)
    return text.encode()


def _check_encodable(argument: str, text: str, errors: str = "strict") -> None:
    if text.isascii():  # most are, and what follows takes its time
        return
    try:
        text.encode("utf-8", errors)
    except UnicodeEncodeError as exc:
        raise ValueError(
            f"{argument} cannot be sent as UTF-8: {text[exc.start]!r} is half a character"
        ) from exc


def encode_json(value: Any, argument: str = "json (or payload)") -> bytes:
    """Return *value* as JSON."""
    try:
        return _json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise TypeError(f"{argument} must be serialisable as JSON: {exc}") from exc


def checked_headers(
    headers: Mapping[Any, Any] | None, argument: str = "headers"
) -> CIMultiDict[str]:
    """Return a copy of *headers* if they can be sent."""
    checked: CIMultiDict[str] = CIMultiDict()
    if headers is None:
        return checked
    check_mapping(argument, headers)
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f"{argument}: {name!r} is not a header name")
        checked.add(name, checked_text(f"{argument}[{name!r}]", value))
    return checked


def check_mapping(argument: str, headers: Any) -> None:
    """Refuse headers that are no mapping."""
    if not isinstance(headers, Mapping):
        raise TypeError(
            f"{argument} must be a mapping of names to values, not {type(headers).__name__}"
        )


def checked_text(argument: str, value: Any) -> str:
    """Return *value* if it can be sent as a header."""
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a str, not {type(value).__name__}: {value!r}")
    if _BREAKS_HEAD.search(value):
        raise ValueError(f"{argument} must not contain CR, LF or NUL: {value!r}")
    # Recorded and relayed headers may hold bytes that are no UTF-8.
    _check_encodable(argument, value, "surrogateescape")
    return value


def checked_list(argument: str, value: Any, wanted: str) -> list[Any]:
    """Return the items of *value*, unless it has some by being text, bytes or a mapping."""
    items: Any = value
    no_list = (str, bytes, bytearray, memoryview, Mapping)
    if isinstance(value, Iterable) and not isinstance(value, no_list):
        return list(items)
    raise TypeError(f"{argument} must be {wanted}, not {type(items).__name__}: {items!r:.60}")


def checked_flag(argument: str, value: Any) -> bool:
    """Return *value* if it says yes or no."""
    if not isinstance(value, bool):
        raise TypeError(
            f"{argument} must be True or False, not {type(value).__name__}: {value!r:.60}"
        )
    return value


def checked_seconds(argument: str, value: Any, wanted: str = SECONDS) -> float:
    """Return *value* if it is a number of seconds to wait."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{argument} must be {wanted}, not {type(value).__name__}: {value!r:.60}")
    # NaN is in no range, infinity and the longest ints are beyond what a float can be.
    if not 0 <= value <= sys.float_info.max:
        raise ValueError(f"{argument} must be {wanted}, not {value!r:.60}")
    return value
