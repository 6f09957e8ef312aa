"""Faults before there is a connection: on the way to the host, and in its pool.

They are decided when a connector has claimed a call, before it looks into the pool, so that no
connection that is there already can make up for them.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, cast

from aiohttp import ClientTimeout, ConnectionTimeoutError
from aiohttp.helpers import ceil_timeout  # pyright: ignore[reportUnknownVariableType] - 3.10's
from multidict import CIMultiDict

from ..connector import Connect, TaggedKey, TaggedRequest
from ..errors import ImpossibleFaultError
from ..loopback.dialing import Dialler, ResponseEnd
from ..loopback.expiry import expire_total
from ..loopback.link import REPEATED_BY_AIOHTTP
from ..replies.static import StaticReply
from .kind import Effect, Fault
from .playing import End, no_timeout, play, reset
from .proxies import to_proxy

if TYPE_CHECKING:
    from aiohttp import ClientRequest, web
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import BaseConnector, Connection

    from ..journal.request import AiointerceptRequest
    from ..loopback.link import Call, ClientEnd
    from ..loopback.protocol import ServerProtocol
    from ..loopback.tls import Handshake

__all__ = ("Attempt", "Connecting", "Dialling", "LookingUp", "Queueing", "Resetting")

_AT_ONCE = 1e-9


class Attempt:
    """An attempt to get a connection, which a fault awaits.

    Args:
        fault: the fault.
        call: the call that the connection is for.
    """

    def __init__(self, fault: Fault, call: Call) -> None:
        self.fault = fault
        self.call = call
        self.timeout = call.timeout or ClientTimeout()
        self.effect = cast("Connecting", fault.kind.effect)

    async def connect(self, connect: Connect, traces: Any) -> Connection:
        """Get a connection as ``connector.connect`` does, if the fault lets it."""
        return await self.effect.connect(self, connect, traces)

    @property
    def dials(self) -> bool:
        """Whether the new connection that the pool wants is the fault's to make."""
        return self.effect.dials(self.call)

    async def dial(self, connector: BaseConnector, traces: Any) -> ResponseHandler:
        """Make the new connection that the pool wants, or raise what the client is to meet."""
        return await self.effect.open(self, connector, traces)

    def opened(self, client: ClientEnd) -> None:
        """Do to a new wire what the fault does to it."""
        self.effect.opened(client)

    def handshake(self) -> Handshake | None:
        """Return the handshake that the new connection begins with, if it is the fault's."""
        return self.effect.handshake(self)

    def tagged(self) -> TaggedRequest:
        """Return the request as the pool is to see it."""
        request = TaggedRequest(self.call)
        if not self.effect.uses_pool:
            # No idle connection is found by a key that nobody else has.
            request.connection_key = TaggedKey((object(), request.connection_key[1]))
        return request

    async def wait(self, *timers: str) -> None:
        """Wait as long as the fault lasts, or until a timeout of the client's expires.

        Args:
            *timers: the timeouts that run meanwhile, beside ``total``.
        """
        if not self.fault["virtual"]:
            await asyncio.sleep(self._seconds) if self._seconds < math.inf else await _for_ever()
        elif self.expires(*timers):
            await _for_ever()

    def expires(self, *timers: str) -> bool:
        """Tell whether a timeout of the client's expires while the fault lasts, virtually.

        Raises:
            ImpossibleFaultError: none does, and the fault lasts for ever.
        """
        first = self._first(timers)
        if first is None and self._seconds == math.inf:
            raise ImpossibleFaultError(no_timeout(self.fault, self.call.asked, *timers, "total"))
        if first == "total":
            expire_total(self.call)
        # A `connect` or `sock_connect` has been made short: aiohttp's own timer goes off.
        return first is not None

    @property
    def takes_time(self) -> bool:
        """Whether the fault lasts."""
        return "virtual" in self.fault.kind.options

    @property
    def _seconds(self) -> float:
        """How long the fault lasts, if nobody gives up."""
        return self.fault.lasts

    def outlasted(self, *timers: str) -> bool:
        """Tell whether the fault is over before a timeout of the client's expires."""
        return self._seconds < math.inf and self._first(timers) is None

    async def outlast(self) -> None:
        """Wait until the fault is over, unless it is virtual."""
        if not self.fault["virtual"]:
            await asyncio.sleep(self._seconds)

    def hasten(self, *timers: str) -> None:
        """Shorten the timeout of the client's that would be the first to expire, if it would."""
        first = self._first(timers) if self.fault.get("virtual", False) else None
        if first not in {None, "total"}:
            given = self.timeout
            known = {
                name: getattr(given, name)
                for name in ("total", "connect", "sock_read", "sock_connect", "ceil_threshold")
            }
            self.timeout = ClientTimeout(**{**known, first: _AT_ONCE})

    def _first(self, timers: tuple[str, ...]) -> str | None:
        """Return the timeout that expires first; None if the fault is over before."""
        given = self.call.timeout or ClientTimeout()
        left = {name: getattr(given, name) or math.inf for name in (*timers, "total")}
        left["total"] -= self.call.passed
        first = min(left, key=left.__getitem__)
        return first if left[first] < self._seconds else None


async def _for_ever() -> NoReturn:
    await asyncio.get_running_loop().create_future()
    raise AssertionError


class Connecting(Effect):
    """What happens before there is a connection.

    Attributes:
        uses_pool: whether a connection that is there already may be taken.
    """

    before_request = True
    uses_pool = False
    timers: tuple[str, ...] = ("connect",)

    async def connect(self, attempt: Attempt, connect: Connect, traces: Any) -> Connection:
        """Have the client's connector get a connection."""
        attempt.hasten(*self.timers)
        return await connect(attempt.tagged(), traces, attempt.timeout)

    def dials(self, call: Call) -> bool:
        """Tell whether it happens on the way to the host, and not on a wire of the mock's."""
        return True

    def opened(self, client: ClientEnd) -> None:
        """Do to a new wire what the fault does to it: nothing."""

    async def open(
        self, attempt: Attempt, connector: BaseConnector, traces: Any
    ) -> ResponseHandler:
        """Make a new connection, or raise what the client would have met."""
        dialler = Dialler(
            connector,
            lambda: self.found(attempt),
            lambda address, make: self.dial(attempt, address, make),
        )
        try:
            request = attempt.call.client_request
            return await dialler.create(request, traces, attempt.timeout)
        finally:
            await dialler.close()

    def handshake(self, attempt: Attempt) -> Handshake | None:
        """Return the handshake that a new connection begins with."""
        return None

    async def found(self, attempt: Attempt) -> None:
        """Look up the host: it is found."""

    async def dial(
        self, attempt: Attempt, address: Any, make: Callable[[], ResponseHandler]
    ) -> ResponseEnd:
        """Connect to an address."""
        raise NotImplementedError

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Make up for it that the request has come: nobody knew in time that it was not to."""
        protocol = cast("ServerProtocol", request.protocol)
        call = protocol.link.call
        if call is None or call.connector is None:
            # A client of `server_url`: this is as close as one can get to it now.
            reset(cast("asyncio.Transport", request.transport))
            return await StaticReply(500)(request)
        attempt = Attempt(fault, call)
        try:
            await self.fail(attempt, call.connector)
        except asyncio.TimeoutError as exc:
            # As ClientSession does it, had it been the connector that raised.
            raise ConnectionTimeoutError(f"Connection timeout to host {call.url}") from exc
        return await self.answer(fault)(request)

    def answer(self, fault: Fault) -> StaticReply:
        """Return the reply to a request that was sent in spite of the fault."""
        return StaticReply(200, headers={"Connection": "close"})

    async def fail(self, attempt: Attempt, connector: BaseConnector) -> None:
        """Raise what the client would have met."""
        attempt.hasten(*self.timers)
        timeout = attempt.timeout
        async with ceil_timeout(timeout.connect, ceil_threshold=timeout.ceil_threshold):
            await self.open(attempt, connector, [])


class LookingUp(Connecting):
    """A name that is not found.

    Args:
        code: the resolver's error, one of ``socket.EAI_…``.
    """

    def __init__(self, code: int) -> None:
        self._code = code

    async def found(self, attempt: Attempt) -> None:
        """Look up the host: it is not found."""
        if attempt.takes_time:
            await attempt.wait(*self.timers)
        raise socket.gaierror(self._code, _says(self._code))

    async def dial(self, attempt: Attempt, address: Any, make: Any) -> ResponseEnd:
        """Connect to an address, which nobody looks up."""
        raise ImpossibleFaultError(
            f"{attempt.fault} is a fault of looking up a name, and {attempt.call.asked.method} "
            f"{attempt.call.url} goes to {address[0]}, an address: take a URL with a name, or a "
            f"fault such as faults.unreachable()."
        )


def _says(code: int) -> str:
    """Return the C library's text for an error of its resolver."""
    if code == socket.EAI_NONAME:
        try:
            # It looks nothing up: a number is asked for, and this is none.
            socket.getaddrinfo("no number", None, flags=socket.AI_NUMERICHOST)
        except socket.gaierror as exc:
            return str(exc.strerror)
    return "Temporary failure in name resolution"


class Dialling(Connecting):
    """A connection that cannot be made.

    Args:
        code: the ``errno``.
        code_for_host: the same, if the fault was given ``host=True``.
    """

    timers = ("connect", "sock_connect")

    def __init__(self, code: int, code_for_host: int | None = None) -> None:
        self._code = code
        self._code_for_host = code_for_host

    async def dial(self, attempt: Attempt, address: Any, make: Any) -> ResponseEnd:
        """Connect to an address: it fails."""
        if attempt.takes_time:
            await attempt.wait(*self.timers)
        code = self._code
        if self._code_for_host is not None and attempt.fault["host"]:
            code = self._code_for_host
        if code == errno.ENETUNREACH:
            # connect() itself fails; of the others the loop hears later.
            raise OSError(code, os.strerror(code))
        raise OSError(code, f"Connect call failed {address}")


class Queueing(Connecting):
    """A pool that has no place; if the fault ends, it has one then."""

    def dials(self, call: Call) -> bool:
        """Tell that who gets a place gets a wire of the mock's."""
        return False

    async def connect(self, attempt: Attempt, connect: Connect, traces: Any) -> Connection:
        """Wait for a place in a pool that is full."""
        if not attempt.outlasted(*self.timers):
            return await self._queue(attempt, traces)
        for trace in traces:
            await trace.send_connection_queued_start()
        await attempt.outlast()
        for trace in traces:
            await trace.send_connection_queued_end()
        return await connect(attempt.tagged(), traces, attempt.timeout)

    async def _queue(self, attempt: Attempt, traces: Any) -> Connection:
        """Wait for a place in vain."""
        attempt.hasten(*self.timers)
        dialler = Dialler(attempt.call.connector, _nobody, _nobody, limit=1)
        dialler.fill()
        if attempt.fault["virtual"]:
            attempt.expires(*self.timers)
        try:
            waiting = cast("ClientRequest", attempt.tagged())
            return await dialler.connect(waiting, traces, attempt.timeout)
        finally:
            await dialler.close()

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer who got a place, or make up for it that nobody knew in time of the queue."""
        call = cast("ServerProtocol", request.protocol).link.call
        if call is None or call.attempt is None:
            return await super().happen(fault, request)
        return await self.answer(fault)(request)

    def answer(self, fault: Fault) -> StaticReply:
        """Return the reply to a request that was sent in spite of the fault."""
        return StaticReply(fault["status"], headers=CIMultiDict(fault["headers"] or ()))

    async def fail(self, attempt: Attempt, connector: BaseConnector) -> None:
        """Raise what the client would have met, or wait as it would have."""
        if attempt.outlasted(*self.timers):
            await attempt.outlast()
        else:
            await self._queue(attempt, [])


async def _nobody(*_: Any) -> Any:
    raise AssertionError


class Resetting(Connecting):
    """A connection that is reset as soon as it is accepted."""

    def dials(self, call: Call) -> bool:
        """Tell whether it is met in the handshake, or in asking for a tunnel."""
        return call.asked.key.origin.secure

    async def connect(self, attempt: Attempt, connect: Connect, traces: Any) -> Connection:
        """Have the client's connector get a connection."""
        try:
            return await super().connect(attempt, connect, traces)
        except REPEATED_BY_AIOHTTP:
            # A proxy is asked within; newer versions of aiohttp repeat that, too.
            attempt.call.claimant.call_broke(attempt.call)
            raise

    async def dial(self, attempt: Attempt, address: Any, make: Any) -> ResponseEnd:
        """Connect to an address: the handshake, or the question for a tunnel, is cut off."""
        if attempt.call.proxy is not None:
            return await to_proxy(address, make, None)
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    def opened(self, client: ClientEnd) -> None:
        """Reset a new wire."""
        server = client.link.protocol
        if server is not None and server.transport is not None:
            reset(server.transport)

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Reset the connection that the request has come by."""
        return await play(iter([End.RESET]), request)
