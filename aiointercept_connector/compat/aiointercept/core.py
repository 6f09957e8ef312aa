"""``aiointercept``, with the arguments and defaults of the library of that name."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from re import Pattern
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from aiohttp import hdrs
from yarl import URL

from ...interceptor import Interceptor
from ...journal.request import AiointerceptRequest
from ...mock import aiointercept as _aiointercept
from ...replies.callback import CallbackResult
from ...replies.streams import stream
from ...routing.policy import Allowed
from ...routing.route import Route
from ...unset import UNSET
from .compat import normalize_url
from .decorating import decorate
from .legacy import (
    LegacyInterceptor,
    as_in_the_original,
    broken_connection,
    make_room,
    sendable,
)

if TYPE_CHECKING:
    from ...loopback.listener import Listener

__all__ = ("AiointerceptRequest", "CallbackResult", "MockResponse", "aiointercept", "taken_over")

T = TypeVar("T")

MockResponse = Route
"""What ``add`` returns, by the name that aiointercept has for it."""

_OURS: Final = frozenset(inspect.signature(_aiointercept).parameters) - {"unknown"}


class aiointercept(_aiointercept):  # noqa: N801 - the promised name
    """A mock of the HTTP servers that code under test talks to through aiohttp.

    It is that of this library, with some defaults of aiointercept's: ``json=None`` is no JSON,
    braces in a URL are literal, and a decorated method gets the mock behind ``self``.

    Args:
        mock_external_urls: intercept every session of the process.
        passthrough: hosts that may be reached for real.
        passthrough_unmatched: let every request that nothing is registered for reach its host.
        param: the keyword under which a decorated function gets the mock.
        legacy: do what aiointercept does where this library means to differ: a request that
            nothing is registered for, and ``exception=`` of any kind, is a connection that breaks
            (``ServerDisconnectedError``); hosts that are IP addresses are real; a callback that
            raises is a 500; ``repeat=True`` replaces what is queued; nothing can be registered
            before ``start()``; http and https of a host are one, and so are ``%2F`` and ``/``; a
            body that HTTP does not allow is left out. If not given: ``legacy_by_default``.
        **options: other arguments of this library's ``aiointercept``; any else are taken with a
            warning, and have no effect.

    Attributes:
        legacy: whether it does.
        legacy_by_default: what holds if *legacy* is not given; False, but True in a suite whose
            imports of aiointercept were taken over.
    """

    legacy_by_default: ClassVar[bool] = False

    def __init__(
        self,
        mock_external_urls: bool = False,
        passthrough: Iterable[Allowed] | None = None,
        passthrough_unmatched: bool = False,
        param: str | None = None,
        *,
        legacy: bool | None = None,
        **options: Any,
    ) -> None:
        unknown = options.keys() - _OURS
        if unknown:
            warnings.warn(
                "Passing extra parameters to aiointercept via kwargs is deprecated "
                f"and will be removed in a future release: {', '.join(sorted(unknown))}.",
                DeprecationWarning,
                stacklevel=2,
            )
        self.legacy = self.legacy_by_default if legacy is None else legacy
        self._last_listener: Listener | None = None
        known: dict[str, Any] = {name: options[name] for name in options.keys() - unknown}
        super().__init__(mock_external_urls, passthrough, passthrough_unmatched, param, **known)

    def _new_interceptor(self) -> Interceptor:
        made = super()._new_interceptor()
        return LegacyInterceptor(made) if self.legacy else made

    def __call__(self, decorated: Any) -> Any:
        """Decorate a function, coroutine function or test class; callers leave the mock out."""
        if inspect.iscoroutinefunction(decorated):
            return decorate(decorated, self._idle_one, self.param)
        return super().__call__(decorated)

    # The arguments of aiointercept's, which are fewer than ours.
    def add(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - as above
        self,
        url: URL | str | Pattern[str],
        method: str = hdrs.METH_GET,
        status: int = 200,
        body: str | bytes | AsyncIterable[bytes] = b"",
        json: Any = None,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool | int = False,
        content_type: str | None = None,
        callback: Callable[..., Any] | None = None,
        reason: str | None = None,
        exception: BaseException | type[BaseException] | bool | None = None,
        **options: Any,
    ) -> Route:
        """Register a route, and return it.

        The arguments are those of this library's ``add``; but a URL given as text is literal, and
        ``json=None`` is no JSON.
        """
        where = URL(url) if isinstance(url, str) else url
        if self.legacy:
            self._check_as_the_original(where)
            where = normalize_url(where) if isinstance(where, URL) else where
            exception = broken_connection(exception)
            callback = as_in_the_original(callback) if callable(callback) else None
            payload = payload if json is None else json
            (body, payload), json = sendable(body, payload, status), None
            make_room(self.interceptor.registry, where, method, repeat)
        if isinstance(body, AsyncIterable) and json is payload is None:
            options["reply"] = stream(
                body,
                status=status,
                headers=headers,
                content_type=content_type or None,
                reason=reason,
            )
            return super().add(where, method, repeat=repeat, **options)
        return super().add(
            where,
            method,
            status,
            cast("bytes", body),
            UNSET if json is None else json,
            payload,
            headers,
            repeat,
            content_type or None,
            callback,
            reason,
            exception or None,
            **options,
        )

    def _check_as_the_original(self, url: Any) -> None:
        if not self.active:
            raise RuntimeError("Server not started — use `async with aiointercept() as m:` first.")
        if isinstance(url, URL) and not url.raw_host:
            raise ValueError(f"Cannot extract host from {url!r}")

    def assert_called_with(
        self,
        url: URL | str,
        method: str = hdrs.METH_GET,
        params: Any = None,
        data: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        strict_headers: bool = False,
        **kwargs: Any,
    ) -> None:
        """Assert what the last request for *url* carried; ``json=None`` asks for nothing."""
        if kwargs:
            warnings.warn(
                "Passing extra parameters to assert_called_with via kwargs is deprecated "
                f"and will be removed in a future release: {', '.join(sorted(kwargs))}.",
                DeprecationWarning,
                stacklevel=2,
            )
        wanted = UNSET if json is None else json
        super().assert_called_with(url, method, params, data, wanted, headers, strict_headers)

    @property
    def server(self) -> Any:
        """What listens at ``server_url``; None if the mock is not active."""
        return self._listener if self.active else None

    @property
    def _listener(self) -> Listener:
        if self.active or not self.legacy:
            self._last_listener = super()._listener
        if self._last_listener is None:
            raise AttributeError("server_url: there is none before start().")
        return self._last_listener

    @property
    def handlers(self) -> dict[tuple[str, str], Route | list[Route]]:
        """The routes of URLs by URL and method: one for ever, or those that are left."""
        return self._left(lambda url: not isinstance(url, Pattern))

    @property
    def patterns_handler(self) -> dict[tuple[Any, str], Route | list[Route]]:
        """The routes of compiled expressions that are left, by expression and method."""
        left = self._left(lambda url: isinstance(url, Pattern))
        return {key: routes for key, routes in left.items() if routes}

    def _left(self, wanted: Callable[[Any], bool]) -> dict[tuple[Any, str], Route | list[Route]]:
        left: dict[tuple[Any, str], Route | list[Route]] = {}
        for route in self.interceptor.registry:
            key = getattr(route.target, "pattern", None) or str(route.target), route.method
            if not wanted(key[0]):
                continue
            if route.endless:
                left[key] = route
            elif isinstance(known := left.setdefault(key, []), list):
                known += [route] * (route.remaining or 0)
        return left


def taken_over() -> None:
    """Do what aiointercept does, from here on: the suite that follows was written for that."""
    aiointercept.legacy_by_default = True
