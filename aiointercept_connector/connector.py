"""The connector: the one door through which requests come in.

For every request it asks the mocks that are active: *intercept*, *pass*, or refuse. What is
intercepted goes on through aiohttp's own pool, under a key that carries the mock's tag, so that
limits, keep-alive and ``close()`` hold, and a real connection to a host is never taken for a mocked
one. Only when the pool wants a new connection for such a request is a wire made in place of it.

The two hooks, ``connect`` and ``_create_connection``, are the ones that aiohttp documents for
subclasses; their signatures are the same from 3.8 on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from aiohttp import ClientRequest, TCPConnector
from aiohttp.connector import BaseConnector, Connection
from aiohttp.helpers import is_ip_address

from . import scope
from .loopback.link import Call, ClientEnd
from .routing.route import Asked

if TYPE_CHECKING:
    from aiohttp import ClientTimeout
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

    from .interceptor import Interceptor

__all__ = ("InterceptConnector",)

Connect: TypeAlias = "Callable[..., Awaitable[Connection]]"


class HasInterceptor(Protocol):
    """A mock, as far as a connector needs it."""

    @property
    def interceptor(self) -> Interceptor:
        """What answers for the mock."""
        ...


class InterceptConnector(TCPConnector):
    """A ``TCPConnector`` whose requests are answered by mocks, or pass.

    Args:
        mock: asked first, whether it is installed for the process or not; what it has no route
            for is asked of the installed mocks. Without one, these alone are asked.
        **kwargs: any argument of ``aiohttp.TCPConnector``.
    """

    def __init__(self, mock: HasInterceptor | None = None, **kwargs: Any) -> None:
        # aiohttp leaves open what a socket_factory's addresses are made of.
        super().__init__(**kwargs)  # pyright: ignore[reportUnknownMemberType] - as above
        self._own = () if mock is None else (mock.interceptor,)

    # No coroutine function: traffic that passes should not pay for another frame.
    # Pyright has these return a CoroutineType, which for mypy they do not.
    def connect(  # pyright: ignore[reportIncompatibleMethodOverride] - as above
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Coroutine[Any, Any, Connection]:
        """Get a connection for *req*: to a mock, or a real one.

        Raises:
            UnmatchedRequestError: no route answers, and the request may not pass.
        """
        askers = scope.active()
        if self._own:
            others = [one for one in askers if one not in self._own] if askers else ()
            askers = (*self._own, *others)
        call = claim(req, traces, askers) if askers or scope.guards() else None
        if call is None:
            return super().connect(req, traces, timeout)
        return connect_call(self, super().connect, call, traces, timeout)

    async def _create_connection(
        self, req: ClientRequest | TaggedRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        if isinstance(req, TaggedRequest):
            return await open_wire(self, req, traces)
        return await super()._create_connection(req, traces, timeout)


def claim(req: ClientRequest, traces: object, askers: Sequence[Interceptor]) -> Call | None:
    """Return the call that a mock answers, or None if the request is to pass.

    Raises:
        UnmatchedRequestError: no route answers, and the request may not pass.
        InterceptClosedError: the same, but the mock that would say so is not active.
        NetworkBlockedError: it might pass, if ``block_network`` did not forbid it.
    """
    guards = scope.guards()
    if len(askers) == 1 and not guards and askers[0].has_let_pass(req):
        return None
    for asker in askers:
        call = asker.second_attempt(req, traces)
        if call is not None:
            return call
    asked = Asked(req.method, req.url)
    for asker in askers:
        if asker.claims(asked):
            call = Call(asked, req, traces, askers)
            call.claimant = asker
            return call
    if askers and not askers[0].may_pass(asked, req.headers, req.proxy, askers):
        raise askers[0].refuse(asked, req)
    for blocker in guards:
        blocker.check(asked, req)
    if askers:
        askers[0].note_passed(req)
    return None


async def connect_call(
    connector: BaseConnector,
    connect: Connect,
    call: Call,
    traces: list[Trace],
    timeout: ClientTimeout,
) -> Connection:
    """Get a connection to the mock that claimed *call*, pooled or new, and put it on the wire."""
    call.connector = connector
    call.timeout = timeout
    for asker in call.askers:
        if asker.fails_early:
            # Imported at its use: few mocks have faults.
            from .faults.deciding import decide

            call.attempt = await decide(call)
            break
    if call.attempt is None:
        connection = await connect(TaggedRequest(call), traces, timeout)
    else:
        connection = await call.attempt.connect(connect, traces)
    end: Any = connection.protocol
    end.link.begin(call)
    return connection


async def open_wire(connector: BaseConnector, req: TaggedRequest, traces: list[Trace]) -> ClientEnd:
    """Make the new connection that the pool wants for a tagged request."""
    attempt = req.call.attempt
    if attempt is not None and attempt.dials:
        return cast("ClientEnd", await attempt.dial(connector, traces))
    if traces and isinstance(connector, TCPConnector):
        await _trace_lookup(connector, req.call.url.raw_host or "", traces)
    client: ClientEnd = await req.call.claimant.open_wire(connector._loop, req.call)
    if attempt is not None:
        attempt.opened(client)
    return client


async def _trace_lookup(connector: TCPConnector, host: str, traces: list[Trace]) -> None:
    """Send the signals of a host name that is looked up for the first time."""
    if is_ip_address(host):
        return
    if connector.use_dns_cache:
        for trace in traces:
            await trace.send_dns_cache_miss(host)
    for trace in traces:
        await trace.send_dns_resolvehost_start(host)
    for trace in traces:
        await trace.send_dns_resolvehost_end(host)


class TaggedRequest:
    """A request as the pool sees it: under a key of our own, and with no proxy to go through."""

    __slots__ = ("call", "connection_key")

    proxy = None

    def __init__(self, call: Call) -> None:
        self.call = call
        self.connection_key = TaggedKey(
            (call.claimant.pool_tag, call.client_request.connection_key)
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.call.client_request, name)


class TaggedKey(tuple[Any, ...]):
    """A mock's tag and a pool key, which still answers ``host``, ``is_ssl`` and so on."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self[1], name)
