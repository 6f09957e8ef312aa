"""What a ``Match`` can ask of a request, one small value a question; of its body: ``body_checks``.

A check holds or does not; the same check says what it expected and what came, so that matching and
explaining cannot disagree. Anything that cannot be decoded or parsed does not hold; it is no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.cookies import CookieError
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ClassVar

from ..unset import is_any
from .values import (
    Absent,
    identical,
    is_array,
    is_pattern,
    paired,
    shortened,
    value_fits,
)

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest

__all__ = (
    "Check",
    "CookiesHave",
    "HeadersHave",
    "MethodIs",
    "Predicate",
    "QueryHas",
    "in_words",
    "listed",
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
                yield f"{name}: expected {in_words(value)}, got {got}"


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


def in_words(value: Any) -> str:
    """Return what messages say of a value that is expected."""
    if value is None or isinstance(value, Absent):
        return "nothing"
    if is_any(value):
        return "any value"
    if is_pattern(value):
        return f"a match of {value.pattern!r}"
    if is_array(value):
        return listed(value)
    return shortened(value)


def listed(values: Sequence[Any]) -> str:
    """Return the same of several."""
    return ", ".join(map(in_words, values)) if values else "nothing"
