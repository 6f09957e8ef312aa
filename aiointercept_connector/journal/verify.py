"""What a test may assert of a journal. Every function raises ``AssertionError``, or does nothing."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pprint import pformat
from typing import Any
from unittest.mock import ANY
from urllib.parse import parse_qsl

from yarl import URL

from ..routing.urls import QueryParams, canonical_url, merge_params
from ..routing.values import form_values, json_equal
from ..unset import UNSET
from .journal import Journal
from .request import AiointerceptRequest

__all__ = (
    "assert_any_call",
    "assert_called",
    "assert_called_once",
    "assert_called_with",
    "assert_not_called",
)

FORM_TYPE = "application/x-www-form-urlencoded"
_LISTED = 10
_SUGGESTED = 3
_DIFF_LINES = 60
_SHOWN = 200


def assert_called(journal: Journal) -> None:
    """Some request came."""
    if not len(journal):
        raise AssertionError("Expected at least one call, got none.")


def assert_not_called(journal: Journal) -> None:
    """No request came."""
    if len(journal):
        raise AssertionError(f"Expected no calls, got {len(journal)}{_listed(journal)}")


def assert_called_once(journal: Journal) -> None:
    """Exactly one request came, over all URLs."""
    if len(journal) != 1:
        raise AssertionError(f"Expected exactly 1 call, got {len(journal)}.{_listed(journal)}")


def assert_any_call(
    journal: Journal, url: str | URL, method: str, params: QueryParams | None
) -> list[AiointerceptRequest]:
    """Some request came for this method and URL; they are returned."""
    wanted = merge_params(URL(url), params)
    calls = journal.to(method, wanted)
    if not calls:
        raise AssertionError(_no_calls(journal, method.upper(), wanted))
    return calls


def assert_called_with(  # noqa: PLR0913 - the signature users of the field know
    journal: Journal,
    url: str | URL,
    method: str,
    params: QueryParams | None,
    *,
    data: Any,
    json: Any,
    headers: Mapping[str, str] | None,
    strict_headers: bool,
) -> None:
    """The last request for this method and URL carried these values."""
    calls = assert_any_call(journal, url, method, params)
    check = _checker(data, json, headers, strict_headers=strict_headers)
    problem = check(calls[-1])
    if problem:
        raise AssertionError(problem + _other_calls(calls, check))


def _checker(
    data: Any, json: Any, headers: Mapping[str, str] | None, *, strict_headers: bool
) -> Callable[[AiointerceptRequest], str | None]:
    def check(request: AiointerceptRequest) -> str | None:
        problem = None
        if json is not UNSET:
            problem = _json_problem(json, request)
        elif data is not None:
            problem = _data_problem(data, request)
        if problem is None and headers is not None:
            problem = _headers_problem(headers, request, strict=strict_headers)
        return problem

    return check


def _json_problem(expected: Any, request: AiointerceptRequest) -> str | None:
    actual = request.captured_json
    if actual is None and (request.captured_body or b"").strip() != b"null":
        if expected is ANY:
            return None
        return f"Expected JSON body {_short(expected)}, got {_body(request)}"
    if json_equal(expected, actual):
        return None
    return _mismatch("JSON body mismatch", expected, actual)


def _data_problem(expected: Any, request: AiointerceptRequest) -> str | None:
    if expected is ANY:
        return None
    if isinstance(expected, Mapping):
        return _form_problem(expected, request)
    wanted = expected.encode() if isinstance(expected, str) else bytes(expected)
    actual = request.captured_body or b""
    return None if wanted == actual else _mismatch("Body mismatch", wanted, actual)


def _form_problem(expected: Mapping[str, Any], request: AiointerceptRequest) -> str | None:
    if request.content_type != FORM_TYPE:
        return (
            f"data=dict assertion requires Content-Type: {FORM_TYPE}, "
            f"got {request.content_type!r}. Use json= for JSON bodies."
        )
    fields = parse_qsl(request.captured_text, keep_blank_values=True)
    wanted, actual = form_values(expected), form_values(fields)
    return None if wanted == actual else _mismatch("Form-encoded body mismatch", wanted, actual)


def _headers_problem(
    expected: Mapping[str, str], request: AiointerceptRequest, *, strict: bool
) -> str | None:
    if strict:
        wanted = {name.title(): value for name, value in expected.items()}
        actual = {name.title(): value for name, value in request.headers.items()}
        return None if wanted == actual else _mismatch("Headers mismatch", wanted, actual)
    for name, value in expected.items():
        came = request.headers.getall(name, [])
        if value not in came and not (came and value is ANY):
            got = came[0] if len(came) == 1 else came or None
            return f"Header {name!r}: expected {value!r}, got {got!r}"
    return None


def _mismatch(what: str, expected: Any, actual: Any) -> str:
    text = f"{what}: expected {_short(expected)}, got {_short(actual)}"
    lines = difflib.ndiff(pformat(expected).splitlines(), pformat(actual).splitlines())
    diff = [f"  {line.rstrip()[:_SHOWN]}" for line in lines if not line.startswith("?")]
    if len(diff) > _DIFF_LINES:
        diff[_DIFF_LINES:] = [f"  … {len(diff) - _DIFF_LINES} more lines"]
    return "\n".join([text, "Difference (- expected, + got):", *diff])


def _other_calls(
    calls: list[AiointerceptRequest], check: Callable[[AiointerceptRequest], str | None]
) -> str:
    """Say which of the earlier calls would have been right; the last is the one that counts."""
    if len(calls) == 1:
        return ""
    right = [str(n) for n, call in enumerate(calls, 1) if check(call) is None]
    note = f"only call {', '.join(right)} matches" if right else "none of them matches"
    return f"\nThis is the last of {len(calls)} calls to the URL; {note}."


def _no_calls(journal: Journal, method: str, url: URL) -> str:
    text = f"No calls to {method} {canonical_url(url) if url.absolute else url}"
    if not len(journal):
        return f"{text}\nNo requests were recorded."
    known = [f"{method} {url}" for method, url in journal.by_url]
    near = difflib.get_close_matches(f"{method} {url}", known, _SUGGESTED, cutoff=0)
    return "\n".join([text, "Did you mean one of:", *(f"  - {line}" for line in near)])


def _listed(journal: Journal) -> str:
    lines = [f"\n  {n}. {r.method} {r.url}" for n, r in enumerate(journal.records[:_LISTED], 1)]
    if len(journal) > _LISTED:
        lines.append(f"\n  … and {len(journal) - _LISTED} more")
    return "".join(lines)


def _body(request: AiointerceptRequest) -> str:
    return f"the body {_short(request.captured_body)}" if request.captured_body else "no body"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
