"""What a test may assert of a journal. Every function raises ``AssertionError``, or does nothing.

The first line of a message says what was expected and what came; where the two differ, and what
else was asked, stands below it.
"""

from __future__ import annotations

import json as _json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from multidict import CIMultiDict
from yarl import URL

from ..routing.urls import QueryParams, canonical_url, merge_params
from ..routing.values import form_values, json_differences, shortened
from ..unset import UNSET, is_any
from .captured import FORM_TYPE, MULTIPART_FORM_TYPE
from .request import AiointerceptRequest

if TYPE_CHECKING:
    from ..routing.route import Route
    from .journal import Journal

__all__ = (
    "assert_all_called",
    "assert_all_matched",
    "assert_any_call",
    "assert_called",
    "assert_called_in_order",
    "assert_called_once",
    "assert_called_with",
    "assert_not_called",
    "dropped_unmatched",
    "unused",
)

Check: TypeAlias = "Callable[[AiointerceptRequest], list[str]]"
"""Returns what is wrong with a request."""

_LISTED = 10
_EXPLAINED = 3
_SUGGESTED = 3
_BEFORE, _SHOWN = 20, 60


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


def assert_all_called(routes: Iterable[Route]) -> None:
    """Every route was called."""
    problems = list(unused(routes))
    if problems:
        raise AssertionError("\n".join(problems))


def unused(routes: Iterable[Route]) -> Iterator[str]:
    """Say of each route that was never called that it was not."""
    for route in routes:
        if not route.called:
            where = f" (registered at {route.registered_at})" if route.registered_at else ""
            yield f"{route} was never called{where}."


def assert_all_matched(journal: Journal, explain: Callable[[AiointerceptRequest], str]) -> None:
    """Every request met a route."""
    unmatched = journal.unmatched
    dropped = list(dropped_unmatched(journal))
    if unmatched or dropped:
        shown = [explain(request) for request in unmatched[:_EXPLAINED]]
        rest = [f"{one.method} {one.url} met no route either." for one in unmatched[_EXPLAINED:]]
        raise AssertionError("\n".join([*shown, *rest[:_LISTED], *dropped]))


def dropped_unmatched(journal: Journal) -> Iterator[str]:
    """Say how many requests met no route and are not kept, if there are any."""
    if journal.dropped_unmatched:
        yield (
            f"{journal.dropped_unmatched} requests met no route and are not kept "
            f"(max_requests={journal.max_requests})."
        )


def assert_called_in_order(journal: Journal, routes: Sequence[Route]) -> None:
    """These routes were called in this order; other calls may lie between."""
    answered = (request.route for request in journal.records)
    for number, route in enumerate(routes, 1):
        if not any(one is route for one in answered):
            order = "".join(f"\n  {n}. {one}" for n, one in enumerate(routes, 1))
            raise AssertionError(
                f"Expected calls in this order:{order}\n"
                f"Number {number} was not called after those before it. The calls were:"
                f"{_listed(journal) or ' none'}"
            )


def assert_any_call(
    journal: Journal, url: str | URL, method: str, params: QueryParams | None
) -> list[AiointerceptRequest]:
    """Some request came for this method and URL; they are returned."""
    wanted = merge_params(URL(url), params)
    calls = journal.to(method, wanted)
    if not calls:
        raise AssertionError(_no_calls(journal, method.upper(), wanted))
    return calls


def assert_called_with(
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
    check = _checker(data, json, headers, strict_headers=strict_headers)
    calls = assert_any_call(journal, url, method, params)
    problems = check(calls[-1])
    if problems:
        raise AssertionError("\n".join([*problems, *_earlier(calls, check), *_missing(journal)]))


def _checker(data: Any, json: Any, headers: Any, *, strict_headers: bool) -> Check:
    """Return what finds out how a request is not as these arguments have it."""
    checks: list[Callable[[AiointerceptRequest], Iterator[str]]] = []
    if json is not UNSET and not is_any(json):
        checks.append(lambda request: _json_problems(json, request))
    if data is not None and not is_any(data):
        checks.append(_data_check(data))
    if strict_headers:
        checks.append(lambda request: _strict_header_problems(headers or {}, request))
    elif headers is not None and not is_any(headers):
        checks.append(lambda request: _header_problems(headers, request))
    return lambda request: [problem for check in checks for problem in check(request)]


def _json_problems(expected: Any, request: AiointerceptRequest) -> Iterator[str]:
    if request.cut:
        yield _cut_problem(request)
        return
    body = request.captured_body or b""
    try:
        actual = _json.loads(body)
    except (ValueError, RecursionError):
        came = f"non-JSON body {shortened(body)}" if body else "no body"
        yield f"JSON body mismatch: expected {shortened(expected)}, got {came}"
        return
    yield from _mismatch("JSON body mismatch", expected, actual)


def _data_check(data: Any) -> Callable[[AiointerceptRequest], Iterator[str]]:
    if isinstance(data, str):
        data = data.encode()
    if isinstance(data, (bytes, bytearray)):
        body = bytes(data)
        return lambda request: _body_problems(body, request)
    if isinstance(data, (Mapping, list, tuple)):
        fields = form_values(cast("Mapping[str, Any]", data))
        return lambda request: _form_problems(fields, request)
    raise TypeError(
        f"data must be str, bytes, or form fields, not {type(data).__name__}: {data!r:.60}"
    )


def _body_problems(expected: bytes, request: AiointerceptRequest) -> Iterator[str]:
    if request.cut:
        yield _cut_problem(request)
        return
    actual = request.captured_body or b""
    if expected == actual:
        return
    yield f"Body mismatch: expected {shortened(expected)}, got {shortened(actual)}"
    pairs = enumerate(zip(expected, actual, strict=False))
    first = next((at for at, (a, b) in pairs if a != b), min(len(expected), len(actual)))
    seen = slice(max(0, first - _BEFORE), first + _SHOWN)
    if seen.start:
        yield f"  from byte {seen.start} on: expected {expected[seen]!r}, got {actual[seen]!r}"


def _cut_problem(request: AiointerceptRequest) -> str:
    return f"The body cannot be compared: {request.cut}"


def _form_problems(
    expected: Mapping[str, list[Any]], request: AiointerceptRequest
) -> Iterator[str]:
    if request.cut:
        yield _cut_problem(request)
        return
    fields = request.captured_form
    if fields is None:
        kind = request.headers.get("Content-Type", "")
        yield (
            f"data=dict assertion requires Content-Type: {FORM_TYPE}, got {kind!r}. "
            f"Use json= for JSON bodies."
        )
        return
    wanted: dict[str, Any] = {
        # As the one value of a name, ANY stands for several too.
        name: values[0] if len(values) == 1 and is_any(values[0]) else values
        for name, values in expected.items()
    }
    what = "Multipart" if request.content_type == MULTIPART_FORM_TYPE else "Form-encoded"
    yield from _mismatch(f"{what} body mismatch", wanted, form_values(fields.items()))


def _header_problems(expected: Mapping[str, str], request: AiointerceptRequest) -> Iterator[str]:
    for name, value in expected.items():
        came = request.headers.getall(name, [])
        if value not in came:
            got = came[0] if len(came) == 1 else came or None
            yield f"Header {name!r}: expected {value!r}, got {got!r}"


def _strict_header_problems(
    expected: Mapping[str, str], request: AiointerceptRequest
) -> Iterator[str]:
    yield from _mismatch("Headers mismatch", _by_name(expected), _by_name(request.headers))


def _by_name(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return headers by name in one case, as the value or, of a repeated one, the values."""
    every: CIMultiDict[Any] = CIMultiDict(headers)
    values = {name.title(): every.getall(name) for name in every}
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def _mismatch(what: str, expected: Any, actual: Any) -> Iterator[str]:
    """Say that, and where, two values differ; nothing if they do not."""
    places = list(islice(json_differences(expected, actual), _LISTED + 1))
    if not places:
        return
    yield f"{what}: expected {shortened(expected)}, got {shortened(actual)}"
    yield from (f"  {place}" for place in places[:_LISTED])
    if len(places) > _LISTED:
        yield "  … and more"


def _earlier(calls: list[AiointerceptRequest], check: Check) -> Iterator[str]:
    """Say what all calls to the URL were like, if the last was not the only one."""
    if len(calls) == 1:
        return
    yield f"It is the last of {len(calls)} calls to this URL that counts:"
    left_out = max(0, len(calls) - _LISTED)
    if left_out:
        yield f"  … {left_out} before these"
    for number, call in enumerate(calls[left_out:], left_out + 1):
        problems = check(call)
        yield f"  {number}. {problems[0] if problems else 'is as expected'}"


def _no_calls(journal: Journal, method: str, url: URL) -> str:
    text = f"No calls to {method} {canonical_url(url) if url.absolute else url}"
    text = "\n".join([text, *_missing(journal)])
    if not len(journal):
        return f"{text}\nNo requests were recorded."
    known = [f"{method} {url}" for method, url in journal.by_url]
    # Imported at its use: importing this package is to stay cheap.
    import difflib

    near = difflib.get_close_matches(f"{method} {url}", known, _SUGGESTED, cutoff=0)
    return "\n".join([text, "Did you mean one of:", *(f"  - {line}" for line in near)])


def _listed(journal: Journal) -> str:
    shown = enumerate(journal.records[:_LISTED], journal.dropped + 1)
    lines = [f"\n  … {missing}" for missing in _missing(journal)]
    lines += [f"\n  {n}. {r.method} {r.url}" for n, r in shown]
    if (more := len(journal) - journal.dropped - _LISTED) > 0:
        lines.append(f"\n  … and {more} more")
    return "".join(lines)


def _missing(journal: Journal) -> Iterator[str]:
    """Say that there are requests that are not kept, if there are."""
    if journal.dropped:
        yield f"Of {len(journal)} requests {journal.missing}."
