"""The servers of a mock: one for each loop that asks, and the listener for other clients."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Awaitable, Generator
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from yarl import URL

from .errors import InterceptClosedError
from .loopback.listener import Listener
from .loopback.server import LOCALHOST, Answering, Server
from .routing.route import Asked
from .routing.urls import Origin, is_loopback

if TYPE_CHECKING:
    from ssl import SSLContext

    from .identities import Identities
    from .loopback.hosting import Host
    from .loopback.link import Call, ClientEnd
    from .loopback.tls import Handshake, ServerSide

__all__ = ("WIRES", "Serving", "Wire", "not_active")

Wire: TypeAlias = Literal["memory", "tcp"]
WIRES: Final = ("memory", "tcp")

_TURNS_TO_END = 10


class Serving(Answering):
    """Opens wires, listens, and closes it all again; what it serves is for others to say.

    Args:
        wire: what connections are made of: transports in memory, or loopback TCP.
        identities: what hosts show in handshakes; None if none is made.
    """

    def __init__(self, wire: Wire, identities: Identities | None) -> None:
        self.wire: Wire = wire
        self.identities = identities
        self.pool_tag = object()
        self._lock = threading.Lock()
        self._servers: dict[asyncio.AbstractEventLoop, Server] = {}
        self._listener: Listener | None = None
        self._ports: set[int] = set()
        self._context = contextvars.copy_context()
        self._home: asyncio.AbstractEventLoop | None = None
        self.hosts: list[Host] = []
        self.is_open = False

    def open(self) -> None:
        """Begin to serve; the context and the loop that are current now are the test's."""
        self.is_open = True
        self.pool_tag = object()
        self._context = contextvars.copy_context()
        self._home = _running_loop()

    def is_at(self, origin: Origin) -> bool:
        """Tell whether *origin* is that of ``server_url``, or another one that is listened at."""
        return origin.port in self._ports and is_loopback(origin.host)

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
            error = not_active(call.asked)
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
                raise not_active(asked)
            if loop not in self._servers:
                for closed in [one for one in self._servers if one.is_closed()]:
                    del self._servers[closed]
                self._servers[loop] = Server(self, loop)
            return self._servers[loop]

    def own_url(self, url: URL) -> URL:
        """Return *url* under the name that ``server_url`` gives this machine."""
        if self._listener is not None and is_loopback(url.host or ""):
            return url.with_host(LOCALHOST)
        return url

    @property
    def listener(self) -> Listener:
        """The real server for clients that are not aiohttp's, started on first use."""
        with self._lock:
            if self._listener is None:
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


def not_active(asked: Asked) -> InterceptClosedError:
    """Return the error of a call to a mock that is not active."""
    return InterceptClosedError(
        f"{asked.method} {asked.url}: the mock that was to answer is not active. "
        f"It has been stopped, or not been started."
    )
