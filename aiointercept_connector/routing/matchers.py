"""What a request must have beside its URL: conditions as values.

A matcher is frozen, printable and comparable; ``&``, ``|`` and ``~`` combine matchers. It can be
asked whether it matches, and why not: both answers come from the same checks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..unset import UNSET
from .checks import Check, Predicate
from .given import check_of

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest

__all__ = ("Explanation", "Finding", "Match", "Matcher")

_DETAILS = 5
_NOT_GIVEN: Any = UNSET  # a default for arguments of every type


@dataclass(frozen=True)
class Finding:
    """What one check of a matcher found: whether it held, and if not, what was different."""

    field: str
    holds: bool
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.holds:
            return f"✓ {self.field}"
        first, *others = self.details or ("does not match",)
        return "\n".join([f"✗ {self.field}: {first}", *(f"    {line}" for line in others)])


@dataclass(frozen=True)
class Explanation:
    """Why a request matches, or does not: what each check found."""

    findings: tuple[Finding, ...]

    @property
    def matches(self) -> bool:
        """Whether every check held."""
        return all(finding.holds for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings)) or "✓ nothing is asked"


class Matcher:
    """A condition on requests."""

    __slots__ = ()

    @property
    def is_async(self) -> bool:
        """Whether a coroutine function is to be asked."""
        raise NotImplementedError

    @property
    def reads_body(self) -> bool:
        """Whether the body of a request is looked at; a predicate is taken not to."""
        raise NotImplementedError

    def matches(self, request: AiointerceptRequest) -> bool:
        """Tell whether *request* meets the condition.

        Raises:
            TypeError: a predicate is a coroutine function; see ``matches_async``.
        """
        raise NotImplementedError

    async def matches_async(self, request: AiointerceptRequest) -> bool:
        """Tell the same, and await predicates that are coroutine functions."""
        raise NotImplementedError

    def findings(self, request: AiointerceptRequest) -> Iterator[Finding]:
        """Return what each check finds; the request matches if all of them hold."""
        raise NotImplementedError

    def explain(self, request: AiointerceptRequest) -> Explanation:
        """Say of each part of the condition whether *request* meets it, and why not.

        Raises:
            TypeError: a predicate is a coroutine function.
        """
        return Explanation(tuple(self.findings(request)))

    def __and__(self, other: Matcher) -> Matcher:
        return _All((self, other)) if _is_matcher(other) else NotImplemented

    def __or__(self, other: Matcher) -> Matcher:
        return _Either((self, other)) if _is_matcher(other) else NotImplemented

    def __invert__(self) -> Matcher:
        return _Not(self)


class Match(Matcher):
    """What a request must have; every argument is optional, and all that are given must hold.

    Args:
        method: the HTTP method, or several to choose from.
        query: parameters, among others. A list stands for a repeated name.
        headers: headers, among others, in any case.
        cookies: cookies, among others.
        json: the body as a JSON value; ``None`` is JSON null, ``true`` is not ``1``.
        json_subset: a JSON value that the body contains, at any depth.
        form: the fields of a form, all of them; blank values count.
        multipart: the parts of a multipart body, all of them, as mappings with any of ``name``,
            ``filename``, ``content_type`` and ``body``; or as one mapping of names to bodies.
        body: the body as bytes or text, or an expression to be found in it.
        predicate: a function, or coroutine function, of the recorded request.

    The value of a header, cookie or parameter may be text, a compiled regular expression (to be
    found in it), ``ANY``, or ``ABSENT``. ``ANY`` stands for any value in JSON and forms too. What
    does not decode or parse does not match; it is no error.

    Example:
        >>> Match(query={"page": 2}) & ~Match(headers={"Authorization": ABSENT})
        Match(query={'page': '2'}) & ~Match(headers={'Authorization': ABSENT})
    """

    __slots__ = ("_checks",)

    def __init__(
        self,
        *,
        method: str | Iterable[str] = _NOT_GIVEN,
        query: Mapping[str, Any] = _NOT_GIVEN,
        headers: Mapping[str, Any] = _NOT_GIVEN,
        cookies: Mapping[str, Any] = _NOT_GIVEN,
        json: Any = _NOT_GIVEN,
        json_subset: Any = _NOT_GIVEN,
        form: Mapping[str, Any] | Iterable[tuple[str, Any]] = _NOT_GIVEN,
        multipart: Mapping[str, Any] | Iterable[Mapping[str, Any]] = _NOT_GIVEN,
        body: bytes | str | re.Pattern[str] | re.Pattern[bytes] = _NOT_GIVEN,
        predicate: Callable[[AiointerceptRequest], Any] = _NOT_GIVEN,
    ) -> None:
        given = {
            "method": method,
            "query": query,
            "headers": headers,
            "cookies": cookies,
            "json": json,
            "json_subset": json_subset,
            "form": form,
            "multipart": multipart,
            "body": body,
            "predicate": predicate,
        }
        self._checks: tuple[Check, ...] = tuple(
            check_of(name, value) for name, value in given.items() if value is not UNSET
        )

    @property
    def is_async(self) -> bool:
        """Whether the predicate is a coroutine function."""
        return any(_is_async(check) for check in self._checks)

    @property
    def reads_body(self) -> bool:
        """Whether the body is asked about."""
        return any(check.reads_body for check in self._checks)

    def matches(self, request: AiointerceptRequest) -> bool:
        """Tell whether *request* has all that was given."""
        for check in self._checks:  # noqa: SIM110 - for every request; all() takes longer
            if not check.holds(request):
                return False
        return True

    async def matches_async(self, request: AiointerceptRequest) -> bool:
        """Tell the same; a predicate may be a coroutine function."""
        for check in self._checks:
            if isinstance(check, Predicate):
                holds = await check.holds_async(request)
            else:
                holds = check.holds(request)
            if not holds:
                return False
        return True

    def findings(self, request: AiointerceptRequest) -> Iterator[Finding]:
        """Return what each argument that was given finds."""
        for check in self._checks:
            holds = check.holds(request)
            details = () if holds else tuple(islice(check.differences(request), _DETAILS))
            yield Finding(check.field, holds, details)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Match) and self._checks == other._checks

    def __hash__(self) -> int:
        return hash(self._checks)

    def __repr__(self) -> str:
        return f"Match({', '.join(map(str, self._checks))})"


@dataclass(frozen=True)
class _All(Matcher):
    """All of several matchers."""

    matchers: tuple[Matcher, ...]

    @property
    def is_async(self) -> bool:
        return any(matcher.is_async for matcher in self.matchers)

    @property
    def reads_body(self) -> bool:
        return any(matcher.reads_body for matcher in self.matchers)

    def matches(self, request: AiointerceptRequest) -> bool:
        return all(matcher.matches(request) for matcher in self.matchers)

    async def matches_async(self, request: AiointerceptRequest) -> bool:
        for matcher in self.matchers:
            if not await matcher.matches_async(request):
                return False
        return True

    def findings(self, request: AiointerceptRequest) -> Iterator[Finding]:
        for matcher in self.matchers:
            yield from matcher.findings(request)

    def __repr__(self) -> str:
        return " & ".join(_bracketed(matcher, _Either) for matcher in self.matchers)


@dataclass(frozen=True)
class _Either(Matcher):
    """One of several matchers, or more."""

    matchers: tuple[Matcher, ...]

    @property
    def is_async(self) -> bool:
        return any(matcher.is_async for matcher in self.matchers)

    @property
    def reads_body(self) -> bool:
        return any(matcher.reads_body for matcher in self.matchers)

    def matches(self, request: AiointerceptRequest) -> bool:
        return any(matcher.matches(request) for matcher in self.matchers)

    async def matches_async(self, request: AiointerceptRequest) -> bool:
        for matcher in self.matchers:
            if await matcher.matches_async(request):
                return True
        return False

    def findings(self, request: AiointerceptRequest) -> Iterator[Finding]:
        if self.matches(request):
            yield Finding("one of", holds=True)
            return
        lines = (
            f"{finding.field}: {detail}"
            for matcher in self.matchers
            for finding in matcher.findings(request)
            if not finding.holds
            for detail in finding.details
        )
        yield Finding("one of", holds=False, details=("none holds", *islice(lines, _DETAILS)))

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.matchers))


@dataclass(frozen=True)
class _Not(Matcher):
    """Not a matcher."""

    matcher: Matcher

    @property
    def is_async(self) -> bool:
        return self.matcher.is_async

    @property
    def reads_body(self) -> bool:
        return self.matcher.reads_body

    def matches(self, request: AiointerceptRequest) -> bool:
        return not self.matcher.matches(request)

    async def matches_async(self, request: AiointerceptRequest) -> bool:
        return not await self.matcher.matches_async(request)

    def findings(self, request: AiointerceptRequest) -> Iterator[Finding]:
        holds = self.matches(request)
        yield Finding("not", holds, () if holds else (f"expected no {self.matcher!r}",))

    def __repr__(self) -> str:
        return f"~{_bracketed(self.matcher, (_Either, _All))}"


def _bracketed(matcher: Matcher, kinds: type | tuple[type, ...]) -> str:
    return f"({matcher!r})" if isinstance(matcher, kinds) else repr(matcher)


def _is_matcher(value: object) -> bool:
    return isinstance(value, Matcher)


def _is_async(check: Check) -> bool:
    return isinstance(check, Predicate) and check.is_async
