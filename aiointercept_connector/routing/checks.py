"""What a ``Match`` can ask of a request, one small value a question.

A check holds or does not; the same check says what it expected and what came, so that matching and
explaining cannot disagree. Anything that cannot be decoded or parsed does not hold; it is no error.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from http.cookies import CookieError
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from ..unset import is_any
from .values import (
    Absent,
    form_values,
    identical,
    is_array,
    is_pattern,
    json_differences,
    json_equal,
    paired,
    shortened,
    value_fits,
)

if TYPE_CHECKING:
    from ..journal.parts import Part
    from ..journal.request import AiointerceptRequest

__all__ = (
    "BodyIs",
    "Check",
    "CookiesHave",
    "FormIs",
    "HeadersHave",
    "JsonHas",
    "JsonIs",
    "MethodIs",
    "PartsAre",
    "Predicate",
    "QueryHas",
)


@dataclass(frozen=True, eq=False)
class Check:
    """One question to a request.

    Attributes:
        field: what of the request is asked about.
        reads_body: whether that is in the body.
        wanted: what is expected there.
    """

    field: ClassVar[str]
    reads_body: ClassVar[bool] = False
    wanted: Any

    def holds(self, request: AiointerceptRequest) -> bool:
        """Tell whether the request has what is expected."""
        raise NotImplementedError

    def differences(self, request: AiointerceptRequest) -> Iterator[str]:
        """Say what was expected and what came; for a check that does not hold."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and identical(self.wanted, getattr(other, "wanted", None))

    def __hash__(self) -> int:
        return hash(type(self))  # what is wanted may be unhashable

    def __str__(self) -> str:
        """Return the argument of ``Match`` that asks this."""
        return f"{self.field}={self.wanted!r}"


class MethodIs(Check):
    """The method is one of several."""

    field = "method"

    def holds(self, request: AiointerceptRequest) -> bool:
        """Tell whether the method is among them."""
        return request.method in self.wanted

    def differences(self, request: AiointerceptRequest) -> Iterator[str]:
        """Name the methods."""
        yield f"expected {' or '.join(self.wanted)}, got {request.method}"


class _ValuesHave(Check):
    """Names have values, among others that are not looked at."""

    def _came(self, request: AiointerceptRequest, name: str) -> Sequence[str]:
        raise NotImplementedError

    def holds(self, request: AiointerceptRequest) -> bool:
        """Tell whether each name has its value."""
        for name, value in self.wanted.items():
            if not _values_fit(value, self._came(request, name)):
                return False
        return True

    def differences(self, request: AiointerceptRequest) -> Iterator[str]:
        """Name the names that do not."""
        for name, value in self.wanted.items():
            came = self._came(request, name)
            if not _values_fit(value, came):
                got = ", ".join(map(shortened, came)) if came else "nothing"
                yield f"{name}: expected {_wanted(value)}, got {got}"


def _values_fit(wanted: Any, came: Sequence[str]) -> bool:
    if is_array(wanted):
        # Each expected value needs one of its own: `a=1` twice is not `a=1` once.
        return None not in paired(wanted, came, value_fits)
    if isinstance(wanted, Absent):
        return not came
    return any(value_fits(wanted, text) for text in came)


class QueryHas(_ValuesHave):
    """The query has these parameters."""

    field = "query"

    def _came(self, request: AiointerceptRequest, name: str) -> Sequence[str]:
        return request.url.query.getall(name, ())


class HeadersHave(_ValuesHave):
    """The headers have these names, in any case."""

    field = "headers"

    def _came(self, request: AiointerceptRequest, name: str) -> Sequence[str]:
        return request.headers.getall(name, ())


class CookiesHave(_ValuesHave):
    """The request sends these cookies."""

    field = "cookies"

    def _came(self, request: AiointerceptRequest, name: str) -> Sequence[str]:
        try:
            value = request.cookies.get(name)
        except CookieError:
            return ()
        return () if value is None else (value,)


_NOT_READ: Final = object()
_NOT_JSON: Final = object()  # what a body has that is none


class _Reading:
    """What is read out of the body of one request, each form of it once."""

    def __init__(self, request: AiointerceptRequest, forget: Callable[[object], None]) -> None:
        self._request = weakref.ref(request, forget)
        self._json: Any = _NOT_READ

    def is_of(self, request: AiointerceptRequest) -> bool:
        """Tell whether this was read out of *request*."""
        return self._request() is request

    @property
    def json(self) -> Any:
        """The body as a JSON value, or ``_NOT_JSON``."""
        if self._json is _NOT_READ:  # a cached_property would take a lock, in older Pythons
            try:
                self._json = json.loads(self._of().captured_body or b"")
            except (ValueError, RecursionError):
                self._json = _NOT_JSON
        return self._json

    @cached_property
    def form(self) -> dict[str, list[str]] | None:
        """The values of each field; None if the body is no form."""
        try:
            form = self._of().captured_form
        except (ValueError, LookupError):
            return None
        return None if form is None else form_values(form.items())

    @cached_property
    def parts(self) -> tuple[Part, ...] | None:
        """The parts; None if the body is not multipart."""
        return self._of().captured_parts

    def _of(self) -> AiointerceptRequest:
        return cast("AiointerceptRequest", self._request())  # who asks holds it


class _Reader:
    """Keeps what was read last.

    The routes of one URL are asked about the same request one after the other, and are then laid
    beside it to explain why none of them answered: a large body is parsed once for all of them.
    """

    def __init__(self) -> None:
        self._last: _Reading | None = None

    def read(self, request: AiointerceptRequest) -> _Reading:
        """Return what is read out of the body of *request*."""
        last = self._last
        if last is None or not last.is_of(request):
            # One assignment: threads that read at the same time cannot mix their results.
            last = self._last = _Reading(request, self._forget)
        return last

    def _forget(self, _: object) -> None:
        self._last = None


_read = _Reader().read


class JsonIs(Check):
    """The body is this JSON value."""

    field = "json"
    reads_body = True
    subset: ClassVar[bool] = False

    @cached_property
    def _spelled(self) -> bytes:
        """The value as aiohttp's client writes it; nothing if it is no JSON alone."""
        try:
            return json.dumps(self.wanted).encode()
        except (TypeError, ValueError, RecursionError):
            return b""

    def holds(self, request: AiointerceptRequest) -> bool:
        """Tell whether the body is equal to the value, as JSON."""
        body = request.captured_body
        if body is not None and body == self._spelled:
            # What most clients send for an equal value: there is nothing to parse.
            return True
        came = _read(request).json
        if came is _NOT_JSON:
            return False
        try:
            return json_equal(self.wanted, came, subset=self.subset)
        except RecursionError:
            return False

    def differences(self, request: AiointerceptRequest) -> Iterator[str]:
        """Name the places where they differ."""
        came = _read(request).json
        if came is _NOT_JSON:
            body = request.captured_body
            what = f"a body that is not JSON: {shortened(body)}" if body else "no body"
            yield f"expected {shortened(self.wanted)}, got {what}"
            return
        try:
            yield from json_differences(self.wanted, came, subset=self.subset)
        except RecursionError:
            yield "nested too deeply to be compared"


class JsonHas(JsonIs):
    """The body is a JSON value that contains this one, at any depth."""

    field = "json_subset"
    subset = True


class FormIs(Check):
    """The body is a form with exactly these fields."""

    field = "form"
    reads_body = True

    def holds(self, request: AiointerceptRequest) -> bool:
        """Tell whether the body has these fields and no others."""
        return next(self.differences(request), None) is None

    def differences(self, request: AiointerceptRequest) -> Iterator[str]:
        """Name the fields that differ."""
        came = _read(request).form
        if came is None:
            yield f"expected form fields, got {described_body(request)}"
            return
        for name, wanted in self.wanted.items():
            values = came.get(name, [])
            if len(wanted) != len(values) or not all(map(value_fits, wanted, values)):
                yield f"{name}: expected {_listed(wanted)}, got {_listed(values)}"
        for name, values in came.items():
            if name not in self.wanted:
                yield f"{name}: expected nothing, got {_listed(values)}"


class PartsAre(Check):
    """The body is multipart, with exactly these parts, in any order."""

    field = "multipart"
    reads_body = True

    def holds(self, request: AiointerceptRequest) -> bool:
        """Tell whether the body has these parts and no others."""
        return next(self.differences(request), None) is None

    def differences(self, request: AiointerceptRequest) -> Iterator[str]:
        """Name the parts that are missing, and those that are too many."""
        came = _read(request).parts
        if came is None:
            yield f"expected a multipart body, got {described_body(request)}"
            return
        places = paired(self.wanted, came, _part_fits)
        for part, place in zip(self.wanted, places, strict=True):
            if place is None:
                yield f"expected a part with {_part(part)}, got none left like it"
        for place, part in enumerate(came):
            if place not in places:
                yield f"expected no other part, got {shortened(part)}"


def _part_fits(wanted: dict[str, Any], part: Part) -> bool:
    for name, value in wanted.items():
        came = getattr(part, name)
        if value is None or isinstance(value, Absent):
            if came is not None:
                return False
        elif came is None or not _content_fits(value, came, part.charset):
            return False
    return True


def _part(wanted: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_wanted(value)}" for name, value in wanted.items()) or "anything"


class BodyIs(Check):
    """The body is this, or contains what the expression matches."""

    field = "body"
    reads_body = True

    def holds(self, request: AiointerceptRequest) -> bool:
        """Tell whether the body, empty if there is none, is what is expected."""
        body = request.captured_body or b""
        return _content_fits(self.wanted, body, request.charset or "utf-8")

    def differences(self, request: AiointerceptRequest) -> Iterator[str]:
        """Show both."""
        body = request.captured_body
        yield f"expected {_wanted(self.wanted)}, got {shortened(body) if body else 'no body'}"


def _content_fits(wanted: Any, came: str | bytes, charset: str) -> bool:
    """Compare as text or as bytes, whichever is expected."""
    if is_any(wanted):
        return True
    pattern = wanted.pattern if is_pattern(wanted) else wanted
    try:
        if isinstance(pattern, str) and isinstance(came, bytes):
            came = came.decode(charset)
        elif isinstance(pattern, bytes) and isinstance(came, str):
            came = came.encode()
    except (LookupError, UnicodeError):
        return False
    if is_pattern(wanted):
        return wanted.search(came) is not None
    return bool(wanted == came)


class Predicate(Check):
    """A function of the test says so."""

    field = "predicate"

    @property
    def is_async(self) -> bool:
        """Whether the function must be awaited."""
        return iscoroutinefunction(self.wanted) or iscoroutinefunction(
            getattr(self.wanted, "__call__", None)  # noqa: B004 - its kind is asked, not whether
        )

    @property
    def name(self) -> str:
        """What messages call the function."""
        return getattr(self.wanted, "__qualname__", None) or repr(self.wanted)

    def holds(self, request: AiointerceptRequest) -> bool:
        """Ask the function.

        Raises:
            TypeError: it is a coroutine function.
        """
        if self.is_async:
            raise TypeError(
                f"{self.name} is a coroutine function: use `await match.matches_async(request)`."
            )
        return bool(self.wanted(request))

    async def holds_async(self, request: AiointerceptRequest) -> bool:
        """Ask the function, of either kind."""
        return bool(await self.wanted(request)) if self.is_async else self.holds(request)

    def differences(self, request: AiointerceptRequest) -> Iterator[str]:
        """Name the function."""
        yield f"{self.name} returned something false"

    def __str__(self) -> str:
        return f"predicate={self.name}"


def described_body(request: AiointerceptRequest) -> str:
    """Say in a line what body *request* has."""
    body = request.captured_body
    if not body and not request.cut:
        return "no body"
    size = request.cut or f"{len(body or b'')} bytes"
    return f"a body of {request.content_type}, {size}: {shortened(body or b'')}"


def _wanted(value: Any) -> str:
    if value is None or isinstance(value, Absent):
        return "nothing"
    if is_any(value):
        return "any value"
    if is_pattern(value):
        return f"a match of {value.pattern!r}"
    if is_array(value):
        return _listed(value)
    return shortened(value)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(_wanted, values)) if values else "nothing"
