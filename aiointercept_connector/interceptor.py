"""What a mock is to connectors and servers: it claims calls, opens wires for them, answers them.

It owns the registry and the journal, and does not know how a session came by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from weakref import WeakKeyDictionary

from yarl import URL

from .errors import InterceptClosedError, UnmatchedRequestError
from .journal.journal import Journal
from .journal.request import AiointerceptRequest, request_without_wire
from .loopback.listener import Listener
from .loopback.server import LOCALHOST, Server
from .replies.failure import Failure
from .routing.explain import explain_unmatched
from .routing.registry import Registry
from .routing.route import Asked, Reply
from .routing.urls import is_loopback

if TYPE_CHECKING:
    from aiohttp import ClientRequest

    from .loopback.link import Call, ClientEnd

__all__ = ("WIRES", "Interceptor", "Wire")

Wire: TypeAlias = Literal["memory", "tcp"]
WIRES: Final = ("memory", "tcp")

_TURNS_TO_END = 10


class Interceptor:
    """Answers what its registry knows, and records it.

    Args:
        wire: what connections are made of: transports in memory, or loopback TCP.
        passthrough: hosts that may be reached for real.
        passthrough_unmatched: whether every request without a route may.
    """

    def __init__(
        self,
        wire: Wire = "memory",
        passthrough: Iterable[str | URL] = (),
        *,
        passthrough_unmatched: bool = False,
    ) -> None:
        self.registry = Registry()
        self.journal = Journal()
        self.wire = wire
        self.passthrough = frozenset(map(_bare_host, passthrough))
        self.passthrough_unmatched = passthrough_unmatched
        self.pool_tag = PoolTag()
        self._servers: WeakKeyDictionary[asyncio.AbstractEventLoop, Server] = WeakKeyDictionary()
        self._broken: dict[int, Call] = {}
        self._listener: Listener | None = None
        self._context = contextvars.copy_context()
        self._home: asyncio.AbstractEventLoop | None = None
        self.is_open = False

    def open(self) -> None:
        """Begin to answer; the context and the loop that are current now are the test's."""
        self.is_open = True
        self.pool_tag = PoolTag()
        self._context = contextvars.copy_context()
        self._home = _running_loop()

    # Asked by connectors ----------------------------------------------------------------------

    def claims(self, asked: Asked) -> bool:
        """Tell whether a route could answer; nothing is consumed by asking."""
        return self.registry.find(asked) is not None

    def lets_pass(self, asked: Asked) -> bool:
        """Tell whether a request that no route answers may reach the network."""
        origin = asked.key.origin
        if self.passthrough_unmatched or origin.host in self.passthrough:
            return True
        if not is_loopback(origin.host) or self.registry.names(origin):
            return False
        return self._listener is None or origin.port != self._listener.port

    def refuse(self, call: Call, loop: asyncio.AbstractEventLoop) -> UnmatchedRequestError:
        """Record a call that no route answers and that may not pass, and return its error."""
        sent = call.client_request
        record = request_without_wire(
            sent.method, call.url, sent.headers, _known_body(sent), loop, call.proxy
        )
        return self._unmatched(record, call.asked)

    def second_attempt(self, request: ClientRequest, traces: object) -> Call | None:
        """Return the broken call that *request* is aiohttp's repetition of, if it is one."""
        if not self._broken:
            return None
        call = self._broken.pop(id(traces), None)
        if call is None or call.client_request is request:
            # A middleware that tries again hands on the very same request: a call of its own.
            return None
        if (call.asked.method, call.url) != (request.method, request.url):
            return None
        call.client_request = request
        if call.record is not None:
            call.record.attempts += 1
        return call

    async def open_wire(self, loop: asyncio.AbstractEventLoop, call: Call) -> ClientEnd:
        """Return the client's end of a new connection to this mock."""
        if not self.is_open:
            raise InterceptClosedError(
                f"{call.asked.method} {call.url}: the mock that was to answer has been stopped."
            )
        server = self._servers.get(loop)
        if server is None:
            server = self._servers[loop] = Server(self.answer, self.call_broke, loop)
        return server.open_memory(call) if self.wire == "memory" else await server.open_tcp(call)

    # Asked by servers -------------------------------------------------------------------------

    def answer(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        """Choose the reply to a request that has arrived, and record it; never raises."""
        if call is None:
            return self._choose(request, Asked(request.method, self._own(request.url)), (self,))
        if call.reply is None:
            call.reply = self._choose(request, call.asked, call.askers)
            call.record = request
        return call.reply

    def _choose(
        self, request: AiointerceptRequest, asked: Asked, askers: Iterable[Interceptor]
    ) -> Reply:
        for asker in askers:
            route = asker.registry.take(asked)
            if route is not None:
                request.route = route
                route.calls.append(request)
                asker.journal.record(request)
                return route.reply
        return Failure(self._unmatched(request, asked))

    def _unmatched(self, request: AiointerceptRequest, asked: Asked) -> UnmatchedRequestError:
        self.journal.record(request)
        return UnmatchedRequestError(explain_unmatched(asked, self.registry), request)

    def _own(self, url: URL) -> URL:
        """Return *url* under the name that ``server_url`` gives this machine."""
        if self._listener is not None and is_loopback(url.host or ""):
            return url.with_host(LOCALHOST)
        return url

    def call_broke(self, call: Call) -> None:
        """Keep a call whose connection broke: aiohttp may be about to repeat it."""
        # The call holds the list, so that its id stays its own.
        self._broken[id(call.traces)] = call

    # For clients of every kind ----------------------------------------------------------------

    @property
    def listener(self) -> Listener:
        """The real server for clients that are not aiohttp's, started on first use."""
        if self._listener is None:
            home, context = self._home, self._context
            self._listener = Listener(
                lambda loop: Server(self.answer, self.call_broke, loop, context, home)
            )
        return self._listener

    # Leaving ----------------------------------------------------------------------------------

    def close(self) -> Awaitable[None]:
        """Close every connection and cancel what is in flight; await it to see that ended.

        Raises nothing and waits for no reply. Clients that wait for one get an
        ``InterceptClosedError``.
        """
        self.is_open = False
        self._broken.clear()
        exc = InterceptClosedError("The mock was left before it had answered this request.")
        ending: list[asyncio.Task[None]] = []
        for loop, server in list(self._servers.items()):
            if loop.is_closed():
                continue
            if loop.is_running() and loop is not _running_loop():
                # It may be closed by its own thread between the question and the call.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(server.close, exc)
            else:
                ending += server.close(exc)
        self._servers.clear()
        if self._listener is not None:
            self._listener.stop(exc)
            self._listener = None
        return _Ending(ending)


class PoolTag:
    """Keeps a mock's connections apart from others to the same host, in one pool."""


class _Ending(Awaitable[None]):
    """Gives cancelled tasks the few turns of the loop that they need to end."""

    def __init__(self, tasks: list[asyncio.Task[None]]) -> None:
        self._tasks = tasks

    def __await__(self):  # type: ignore[no-untyped-def]
        for _ in range(_TURNS_TO_END):
            yield
            if all(task.done() for task in self._tasks):
                break


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _bare_host(text: str | URL) -> str:
    """Return the host of a URL, or of what stands for one."""
    if not isinstance(text, (str, URL)):
        msg = f"passthrough must be a sequence of hosts or URLs; it has {text!r}"
        raise TypeError(msg)
    host = URL(text).host if "//" in str(text) else str(text)
    return (host or "").rstrip(".").lower()


def _known_body(request: ClientRequest) -> bytes:
    """Return what is known of a body that was not sent: of a stream nothing is."""
    body = request.body
    if isinstance(body, bytes):
        return body
    value = getattr(body, "_value", None)
    return bytes(value) if isinstance(value, (bytes, bytearray)) else b""
