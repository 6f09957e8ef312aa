"""What a ``Match`` can ask of a body, one small value a question."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from ..unset import is_any
from .checks import Check, in_words, listed
from .reading import NOT_JSON, described_body, read
from .values import (
    Absent,
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

__all__ = ("BodyIs", "FormIs", "JsonHas", "JsonIs", "PartsAre")


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
        came = read(request).json
        if came is NOT_JSON:
            return False
        try:
            return json_equal(self.wanted, came, subset=self.subset)
        except RecursionError:
            return False

    def differences(self, request: AiointerceptRequest) -> Iterator[str]:
        """Name the places where they differ."""
        came = read(request).json
        if came is NOT_JSON:
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
        came = read(request).form
        if came is None:
            yield f"expected form fields, got {described_body(request)}"
            return
        for name, wanted in self.wanted.items():
            values = came.get(name, [])
            if len(wanted) != len(values) or not all(map(value_fits, wanted, values)):
                yield f"{name}: expected {listed(wanted)}, got {listed(values)}"
        for name, values in came.items():
            if name not in self.wanted:
                yield f"{name}: expected nothing, got {listed(values)}"


class PartsAre(Check):
    """The body is multipart, with exactly these parts, in any order."""

    field = "multipart"
    reads_body = True

    def holds(self, request: AiointerceptRequest) -> bool:
        """Tell whether the body has these parts and no others."""
        return next(self.differences(request), None) is None

    def differences(self, request: AiointerceptRequest) -> Iterator[str]:
        """Name the parts that are missing, and those that are too many."""
        came = read(request).parts
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
    return ", ".join(f"{name} {in_words(value)}" for name, value in wanted.items()) or "anything"


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
        yield f"expected {in_words(self.wanted)}, got {shortened(body) if body else 'no body'}"


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
