"""Conditions on requests, as values; what holds of them is asked of the library's own ``Match``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from ...journal.request import AiointerceptRequest
from ...journal.unsent import request_without_wire
from ...routing.matchers import Match as Condition
from ...routing.matchers import Matcher

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest

__all__ = ("Match", "Matching", "as_matcher", "condition", "of")


class Matching(Protocol):
    """What a route's ``match`` may be, beside a ``Match``."""

    def matches(self, request: Any, body: bytes) -> bool:
        """Tell whether *request*, with this body, is one for the route."""
        ...


@dataclass(frozen=True)
class Match:
    """What a request must have; all that is given must hold, and None asks for nothing.

    Attributes:
        json: the body as a JSON value.
        body: the body as bytes.
        headers: headers, among others.
        query: parameters, among others.
    """

    json: Any = None
    body: bytes | None = None
    headers: dict[str, str] | None = None
    query: dict[str, str] | None = None

    def __post_init__(self) -> None:
        for name in ("headers", "query"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, dict(given))

    def matches(self, request: BaseRequest, body: bytes) -> bool:
        """Tell whether *request*, with this body, has all that is asked for."""
        return as_matcher(self).matches(of(request, body))


def as_matcher(match: Match | Matching) -> Matcher:
    """Return the condition that *match* is, in this library's terms."""
    if type(match) is Match:
        return condition(vars(match))
    # What overrides `matches` means it.
    return Condition(predicate=lambda request: match.matches(request, request.captured_body or b""))


def condition(given: Mapping[str, Any]) -> Matcher:
    """Return the condition that those of ``json``, ``body``, ``headers``, ``query`` are, if given.

    Raises:
        TypeError: one of them is of a type that no request could have.
    """
    return Condition(**{name: value for name, value in given.items() if value is not None})


def of(request: Any, body: bytes) -> AiointerceptRequest:
    """Return *request* as this library records one: anything with its attributes will do."""
    record = getattr(request, "request", request)
    if isinstance(record, AiointerceptRequest):
        return record
    return request_without_wire(
        request.method, request.url, request.headers, body, cast("Any", None)
    )
