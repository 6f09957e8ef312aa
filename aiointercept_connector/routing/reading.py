"""What is read out of the body of a request, once for all routes that ask."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from .values import form_values, shortened

if TYPE_CHECKING:
    from ..journal.parts import Part
    from ..journal.request import AiointerceptRequest

__all__ = ("NOT_JSON", "described_body", "read")

_NOT_READ: Final = object()
NOT_JSON: Final = object()  # what a body has that is none


class Reading:
    """What is read out of the body of one request, each form of it once."""

    def __init__(self, request: AiointerceptRequest, forget: Callable[[object], None]) -> None:
        self._request = weakref.ref(request, forget)
        self._json: Any = _NOT_READ

    def is_of(self, request: AiointerceptRequest) -> bool:
        """Tell whether this was read out of *request*."""
        return self._request() is request

    @property
    def json(self) -> Any:
        """The body as a JSON value, or ``NOT_JSON``."""
        if self._json is _NOT_READ:  # a cached_property would take a lock, in older Pythons
            try:
                self._json = json.loads(self._of().captured_body or b"")
            except (ValueError, RecursionError):
                self._json = NOT_JSON
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
        self._last: Reading | None = None

    def read(self, request: AiointerceptRequest) -> Reading:
        """Return what is read out of the body of *request*."""
        last = self._last
        if last is None or not last.is_of(request):
            # One assignment: threads that read at the same time cannot mix their results.
            last = self._last = Reading(request, self._forget)
        return last

    def _forget(self, _: object) -> None:
        self._last = None


read = _Reader().read


def described_body(request: AiointerceptRequest) -> str:
    """Say in a line what body *request* has."""
    body = request.captured_body
    if not body and not request.cut:
        return "no body"
    size = request.cut or f"{len(body or b'')} bytes"
    return f"a body of {request.content_type}, {size}: {shortened(body or b'')}"
