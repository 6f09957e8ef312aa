"""``aiointercept``: what a test holds. It puts the parts together and adds none of its own."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from aiohttp import ClientSession, hdrs
from yarl import URL

from . import injection
from .arguments import one_of, refuse_unknown
from .connector import InterceptConnector
from .decorating import decorate
from .interceptor import WIRES, Interceptor, Wire
from .journal import verify
from .journal.journal import RequestKey, RequestsByUrl
from .journal.request import AiointerceptRequest
from .replies.callback import Callback, CallbackReply
from .replies.failure import failure
from .replies.static import static_reply
from .routing.route import Reply, Route, parse_target
from .routing.urls import QueryParams, UrlSpec
from .scope import SCOPES, Scope
from .unset import UNSET

__all__ = ("aiointercept", "install", "uninstall")

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_PACKAGE = __name__.partition(".")[0]


class aiointercept:
    """A mock of the HTTP servers that code under test talks to through aiohttp.

    Use it as a context manager (``with`` or ``async with``), as a decorator of functions, methods
    and test classes, or with ``start()`` and ``stop()``. A decorated function gets the mock as its
    last positional argument, or under the name *param*.

    Args:
        mock_external_urls: intercept every session of the process. Without it, only the sessions
            made with ``connector()`` or ``session()`` are, and clients of ``server_url``.
        passthrough: hosts (or URLs with such a host) that may be reached for real.
        passthrough_unmatched: let every request that no route answers reach its real host.
        param: the keyword under which a decorated function gets the mock.
        wire: ``"memory"``, or ``"tcp"`` for loopback sockets in place of memory.
        tls: ``"assume"``: https without a handshake; replies still see ``https``.
        scope: ``"process"``, or ``"task"``: seen only by the current context, and by tasks that
            it starts.

    Raises:
        ValueError: an argument has none of the values it allows.
        TypeError: an argument is unknown, or of a wrong type.
    """

    def __init__(
        self,
        mock_external_urls: bool = False,
        passthrough: Iterable[str | URL] | None = None,
        passthrough_unmatched: bool = False,
        param: str | None = None,
        *,
        wire: Wire = "memory",
        tls: str = "assume",
        scope: Scope = "process",
        **unknown: Any,
    ) -> None:
        refuse_unknown(unknown, type(self).__init__)
        if passthrough_unmatched and not mock_external_urls:
            raise ValueError("passthrough_unmatched=True requires mock_external_urls=True")
        if isinstance(passthrough, str):
            raise TypeError(f"passthrough must be a sequence of hosts, not a str: {passthrough!r}")
        self.mock_external_urls = mock_external_urls
        self.passthrough = tuple(passthrough or ())
        self.passthrough_unmatched = passthrough_unmatched
        self.param = param
        self.wire = one_of("wire", wire, WIRES)
        self.tls = one_of("tls", tls, ("assume",))
        self.scope = one_of("scope", scope, SCOPES)
        self.interceptor = Interceptor(
            self.wire, self.passthrough, passthrough_unmatched=passthrough_unmatched
        )

    def __repr__(self) -> str:
        state = "active" if self.active else "idle"
        routes, calls = len(self.interceptor.registry), self.call_count
        return f"<aiointercept {state}, {routes} routes, {calls} calls>"

    # Lifecycle --------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether the mock has been started and not stopped."""
        return self.interceptor.is_open

    def start(self) -> Awaitable[aiointercept]:
        """Begin to intercept, at once; the result may be awaited, and need not be.

        Records of an earlier run are cleared; routes that are registered already stay.

        Raises:
            RuntimeError: it has been started and not stopped since.
        """
        if self.active:
            raise RuntimeError(
                f"{self!r} has been started already. Stop it first, or use another aiointercept()."
            )
        self.interceptor.journal.clear()
        self.interceptor.open()
        if self.mock_external_urls:
            injection.attach(self.interceptor, self.scope)
        return _Done(self)

    def stop(self) -> Awaitable[None]:
        """Stop intercepting, at once; awaiting the result sees cancelled replies end.

        What is in flight is cancelled, and clients that wait for an answer get an
        ``InterceptClosedError``. Routes are forgotten; records stay. Does nothing if not started.
        """
        injection.detach(self.interceptor)
        if not self.active:
            return _Done(None)
        self.interceptor.registry.clear()
        return self.interceptor.close()

    def __enter__(self) -> aiointercept:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> aiointercept:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def __call__(self, decorated: F) -> F:
        """Decorate a function, coroutine function or test class."""
        return decorate(decorated, self._idle_one, self.param)

    def _idle_one(self) -> aiointercept:
        """Return this mock, or one like it if it is in use: calls may run side by side."""
        if not self.active:
            return self
        return type(self)(
            self.mock_external_urls,
            self.passthrough,
            self.passthrough_unmatched,
            self.param,
            wire=self.wire,
            tls=self.tls,
            scope=self.scope,
        )

    # Ways in ----------------------------------------------------------------------------------

    def connector(self, **kwargs: Any) -> InterceptConnector:
        """Return a connector to this mock; it takes any argument of ``aiohttp.TCPConnector``."""
        return InterceptConnector(self, **kwargs)

    def session(self, **kwargs: Any) -> ClientSession:
        """Return a session that asks this mock; it takes any argument of ``ClientSession``."""
        return ClientSession(connector=self.connector(), **kwargs)

    @property
    def server_url(self) -> str:
        """The URL of a real server for HTTP clients of every kind, on a thread of its own.

        It is bound when first asked for.

        Raises:
            RuntimeError: the mock is not started.
        """
        if not self.active:
            raise RuntimeError("server_url: the mock is not started")
        listener = self.interceptor.listener
        return f"http://{listener.host}:{listener.port}"

    @property
    def server_host(self) -> str:
        """The host of ``server_url``."""
        return str(URL(self.server_url).host)

    @property
    def server_port(self) -> int:
        """The port of ``server_url``."""
        return int(URL(self.server_url).port or 0)

    # Routes -----------------------------------------------------------------------------------

    def add(
        self,
        url: UrlSpec,
        method: str = hdrs.METH_GET,
        status: int = 200,
        body: str | bytes = b"",
        json: Any = UNSET,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool | int = False,
        content_type: str | None = None,
        callback: Callback | None = None,
        reason: str | None = None,
        exception: BaseException | type[BaseException] | bool | None = None,
        *,
        priority: int = 0,
        name: str | None = None,
        **unknown: Any,
    ) -> Route:
        """Register a route, and return it.

        Args:
            url: an absolute URL, a path (``/users``, on any host), or a compiled regular
                expression, which is matched at the URL's start. A query is compared whole, in any
                order.
            method: the HTTP method, in any case.
            status: the status code.
            body: the body, as bytes or as text to be sent as UTF-8.
            json: a value to be sent as JSON in place of *body*; ``None`` is JSON null.
            payload: the same, but ``None`` means that there is none.
            headers: response headers; a multidict may repeat a name.
            repeat: how often the route answers: ``False`` or ``0`` once, a number that many
                times, ``True`` for ever, in place of an earlier ``True`` for the same URL.
            content_type: the ``Content-Type``; ``application/json`` if nothing else says.
            callback: called as ``callback(url, headers=, query=, json=, data=)`` for each request;
                may be a coroutine function. Returns a ``CallbackResult``, or None for what is
                registered beside it. What it raises is raised to the client's caller.
            reason: the reason phrase.
            exception: raised to the client's caller, in place of an answer: an exception or a
                class of them, or ``True`` for an ``aiohttp.ClientConnectionError``.
            priority: routes with a higher one answer before others of the same URL.
            name: what messages call the route.
            **unknown: refused, with the nearest argument that there is.

        Raises:
            TypeError: an argument is of a wrong type, or unknown.
            ValueError: an argument's value is not allowed, or the route could never answer.
        """
        refuse_unknown(unknown, aiointercept.add)
        static = static_reply(
            status=status,
            body=body,
            json=payload if json is UNSET and payload is not None else json,
            headers=headers,
            content_type=content_type,
            reason=reason,
        )
        reply: Reply = static
        if exception is not None and exception is not False:
            reply = failure(exception)
        elif callback is not None:
            reply = CallbackReply(callback, static)
        route = Route(
            _checked_method(method),
            parse_target(url),
            reply,
            repeat=_checked_repeat(repeat),
            priority=priority,
            name=name,
            registered_at=_caller(),
        )
        self.interceptor.registry.add(route)
        return route

    def get(self, url: UrlSpec, **kwargs: Any) -> Route:
        """Register a route for GET; see ``add``."""
        return self.add(url, hdrs.METH_GET, **kwargs)

    def post(self, url: UrlSpec, **kwargs: Any) -> Route:
        """Register a route for POST; see ``add``."""
        return self.add(url, hdrs.METH_POST, **kwargs)

    def put(self, url: UrlSpec, **kwargs: Any) -> Route:
        """Register a route for PUT; see ``add``."""
        return self.add(url, hdrs.METH_PUT, **kwargs)

    def patch(self, url: UrlSpec, **kwargs: Any) -> Route:
        """Register a route for PATCH; see ``add``."""
        return self.add(url, hdrs.METH_PATCH, **kwargs)

    def delete(self, url: UrlSpec, **kwargs: Any) -> Route:
        """Register a route for DELETE; see ``add``."""
        return self.add(url, hdrs.METH_DELETE, **kwargs)

    def head(self, url: UrlSpec, **kwargs: Any) -> Route:
        """Register a route for HEAD; see ``add``."""
        return self.add(url, hdrs.METH_HEAD, **kwargs)

    def options(self, url: UrlSpec, **kwargs: Any) -> Route:
        """Register a route for OPTIONS; see ``add``."""
        return self.add(url, hdrs.METH_OPTIONS, **kwargs)

    def clear(self) -> None:
        """Forget all recorded requests and registered routes."""
        self.interceptor.registry.clear()
        self.interceptor.journal.clear()

    # What was asked ---------------------------------------------------------------------------

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
        """The requests in order of arrival."""
        return self.interceptor.journal.records

    @property
    def call_count(self) -> int:
        """How many requests have been made."""
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

    # Assertions -------------------------------------------------------------------------------

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
            data: the body: bytes or text as it was sent, or form fields as a mapping.
            json: the body as a value; ``None`` is JSON null.
            headers: headers that were sent, among others.
            strict_headers: no other headers than these were sent.
            **kwargs: not looked at; other libraries compare more.

        ``unittest.mock.ANY`` stands for any value, anywhere.
        """
        if kwargs:
            names = ", ".join(sorted(kwargs))
            text = f"assert_called_with compares nothing that a server cannot see: {names}"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
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
        """Assert that one request was made in all, and what it carried; see above."""
        self.assert_called_once()
        self.assert_called_with(url, method, params, data, json, headers, strict_headers, **kwargs)


class _Done(Awaitable[T]):
    """What is done already, and may be awaited all the same."""

    def __init__(self, result: T) -> None:
        self._result = result

    def __await__(self) -> Generator[None, None, T]:
        return self._result
        yield  # makes this a generator


def _checked_method(method: str) -> str:
    if not isinstance(method, str) or not method.isascii() or not method.isalpha():
        raise ValueError(f"method must be the name of an HTTP method, not {method!r}")
    return method.upper()


def _checked_repeat(repeat: bool | int) -> bool | int:
    if not isinstance(repeat, int):
        raise TypeError(f"repeat must be a bool or an int, not {type(repeat).__name__}: {repeat!r}")
    if repeat < 0:
        raise ValueError(f"repeat must be at least 1 (or True, for ever), not {repeat}")
    return repeat


def _caller() -> str | None:
    """Return the file and line, outside this package, that called in."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else None


_installed: list[aiointercept] = []


def install(mock: aiointercept | None = None, **options: Any) -> aiointercept:
    """Intercept every session of the process until ``uninstall``, and return the mock.

    Args:
        mock: a mock to be started for the purpose.
        **options: arguments of ``aiointercept``, if *mock* is not given.
    """
    if mock is None:
        mock = aiointercept(mock_external_urls=True, **options)
    elif not mock.mock_external_urls:
        raise ValueError("install() needs a mock made with mock_external_urls=True")
    mock.start()
    _installed.append(mock)
    return mock


def uninstall(mock: aiointercept | None = None) -> None:
    """Stop what ``install`` has started: *mock*, or the last one. Does nothing if there is none."""
    if mock is None:
        mock = _installed[-1] if _installed else None
    if mock is not None:
        if mock in _installed:
            _installed.remove(mock)
        mock.stop()
