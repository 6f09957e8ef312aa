"""``aiointercept``: what a test holds. It puts the parts together and adds none of its own."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import ClientSession, hdrs
from yarl import URL

from . import injection
from .arguments import (
    RouteOptions,
    caller,
    checked_method,
    checked_priority,
    checked_repeat,
    one_of,
    refuse_unknown,
)
from .connector import InterceptConnector
from .decorating import decorate
from .interceptor import WIRES, Interceptor, Wire
from .journal import verify
from .replies.callback import Callback, CallbackReply
from .replies.failure import failure
from .replies.static import Body, static_reply
from .routing.route import Reply, Route, parse_target
from .scope import SCOPES, Scope
from .unset import UNSET

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from .journal.journal import RequestKey, RequestsByUrl
    from .journal.request import AiointerceptRequest
    from .loopback.listener import Listener
    from .routing.urls import QueryParams, UrlSpec

__all__ = ("aiointercept",)

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


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
        refuse_unknown(unknown, aiointercept.__init__)
        if passthrough_unmatched and not mock_external_urls:
            raise ValueError("passthrough_unmatched=True requires mock_external_urls=True")
        if isinstance(passthrough, (str, URL)):
            raise TypeError(f"passthrough must be a sequence of hosts: [{str(passthrough)!r}]")
        if param is not None and not isinstance(param, str):
            raise TypeError(f"param must be the name of a parameter, not {param!r}")
        self.mock_external_urls = mock_external_urls
        self.passthrough = tuple(passthrough or ())
        self.passthrough_unmatched = passthrough_unmatched
        self.param = param
        self.wire: Wire = one_of("wire", wire, WIRES)
        self.tls = one_of("tls", tls, ("assume",))
        self.scope: Scope = one_of("scope", scope, SCOPES)
        self.interceptor = self._new_interceptor()

    def _new_interceptor(self) -> Interceptor:
        return Interceptor(
            self.wire, self.passthrough, passthrough_unmatched=self.passthrough_unmatched
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

    def start(self) -> Awaitable[Self]:
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

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
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

    def _idle_one(self) -> Self:
        """Return this mock, or one like it if it is in use: calls may run side by side."""
        if not self.active:
            return self
        twin = copy.copy(self)
        twin.interceptor = self._new_interceptor()
        return twin

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
        return f"http://{self.server_host}:{self.server_port}"

    @property
    def server_host(self) -> str:
        """The host of ``server_url``."""
        return self._listener.host

    @property
    def server_port(self) -> int:
        """The port of ``server_url``."""
        return self._listener.port

    @property
    def _listener(self) -> Listener:
        if not self.active:
            raise RuntimeError("server_url: the mock is not started, so there is no server.")
        return self.interceptor.listener

    # Routes -----------------------------------------------------------------------------------

    def add(
        self,
        url: UrlSpec,
        method: str = hdrs.METH_GET,
        status: int = 200,
        body: Body = b"",
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
        if callback is not None:
            reply = CallbackReply(callback, static)
        if exception is not None and exception is not False:
            reply = failure(exception)
        route = Route(
            checked_method(method),
            parse_target(url),
            reply,
            repeat=checked_repeat(repeat),
            priority=checked_priority(priority),
            name=name,
            registered_at=caller(),
        )
        self.interceptor.registry.add(route)
        return route

    def get(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for GET; see ``add``."""
        return self.add(url, hdrs.METH_GET, **kwargs)

    def post(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for POST; see ``add``."""
        return self.add(url, hdrs.METH_POST, **kwargs)

    def put(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for PUT; see ``add``."""
        return self.add(url, hdrs.METH_PUT, **kwargs)

    def patch(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for PATCH; see ``add``."""
        return self.add(url, hdrs.METH_PATCH, **kwargs)

    def delete(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for DELETE; see ``add``."""
        return self.add(url, hdrs.METH_DELETE, **kwargs)

    def head(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for HEAD; see ``add``."""
        return self.add(url, hdrs.METH_HEAD, **kwargs)

    def options(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
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


class _Done(Awaitable[T]):
    """What is done already, and may be awaited all the same."""

    def __init__(self, result: T) -> None:
        self._result = result

    def __await__(self) -> Generator[Any, Any, T]:
        return _value(self._result).__await__()


async def _value(result: T) -> T:
    return result


def _warn_of_ignored(kwargs: Mapping[str, Any]) -> None:
    """Warn the caller's caller of what an assertion is given and does not look at."""
    if kwargs:
        names = ", ".join(sorted(kwargs))
        text = f"assert_called_with compares nothing that a server cannot see: {names}"
        warnings.warn(text, DeprecationWarning, stacklevel=3)
