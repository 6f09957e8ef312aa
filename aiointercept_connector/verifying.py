"""The verifying side of a mock: what it was asked, and what a test asserts of that."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs
from yarl import URL

from .errors import VerificationError
from .journal import verify
from .notes import add_notes
from .routing.target import Asked
from .unset import UNSET

if TYPE_CHECKING:
    from .interceptor import Interceptor
    from .journal.journal import RequestKey, RequestsByUrl
    from .journal.request import AiointerceptRequest
    from .routing.policy import PassedRequest
    from .routing.route import Route
    from .routing.urls import QueryParams

__all__ = ("Verifying", "report")


class Verifying:
    """Tells what was asked."""

    interceptor: Interceptor
    strict: bool

    @property
    def requests(self) -> RequestsByUrl:
        """The requests by ``(METHOD, URL)``, each a list in order of arrival."""
        return self.interceptor.journal.by_url

    @property
    def ordered_requests(self) -> list[tuple[RequestKey, AiointerceptRequest]]:
        """The requests in order of arrival, each with its ``(METHOD, URL)``."""
        return [((call.method, call.canonical_url), call) for call in self.calls]

    @property
    def calls(self) -> list[AiointerceptRequest]:
        """The requests in order of arrival; with ``max_requests``, the last ones."""
        return self.interceptor.journal.records

    @property
    def call_count(self) -> int:
        """How many requests have been made, kept or not."""
        return len(self.interceptor.journal)

    @property
    def called(self) -> bool:
        """Whether any request has been made."""
        return self.call_count > 0

    @property
    def last_request(self) -> AiointerceptRequest | None:
        """The request that came last."""
        return self.interceptor.journal.last

    @property
    def unmatched(self) -> list[AiointerceptRequest]:
        """The requests that met no route, and were refused."""
        return self.interceptor.journal.unmatched

    @property
    def passed_through(self) -> list[PassedRequest]:
        """The requests that were let through to their real hosts, in order."""
        return self.interceptor.passed_through

    def assert_called(self) -> None:
        """Assert that some request was made."""
        verify.assert_called(self.interceptor.journal)

    def assert_not_called(self) -> None:
        """Assert that no request was made."""
        verify.assert_not_called(self.interceptor.journal)

    def assert_called_once(self) -> None:
        """Assert that exactly one request was made, over all URLs."""
        verify.assert_called_once(self.interceptor.journal)

    def assert_any_call(
        self, url: str | URL, method: str = hdrs.METH_GET, params: QueryParams | None = None
    ) -> None:
        """Assert that *url*, with *params* appended, was asked at least once."""
        verify.assert_any_call(self.interceptor.journal, url, method, params)

    def assert_called_with(
        self,
        url: str | URL,
        method: str = hdrs.METH_GET,
        params: QueryParams | None = None,
        data: Any = None,
        json: Any = UNSET,
        headers: Mapping[str, str] | None = None,
        strict_headers: bool = False,
        **kwargs: Any,
    ) -> None:
        """Assert what the last request for *url* carried.

        Args:
            url: the URL that was asked.
            method: the HTTP method.
            params: query parameters, appended to the URL.
            data: the body: bytes or text as it was sent, or the fields of a form (files apart) as
                a mapping or as pairs. Blank ones count.
            json: the body as a JSON value; ``None`` is JSON null, and ``True`` is not ``1``.
            headers: headers that were sent, among others.
            strict_headers: no other headers than these were sent.
            **kwargs: not looked at; other libraries compare more.

        ``unittest.mock.ANY`` stands for any value, anywhere.

        Raises:
            AssertionError: the last request was another one; the message says where it differs,
                and how the earlier ones were.
        """
        _warn_of_ignored(kwargs)
        verify.assert_called_with(
            self.interceptor.journal,
            url,
            method,
            params,
            data=data,
            json=json,
            headers=headers,
            strict_headers=strict_headers,
        )

    def assert_called_once_with(
        self,
        url: str | URL,
        method: str = hdrs.METH_GET,
        params: QueryParams | None = None,
        data: Any = None,
        json: Any = UNSET,
        headers: Mapping[str, str] | None = None,
        strict_headers: bool = False,
        **kwargs: Any,
    ) -> None:
        """Assert that one request was made in all, and what it carried.

        The arguments are those of ``assert_called_with``.
        """
        _warn_of_ignored(kwargs)
        self.assert_called_once()
        self.assert_called_with(url, method, params, data, json, headers, strict_headers)

    def assert_all_called(self) -> None:
        """Assert that every route was called at least once."""
        verify.assert_all_called(self.interceptor.registry)

    def assert_all_requests_matched(self) -> None:
        """Assert that every request met a route."""
        verify.assert_all_matched(self.interceptor.journal, self.explain)

    def assert_called_in_order(self, *routes: Route) -> None:
        """Assert that *routes* were called in this order; other calls may lie between.

        Without arguments: all routes, in order of registration.
        """
        wanted = routes or tuple(self.interceptor.registry)
        verify.assert_called_in_order(self.interceptor.journal, wanted)

    def explain(self, request: AiointerceptRequest) -> str:
        """Say which route answered *request*, or why none did."""
        if request.route is not None:
            return f"{request.method} {request.url} was answered by {request.route}."
        asked = Asked(request.method, request.url)
        return str(self.interceptor.explain(request, asked))

    def problems(self) -> list[str]:
        """Return what leaving the block would complain of now: each a sentence or more.

        Routes that were not called as often as their ``times=`` asks; WebSockets whose script was
        not met, or whose handler raised; and of a strict mock, routes that were never called, and
        requests that met none.
        """
        registry = self.interceptor.registry
        found = [text for route in registry if (text := route.unmet_times()) is not None]
        journal = self.interceptor.journal
        found += [talk.problem for talk in journal.conversations if talk.problem is not None]
        if self.strict:
            found += verify.unused(route for route in registry if route.times is None)
            found += [self.explain(request) for request in self.unmatched]
            found += verify.dropped_unmatched(journal)
        return found


def report(problems: list[str], exc: BaseException | None, stories: Iterable[str] = ()) -> None:
    """Raise what leaving a mock complains of; as notes, where the block has raised already.

    What the exception says itself is not noted again.

    Args:
        problems: the complaints.
        exc: what the block has raised.
        stories: what is told beside any failure, and is none by itself.
    """
    if exc is not None:
        said = [str(one) for one in _chain(exc)] if problems else []
        add_notes(exc, [*(text for text in problems if text not in said), *stories])
    elif problems:
        raise VerificationError("\n".join([*problems, *stories]))


def _chain(exc: BaseException | None) -> list[BaseException]:
    """Return *exc* and what it was raised from, as a traceback shows them."""
    chain: list[BaseException] = []
    while exc is not None and exc not in chain:
        chain.append(exc)
        exc = exc.__cause__ or exc.__context__
    return chain


def _warn_of_ignored(kwargs: Mapping[str, Any]) -> None:
    """Warn the caller's caller of what an assertion is given and does not look at."""
    if kwargs:
        names = ", ".join(sorted(kwargs))
        text = f"assert_called_with compares nothing that a server cannot see: {names}"
        warnings.warn(text, DeprecationWarning, stacklevel=3)
