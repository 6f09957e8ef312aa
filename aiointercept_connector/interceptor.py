"""What a mock is to connectors and servers: it claims calls, opens wires for them, answers them.

It owns the registry and the journal, and does not know how a session came by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Awaitable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast
from weakref import WeakKeyDictionary

from aiohttp.payload import BytesPayload
from yarl import URL

from . import scope
from .errors import InterceptClosedError, UnmatchedRequestError
from .journal.journal import Journal
from .journal.request import AiointerceptRequest, request_without_wire
from .loopback.listener import Listener
from .loopback.server import LOCALHOST, Server
from .replies.failure import Failure
from .replies.late import LateChoice
from .replies.reply import BaseReply, chosen
from .routing.body import body_comes_first
from .routing.policy import PassedRequest, Policy, stays_here
from .routing.registry import Registry
from .routing.route import Asked, Reply, Route
from .routing.urls import Origin, is_loopback

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp import ClientConnectionError, ClientRequest

    from .faults.chaos import Chaos
    from .identities import Identities
    from .loopback.hosting import Host
    from .loopback.link import Call, ClientEnd
    from .loopback.tls import Handshake, ServerSide
    from .routing.explain import Unmatched

__all__ = ("WIRES", "Interceptor", "Wire")

Wire: TypeAlias = Literal["memory", "tcp"]
WIRES: Final = ("memory", "tcp")

_TURNS_TO_END = 10
_REMEMBERED = 1000


class Interceptor:
    """Answers what its registry knows, and records it.

    Args:
        wire: what connections are made of: transports in memory, or loopback TCP.
        policy: what may be reached for real.
        identities: what hosts show in handshakes; None if none is made.
        journal: where requests are recorded; None for one that keeps all.
    """

    def __init__(
        self,
        wire: Wire = "memory",
        policy: Policy | None = None,
        identities: Identities | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.registry = Registry()
        self.journal = Journal() if journal is None else journal
        self._passed_through: list[tuple[str, URL, Mapping[str, str]]] = []
        self.wire = wire
        self.policy = Policy() if policy is None else policy
        self.identities = identities
        self.pool_tag = object()
        self._lock = threading.Lock()
        self._servers: dict[asyncio.AbstractEventLoop, Server] = {}
        self._passed: dict[tuple[str, URL], int] = {}
        self._broken: WeakKeyDictionary[asyncio.Task[Any], Call] | None = None
        self._listener: Listener | None = None
        self._ports: set[int] = set()
        self._context = contextvars.copy_context()
        self._home: asyncio.AbstractEventLoop | None = None
        self.hosts: list[Host] = []
        self.is_open = False
        self.fails_early = False
        """Whether a call may meet a fault before it has a connection."""
        self.chaos: list[Chaos] = []

    def open(self) -> None:
        """Begin to answer; the context and the loop that are current now are the test's."""
        self.is_open = True
        self.pool_tag = object()
        self._context = contextvars.copy_context()
        self._home = _running_loop()

    def forget_calls(self) -> None:
        """Forget what was asked, and what has passed."""
        self.journal.clear()
        self._passed_through.clear()

    def forget_routes(self) -> None:
        """Forget what is to be answered, and what hosts show."""
        self.registry.clear()
        self.fails_early = bool(self.chaos)
        if self.identities is not None:
            self.identities.clear()

    def claims(self, asked: Asked) -> bool:
        """Tell whether a route could answer; nothing is consumed by asking."""
        return self.registry.find(asked) is not None

    def has_let_pass(self, request: ClientRequest) -> bool:
        """Let *request* pass if one like it has, and nothing was registered since."""
        if not self._passed:
            return False
        passed = self._passed.get((request.method, request.url))
        if passed != self.registry.version or request.proxy is not None:
            return False
        self.list_passed(request)
        return True

    def note_passed(self, request: ClientRequest) -> None:
        """List a request that passes; the next one like it is not to be held up."""
        self.list_passed(request)
        if self.policy.is_fixed and request.proxy is None:
            if len(self._passed) >= _REMEMBERED:
                self._passed.clear()
            self._passed[request.method, request.url] = self.registry.version

    def list_passed(self, request: ClientRequest) -> None:
        """List a request that reaches its real host."""
        # A plain tuple: traffic that passes should pay for as little as can be.
        self._passed_through.append((request.method, request.url, request.headers))

    @property
    def passed_through(self) -> list[PassedRequest]:
        """The requests that have passed, in order."""
        return [PassedRequest(*passed) for passed in self._passed_through]

    def stands_for(self, origin: Origin) -> bool:
        """Tell whether a route names *origin*, or it is that of ``server_url``."""
        return self._is_at(origin) or self.registry.names(origin)

    def _is_at(self, origin: Origin) -> bool:
        """Tell whether *origin* is that of ``server_url``, or another one that is listened at."""
        return origin.port in self._ports and is_loopback(origin.host)

    def may_pass(
        self,
        asked: Asked,
        headers: Mapping[str, str],
        proxy: URL | None,
        askers: Sequence[Interceptor],
    ) -> bool:
        """Tell whether what none of *askers* answers may reach its host; this is the innermost."""
        named = any(asker.stands_for(asked.key.origin) for asker in askers)
        if self.policy.local and not named and stays_here(asked, proxy):
            return True
        return self.policy.lets_pass(asked, headers)

    def let_out(self, request: AiointerceptRequest, call: Call | None, sent: ClientRequest) -> None:
        """List *sent*, which a reply to *request* is about to send to its real host.

        Raises:
            NetworkBlockedError: ``block_network`` forbids it.
            RuntimeError: it would come back to this mock, again and again.
        """
        asked, askers = Asked(sent.method, sent.url), (self,) if call is None else call.askers
        if self._is_at(asked.key.origin):
            raise RuntimeError(
                f"{sent.method} {sent.url} was to be sent on to its real host, but that is this "
                f"mock's own server_url. Say where to: request.forward(url=...)"
            )
        for blocker in scope.guards():
            blocker.check(asked, sent)
        record = request if call is None or call.record is None else call.record
        keeper = next((asker for asker in askers if asker.journal.has(record)), askers[0])
        keeper.list_passed(sent)

    def refuse(self, asked: Asked, sent: ClientRequest) -> ClientConnectionError:
        """Record a request that no route answers and that may not pass, and return its error."""
        if not self.is_open:
            return _not_active(asked)
        loop = asyncio.get_running_loop()
        record = request_without_wire(
            sent.method, sent.url, sent.headers, known_body(sent), loop, sent.proxy
        )
        error = self._unmatched(record, asked)
        record.cut_body()
        return error

    def second_attempt(self, request: ClientRequest, traces: object) -> Call | None:
        """Return the broken call that *request* is aiohttp's repetition of, if it is one."""
        if self._broken is None:
            return None
        task = asyncio.current_task()
        call = None if task is None else self._broken.pop(task, None)
        if call is None or call.traces is not traces:
            return None
        if call.client_request is request:
            # A middleware that tries again hands on the very same request: a call of its own.
            return None
        if (call.asked.method, call.url) != (request.method, request.url):
            return None
        call.client_request = request
        if call.record is not None:
            call.record.attempts += 1
        return call

    async def open_wire(self, loop: asyncio.AbstractEventLoop, call: Call) -> ClientEnd:
        """Return the client's end of a new connection to this mock.

        Raises:
            InterceptClosedError: the mock is not active, or is left meanwhile.
            aiohttp.ClientConnectionError: the two sides did not agree in their handshake.
        """
        server = self._server(loop, call.asked)
        handshake = self._handshake(call)
        if self.wire == "memory" or (call.attempt is not None and handshake is not None):
            # A faulty handshake is made in memory: servers of asyncio's send no alerts.
            client = server.open_memory(call, handshake)
        else:
            client = await self._open_tcp(loop, server, call, handshake)
        if handshake is not None:
            handshake.check_fingerprint(client)
        return client

    async def _open_tcp(
        self,
        loop: asyncio.AbstractEventLoop,
        server: Server,
        call: Call,
        handshake: Handshake | None,
    ) -> ClientEnd:
        client = await server.open_tcp(call, handshake)
        if self._servers.get(loop) is not server:
            # The mock was left meanwhile, and the server with it: its end answers to nobody.
            error = _not_active(call.asked)
            client.link.close(error)
            raise error
        return client

    def _handshake(self, call: Call) -> Handshake | None:
        """Return the handshake that a new connection for *call* begins with, if with any."""
        if call.attempt is not None and (handshake := call.attempt.handshake()) is not None:
            return handshake
        side = self.server_side(call)
        if side is None:
            return None
        # Imported at its use: most mocks make none.
        from .loopback.tls import handshake_for

        return handshake_for(call, side)

    def server_side(self, call: Call) -> ServerSide | None:
        """Return the server that *call* meets in its handshake; None if it makes none."""
        if self.identities is None or not call.asked.key.origin.secure:
            return None
        return self.identities.side(call)

    def _server(self, loop: asyncio.AbstractEventLoop, asked: Asked) -> Server:
        with self._lock:
            if not self.is_open:
                raise _not_active(asked)
            if loop not in self._servers:
                for closed in [one for one in self._servers if one.is_closed()]:
                    del self._servers[closed]
                self._servers[loop] = Server(self, loop)
            return self._servers[loop]

    def reads_body(self, request: AiointerceptRequest, call: Call | None) -> bool:
        """Tell whether the body of *request* is to be read before a reply is chosen."""
        if call is not None and call.reply is not None:
            return getattr(call.reply, "reads_body", True)
        asked, askers = self._asked(request, call)
        return body_comes_first(
            (
                route
                for asker in askers
                for route in asker.registry.candidates(asked)
                if asker.registry.state.holds(route.when)
            ),
            request,
        )

    def answer(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        """Choose the reply to a request that has arrived, and record it; never raises."""
        if call is not None and call.reply is not None:
            return self._settled(call.reply, request, call)
        reply = self._choose(request, call)
        if call is not None:
            call.reply = reply
            call.record = request
        return reply

    def _settled(self, settled: Reply, request: AiointerceptRequest, call: Call) -> Reply:
        """Return the reply to another attempt, or to one that was taken before it had arrived."""
        if call.record is None:
            call.record = request
            asker, route = cast("tuple[Interceptor, Route]", call.taken)
            asker.note(route, request)
            return settled
        request.begin_again(call.record)
        reply = settled
        if isinstance(settled, BaseReply):
            reply = settled.in_attempt(call.record.attempts) or self._choose(request, call)
        call.reply = reply
        return reply

    def _asked(
        self, request: AiointerceptRequest, call: Call | None
    ) -> tuple[Asked, Sequence[Interceptor]]:
        """Return what is asked, and of whom."""
        if call is None:
            return Asked(request.method, self._own(request.url)), (self,)
        return call.asked, call.askers

    def _choose(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        asked, askers = self._asked(request, call)
        for asker in askers:  # no any(): every request would pay for a generator
            if asker.registry.has_async:
                return LateChoice(lambda: self._choose_async(request, call))
        try:
            for asker in askers:
                route = asker.registry.take(asked, request)
                if route is not None:
                    return asker.used(route, request)
            return self._last_resort(request, call)
        except Exception as exc:  # noqa: BLE001 - a predicate's own, to be raised to the caller
            return Failure(exc)

    async def _choose_async(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        asked, askers = self._asked(request, call)
        for asker in askers:
            route = await asker.registry.take_async(asked, request)
            if route is not None:
                return asker.used(route, request)
        return self._last_resort(request, call)

    def _last_resort(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        """Return the reply to a request that no route answers, though one is for its URL."""
        asked, askers = self._asked(request, call)
        if call is not None and askers[0].may_pass(asked, request.headers, call.proxy, askers):
            # Imported at its use: few requests come this way.
            from .replies.passing import passthrough

            return passthrough()
        return self.refusal(self._unmatched(request, asked), asked)

    def refusal(self, error: ClientConnectionError, asked: Asked) -> Reply:
        """Return the reply to a request that has arrived, and that no route answers."""
        return Failure(error)

    def used(self, route: Route, request: AiointerceptRequest) -> Reply:
        """Record that *route* answers *request*, and return its reply."""
        self.note(route, request)
        return chosen(route.reply, request)

    def note(self, route: Route, request: AiointerceptRequest) -> None:
        """Record that *route* answers *request*: a call of a client, or another attempt at one."""
        record = request.record
        record.route = request.route = route
        if record is request:
            self.journal.record(request)
        route.record(record)

    def _unmatched(self, request: AiointerceptRequest, asked: Asked) -> UnmatchedRequestError:
        if request.record is request:
            self.journal.record(request)
        return UnmatchedRequestError(self.explain(request, asked), request)

    def explain(self, request: AiointerceptRequest, asked: Asked) -> Unmatched:
        """Say why no route answers *request*."""
        # Imported at its use: most tests have no request that must be explained.
        from .routing.explain import Unmatched

        return Unmatched(asked, request, self.registry, self.registry.state)

    def _own(self, url: URL) -> URL:
        """Return *url* under the name that ``server_url`` gives this machine."""
        if self._listener is not None and is_loopback(url.host or ""):
            return url.with_host(LOCALHOST)
        return url

    def call_broke(self, call: Call) -> None:
        """Keep a call whose connection broke: aiohttp may be about to repeat it, in this task."""
        if self._broken is None:
            self._broken = WeakKeyDictionary()
        task = asyncio.current_task()
        if task is not None:
            self._broken[task] = call

    @property
    def listener(self) -> Listener:
        """The real server for clients that are not aiohttp's, started on first use."""
        with self._lock:
            if self._listener is None:
                self._passed.clear()
                context = self._context
                self._listener = Listener(lambda loop: Server(self, loop, context, self._at_home))
                self._ports.add(self._listener.port)
            self.settle()
            return self._listener

    async def listen(self, context: SSLContext | None = None) -> int:
        """Listen on loopback TCP on the loop that runs here, where replies run too.

        Args:
            context: what clients shake hands with, if they are to.

        Returns:
            the port.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            server = self._servers.setdefault(loop, Server(self, loop, self._context))
        port = await server.listen(context)
        self._ports.add(port)
        return port

    def settle(self) -> None:
        """Take the loop that runs here for the test's, unless the one that was taken is running.

        A mock that serves many tests is entered where no loop runs, or another one.
        """
        if self._listener is None or self._listener.is_current():
            return
        if self._home is None or not self._home.is_running():
            self._home = _running_loop() or self._home

    def _at_home(self) -> asyncio.AbstractEventLoop | None:
        return self._home

    def close(self) -> Awaitable[None]:
        """Close every connection and cancel what is in flight; await it to see that ended.

        Waits for no reply: clients that wait for one get an ``InterceptClosedError``. What a
        mounted application raises when it is stopped is raised where this is awaited.
        """
        with self._lock:
            self.is_open = False
            servers, self._servers = self._servers, {}
            listener, self._listener = self._listener, None
            self._ports.clear()
        self._broken = None
        exc = InterceptClosedError("The mock was left before it had answered this request.")
        ending: list[asyncio.Task[None]] = []
        for loop, server in servers.items():
            if loop.is_closed():
                continue
            if loop.is_running() and loop is not _running_loop():
                # It may be closed by its own thread between the question and the call.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(server.close, exc)
            else:
                ending += server.close(exc)
        hosts, self.hosts = self.hosts, []
        try:
            stopping = [task for host in hosts if (task := host.close()) is not None]
        finally:
            if listener is not None:
                listener.stop(exc)
        return _Ending(ending, stopping)


class _Ending(Awaitable[None]):
    """Gives cancelled tasks the few turns of the loop that they need to end.

    Mounted applications are waited for, until they have stopped.
    """

    def __init__(self, tasks: list[asyncio.Task[None]], stopping: list[asyncio.Task[None]]) -> None:
        self._tasks = tasks
        self._stopping = stopping

    def __await__(self) -> Generator[Any, None, None]:
        for _ in range(_TURNS_TO_END):
            if all(task.done() for task in self._tasks):
                break
            yield
        for task in self._stopping:
            yield from task.__await__()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _not_active(asked: Asked) -> InterceptClosedError:
    return InterceptClosedError(
        f"{asked.method} {asked.url}: the mock that was to answer is not active. "
        f"It has been stopped, or not been started."
    )


def known_body(request: ClientRequest) -> bytes:
    """Return what is known of a body that was not sent: of a stream nothing is."""
    body = request.body
    if isinstance(body, BytesPayload):
        # Latin-1 has a character for every byte, and the byte for each of them.
        return body.decode("latin-1").encode("latin-1")
    return body if isinstance(body, bytes) else b""
