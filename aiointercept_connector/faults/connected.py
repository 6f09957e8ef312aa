"""Faults of a connection that is there, before the request has arrived by it.

They are met on the wire that the call gets, pooled or new: its server closes it, or is replaced by
one that serves nobody.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, cast

from .connecting import Attempt, Connecting
from .playing import End, Pass, play, reset, settle

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.connector import Connection

    from ..connector import Connect
    from ..journal.request import AiointerceptRequest
    from ..loopback.link import ClientEnd
    from ..loopback.protocol import ServerProtocol
    from .kind import Fault
    from .playing import Step

__all__ = ("Dropping", "ResettingUnread", "StallingUnread")


class _Connected(Connecting):
    """What happens to a connection that the client has got."""

    uses_pool = True
    timers = ()

    def dials(self, call: Any) -> bool:
        """Tell that it happens on a wire of the mock's."""
        return False

    async def connect(self, attempt: Attempt, connect: Connect, traces: Any) -> Connection:
        """Get a connection, pooled or new, to a server that this happens to."""
        connection = await super().connect(attempt, connect, traces)
        server = cast("ClientEnd", connection.protocol).link.protocol
        if server is not None and server.transport is not None:
            self.connected(attempt.fault, server, server.transport)
        return connection

    def connected(self, fault: Fault, server: ServerProtocol, transport: asyncio.Transport) -> None:
        """Do to a server what the fault does to it."""
        raise NotImplementedError

    def step(self, fault: Fault) -> Step:
        """Return what a script does that does the same."""
        raise NotImplementedError

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Let it happen to a request that has arrived after all."""
        return await play(iter([self.step(fault)]), request)


class Dropping(_Connected):
    """A connection that is closed while the request is on its way to it."""

    def connected(self, fault: Fault, server: ServerProtocol, transport: asyncio.Transport) -> None:
        """Close the connection."""
        transport.close()

    def step(self, fault: Fault) -> Step:
        """Return what a script does that does the same."""
        return End.CLOSE


class _Unread(_Connected):
    """What happens when the first bytes of a request have come."""

    def connected(self, fault: Fault, server: ServerProtocol, transport: asyncio.Transport) -> None:
        """Put a server in place that will not read the headers."""
        transport.set_protocol(_Deaf(self, fault, server))

    async def meet(self, fault: Fault, server: ServerProtocol) -> None:
        """Let it happen to who is sending a request to *server*."""
        raise NotImplementedError


class StallingUnread(_Unread):
    """A server that ceases to read."""

    async def meet(self, fault: Fault, server: ServerProtocol) -> None:
        """Read no more; let the client's time pass."""
        cast("asyncio.Transport", server.transport).pause_reading()
        if fault["virtual"]:
            await settle()
            server.let_pass(math.inf)

    def step(self, fault: Fault) -> Step:
        """Return what a script does that does the same."""
        return Pass(math.inf, fault["virtual"])


class ResettingUnread(_Unread):
    """A server that resets the connection."""

    async def meet(self, fault: Fault, server: ServerProtocol) -> None:
        """Reset the connection."""
        reset(cast("asyncio.Transport", server.transport))

    def step(self, fault: Fault) -> Step:
        """Return what a script does that does the same."""
        return End.RESET


class _Deaf(asyncio.Protocol):
    """The server's end of a wire on which nothing is served."""

    def __init__(self, effect: _Unread, fault: Fault, instead_of: ServerProtocol) -> None:
        self._effect = effect
        self._fault = fault
        self._server = instead_of
        self._meeting: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        if self._meeting is None:
            meeting = self._effect.meet(self._fault, self._server)
            self._meeting = asyncio.get_running_loop().create_task(meeting)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._meeting is not None:
            self._meeting.cancel()
        self._server.connection_lost(exc)

    def pause_writing(self) -> None:
        self._server.pause_writing()

    def resume_writing(self) -> None:
        self._server.resume_writing()
