"""``aiointercept``: what a test holds. It puts the parts together and adds none of its own."""

from __future__ import annotations

import contextvars
import copy
import functools
from collections.abc import Awaitable, Callable, Generator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from aiohttp import ClientSession
from yarl import URL

from . import injection
from .arguments import checked_bound, one_of, refuse_unknown
from .connector import InterceptConnector
from .decorating import decorate
from .interceptor import Interceptor
from .journal.journal import Journal
from .registering import Registering
from .routing.policy import Allowed, Policy, UnmatchedRule
from .scope import SCOPES, Scope
from .securing import TLS_MODES, Securing, TlsMode, new_identities
from .serving import WIRES, Wire
from .verifying import Verifying, report

if TYPE_CHECKING:
    from typing_extensions import Self

    from .client import Client
    from .loopback.listener import Listener

__all__ = ("aiointercept",)

T = TypeVar("T")
P = ParamSpec("P")


class aiointercept(Registering, Verifying, Securing):
    """A mock of the HTTP servers that code under test talks to through aiohttp.

    Use it as a context manager (``with`` or ``async with``), as a decorator of functions, methods
    and test classes, or with ``start()`` and ``stop()``. A decorated function gets the mock as its
    last positional argument, or under the name *param*.

    Args:
        mock_external_urls: intercept every session of the process. Without it, only the sessions
            made with ``connector()`` or ``session()`` are, and clients of ``server_url``.
        passthrough: what may be reached for real: hosts, globs of hosts, URLs with such a host,
            networks of addresses (``"10.0.0.0/8"``), compiled expressions, functions of the URL.
        passthrough_unmatched: let every request that no route answers reach its real host.
        param: the keyword under which a decorated function gets the mock.
        wire: ``"memory"``, or ``"tcp"`` for loopback sockets in place of memory.
        tls: ``"assume"``: https without a handshake; replies still see ``https``. ``"verify"``: a
            real handshake, in which the client verifies the host's certificate.
        scope: ``"process"``, or ``"task"``: seen only by the current context, and by tasks that
            it starts.
        unmatched: what becomes of a request that no route answers: ``"raise"``,
            ``"passthrough"``, or a function of it (``method``, ``url``, ``headers``) that returns
            one of these.
        passthrough_local: servers on this machine may be reached where no route names them.
        strict: leaving the block fails if a request met no route, or a route was never called.
        max_requests: how many requests are kept, the last ones; all of them count. None: all.
        max_body: how many bytes of a request's body are kept once it is answered. None: all.

    Raises:
        ValueError: an argument has none of the values it allows.
        TypeError: an argument is unknown, or of a wrong type.
        ImportError: ``tls="verify"`` needs trustme, which is not installed.
    """

    def __init__(
        self,
        mock_external_urls: bool = False,
        passthrough: Iterable[Allowed] | None = None,
        passthrough_unmatched: bool = False,
        param: str | None = None,
        *,
        wire: Wire = "memory",
        tls: TlsMode = "assume",
        scope: Scope = "process",
        unmatched: UnmatchedRule = "raise",
        passthrough_local: bool = True,
        strict: bool = False,
        max_requests: int | None = None,
        max_body: int | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(unknown, aiointercept.__init__)
        if passthrough_unmatched and not mock_external_urls:
            raise ValueError("passthrough_unmatched=True requires mock_external_urls=True")
        if passthrough_unmatched and unmatched != "raise":
            raise ValueError("unmatched= says already what passthrough_unmatched=True would say")
        if isinstance(passthrough, (str, URL)):
            raise TypeError(f"passthrough must be a sequence of hosts: [{str(passthrough)!r}]")
        if param is not None and not isinstance(param, str):
            raise TypeError(f"param must be the name of a parameter, not {param!r}")
        self.mock_external_urls = mock_external_urls
        self.passthrough = tuple(passthrough or ())
        self.passthrough_unmatched = passthrough_unmatched
        self.param = param
        self.wire: Wire = one_of("wire", wire, WIRES)
        self.tls: TlsMode = one_of("tls", tls, TLS_MODES)
        self.scope: Scope = one_of("scope", scope, SCOPES)
        self.unmatched_rule: UnmatchedRule = unmatched
        self.passthrough_local = passthrough_local
        self.strict = strict
        self.max_requests = checked_bound("max_requests", max_requests, 1)
        self.max_body = checked_bound("max_body", max_body, 0)
        self.interceptor = self._new_interceptor()

    def _new_interceptor(self) -> Interceptor:
        unmatched: UnmatchedRule = self.unmatched_rule
        if self.passthrough_unmatched:
            unmatched = "passthrough"
        policy = Policy(self.passthrough, unmatched, local=self.passthrough_local)
        journal = Journal(self.max_requests, self.max_body)
        return Interceptor(self.wire, policy, new_identities(self.tls), journal)

    def __repr__(self) -> str:
        state = "active" if self.active else "idle"
        routes, calls = len(self.interceptor.registry), self.call_count
        return f"<aiointercept {state}, {routes} routes, {calls} calls>"

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
        self.interceptor.forget_calls()
        self.interceptor.open()
        if self.mock_external_urls:
            try:
                injection.attach(self.interceptor, self.scope)
            except BaseException:
                self.interceptor.close()
                raise
        return _Done(self)

    def stop(self) -> Awaitable[None]:
        """Stop intercepting, at once; awaiting the result sees cancelled replies end.

        What is in flight is cancelled, and clients that wait for an answer get an
        ``InterceptClosedError``. Routes are forgotten; records stay. Does nothing if not started.
        """
        injection.detach(self.interceptor)
        if not self.active:
            return _Done(None)
        self.interceptor.forget_routes()
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
        try:
            problems = self.problems()
        finally:
            self.stop()
        report(problems, exc, self.interceptor.chaos_stories)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            problems = self.problems()
        finally:
            await self.stop()
        report(problems, exc, self.interceptor.chaos_stories)

    @overload
    def __call__(self, decorated: type[T]) -> type[T]: ...
    @overload
    def __call__(self, decorated: Callable[..., T]) -> Callable[..., T]: ...
    def __call__(self, decorated: Any) -> Any:
        """Decorate a function, coroutine function or test class; callers leave the mock out.

        Raises:
            TypeError: it can be no test, or has no parameter *param*.
        """
        return decorate(decorated, self._idle_one, self.param)

    def _idle_one(self) -> Self:
        """Return this mock, or one like it if it is in use: calls may run side by side."""
        if not self.active:
            return self
        twin = copy.copy(self)
        twin.interceptor = self._new_interceptor()
        return twin

    def connector(self, **kwargs: Any) -> InterceptConnector:
        """Return a connector to this mock; it takes any argument of ``aiohttp.TCPConnector``."""
        return InterceptConnector(self, **kwargs)

    def session(self, **kwargs: Any) -> ClientSession:
        """Return a session that asks this mock; it takes any argument of ``ClientSession``."""
        return ClientSession(connector=self.connector(), **kwargs)

    def client(self, target: Any, **kwargs: Any) -> Client:
        """Return a session whose relative URLs go to *target*, as aiohttp's ``TestClient`` has it.

        Args:
            target: a URL; or what ``mount`` takes, which is mounted if it is not.
            **kwargs: any argument of ``ClientSession`` but ``base_url``.

        Raises:
            TypeError: *target* cannot be mounted, or ``base_url`` is given.
            ValueError: it is mounted, but on no host of its own.

        Example:
            >>> async with mock.client(app) as client, client.get("/users") as response:
            ...     assert response.status == 200
        """
        # Imported at its use: importing this package is to stay cheap.
        from .client import client_of

        return client_of(self, target, kwargs)

    def bind(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return *function* such that it sees the mocks that are seen here, wherever it is called.

        A thread has a context of its own, and so does not see a mock with ``scope="task"``; it
        does if this is what it runs.
        """
        context = contextvars.copy_context()

        @functools.wraps(function)
        def bound(*args: P.args, **kwargs: P.kwargs) -> T:
            return context.copy().run(function, *args, **kwargs)

        return bound

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


class _Done(Awaitable[T]):
    """What is done already, and may be awaited all the same."""

    def __init__(self, result: T) -> None:
        self._result = result

    def __await__(self) -> Generator[Any, Any, T]:
        return _value(self._result).__await__()


async def _value(result: T) -> T:
    return result
