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
from .scripts import response

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.connector import Connection

    from ..connector import Connect
    from ..journal.request import AiointerceptRequest
    from ..loopback.link import ClientEnd
    from ..loopback.protocol import ServerProtocol
    from .kind import Fault
    from .playing import Script

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

    def script(self, fault: Fault) -> Script:
        """Return a script that does the same."""
        raise NotImplementedError

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Let it happen to a request that has arrived after all."""
        return await play(self.script(fault), request)


class Dropping(_Connected):
    """A connection that is closed while the request is on its way to it."""

    def connected(self, fault: Fault, server: ServerProtocol, transport: asyncio.Transport) -> None:
        """Close the connection."""
        transport.close()

    def script(self, fault: Fault) -> Script:
        """Return a script that does the same."""
        yield End.CLOSE


class _Unread(_Connected):
    """What happens when the first bytes of a request have come."""

    def connected(self, fault: Fault, server: ServerProtocol, transport: asyncio.Transport) -> None:
        """Put a server in place that will not read the headers."""
        transport.set_protocol(_Deaf(self, fault, server))

    async def meet(self, fault: Fault, server: ServerProtocol) -> bool:
        """Let it happen to who is sending a request to *server*; tell if that is read then."""
        raise NotImplementedError


class StallingUnread(_Unread):
    """A server that ceases to read; if the fault ends, it reads on then, and answers."""

    def check(self, fault: Fault) -> None:
        """Write the response once, for what is wrong with it."""
        response(fault)

    async def meet(self, fault: Fault, server: ServerProtocol) -> bool:
        """Read no more; let the client's time pass."""
        cast("asyncio.Transport", server.transport).pause_reading()
        if fault["virtual"]:
            await settle()
            return not server.let_pass(fault.lasts) and fault.lasts < math.inf
        if fault.lasts < math.inf:
            await asyncio.sleep(fault.lasts)
        return fault.lasts < math.inf

    def script(self, fault: Fault) -> Script:
        """Return a script that does the same."""
        yield Pass(fault.lasts, fault["virtual"])
        yield response(fault)

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer who has waited, or let it happen to a request that has arrived after all."""
        call = cast("ServerProtocol", request.protocol).link.call
        if call is not None and call.attempt is not None:
            return await play(iter([response(fault)]), request)
        return await super().happen(fault, request)


class ResettingUnread(_Unread):
    """A server that resets the connection."""

    async def meet(self, fault: Fault, server: ServerProtocol) -> bool:
        """Reset the connection."""
        reset(cast("asyncio.Transport", server.transport))
        return False

    def script(self, fault: Fault) -> Script:
        """Return a script that does the same."""
        yield End.RESET


class _Deaf(asyncio.Protocol):
    """The server's end of a wire on which nothing is served, or not yet."""

    def __init__(self, effect: _Unread, fault: Fault, instead_of: ServerProtocol) -> None:
        self._effect = effect
        self._fault = fault
        self._server = instead_of
        self._meeting: asyncio.Task[None] | None = None
        self._unread = bytearray()

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if self._meeting is None:
            self._meeting = asyncio.get_running_loop().create_task(self._meet())

    async def _meet(self) -> None:
        if await self._effect.meet(self._fault, self._server):
            transport = cast("asyncio.Transport", self._server.transport)
            transport.set_protocol(self._server)
            self._server.data_received(bytes(self._unread))
            transport.resume_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._meeting is not None:
            self._meeting.cancel()
        self._server.connection_lost(exc)

    def pause_writing(self) -> None:
        self._server.pause_writing()

    def resume_writing(self) -> None:
        self._server.resume_writing()
