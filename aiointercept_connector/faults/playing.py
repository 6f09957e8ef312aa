"""Plays scripts: has a server write what they say, byte for byte, and end the connection.

Nothing here names an exception. The client meets on its connection what it would meet on a real
one, and makes of it what it makes of it.
"""

from __future__ import annotations

import asyncio
import enum
import math
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

from aiohttp import hdrs

from ..errors import ImpossibleFaultError
from ..loopback.memory import MemoryTransport
from ..loopback.sent import SentResponse
from .kind import Effect, Fault

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest
    from ..loopback.protocol import ServerProtocol
    from ..routing.route import Asked

__all__ = (
    "End",
    "Pass",
    "Question",
    "Read",
    "Script",
    "Talked",
    "Written",
    "asks_for_websocket",
    "no_timeout",
    "play",
    "reset",
    "settle",
)

# An end of a connection does within a few of these what it is about to do.
_TURNS: Final = 20


class End(enum.Enum):
    """How a script ends."""

    CLOSE = enum.auto()
    RESET = enum.auto()
    HOLD = enum.auto()  # nothing more is sent, and the connection stays
    KEEP = enum.auto()  # the connection serves the next request, if the client wants that


class Pass(NamedTuple):
    """Time that passes.

    Attributes:
        seconds: how long.
        virtual: whether the client alone is to feel it.
        timer: the one timeout of the client's that is to expire; None for the one that is first.
    """

    seconds: float
    virtual: bool
    timer: str | None = None


class Read(NamedTuple):
    """So much of the request's body is read, or the rest of it."""

    size: int | None


Step: TypeAlias = "bytes | Read | Pass | End"
Script: TypeAlias = "Iterator[Step]"


class Question(NamedTuple):
    """What a script is to know of the request.

    Attributes:
        method: its method.
        headers: its headers.
    """

    method: str = hdrs.METH_GET
    headers: Mapping[str, str] = MappingProxyType({})

    @property
    def wants_body(self) -> bool:
        """Whether the response has a body; that to HEAD has none (RFC 9110 section 9.3.2)."""
        return self.method != hdrs.METH_HEAD


class Written(Effect):
    """What a script does, once the request has arrived.

    Args:
        script: returns the steps for a fault and a question; a generator function.
        reads_body: whether the request's body is read first.
    """

    def __init__(
        self, script: Callable[[Fault, Question], Script], *, reads_body: bool = True
    ) -> None:
        self._script = script
        self.reads_body = reads_body

    def check(self, fault: Fault) -> None:
        """Write the script once, for what is wrong with it."""
        for _ in self._script(fault, Question()):
            pass

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Play the script."""
        question = Question(request.method, request.headers)
        return await play(self._script(fault, question), request)


class Talked(Written):
    """What a script does to a WebSocket, once the request for it has arrived."""

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Play the script, to who has asked for a WebSocket."""
        if not asks_for_websocket(request.headers):
            raise ImpossibleFaultError(
                f"{fault} is a fault of a WebSocket, and {request.method} {request.url} asked for "
                f"none: a client asks with session.ws_connect()."
            )
        return await super().happen(fault, request)


def asks_for_websocket(headers: Mapping[str, str]) -> bool:
    """Tell whether a request begins the handshake of a WebSocket (RFC 6455 section 4.1)."""
    return headers.get(hdrs.UPGRADE, "").strip().lower() == "websocket"


async def play(script: Script, request: AiointerceptRequest) -> SentResponse:
    """Write what the script says to the connection that *request* came by, and end as it says."""
    transport = cast("asyncio.Transport", request.transport)
    for step in script:
        if isinstance(step, bytes):
            transport.write(step)
        elif isinstance(step, Read):
            await _read(step.size, request)
        elif isinstance(step, Pass):
            await _pass(step, request)
        else:
            return await _end(step, transport, request)
    return await _end(End.KEEP, transport, request)


async def _end(end: End, transport: asyncio.Transport, request: Any) -> SentResponse:
    if end is End.HOLD:
        await asyncio.get_running_loop().create_future()
    if end is End.RESET:
        # What was written is to be read first.
        await settle()
        reset(transport)
    elif end is End.CLOSE:
        transport.close()
    if end is not End.KEEP:
        # aiohttp would wait for the rest of the request.
        request.protocol.force_close()
    return SentResponse(keep_alive=end is End.KEEP and request.keep_alive)


async def settle() -> None:
    """Let the other end do what it is about to do."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def reset(transport: asyncio.BaseTransport) -> None:
    """Reset a connection, on whatever wire."""
    if isinstance(transport, MemoryTransport):
        transport.reset()
        return
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cast("asyncio.Transport", transport).abort()


async def _read(size: int | None, request: AiointerceptRequest) -> None:
    if size is None:
        cast("asyncio.Transport", request.transport).resume_reading()
        await request.content.read()
        return
    while size > 0 and (piece := await request.content.read(size)):
        size -= len(piece)
    # What comes now stays where it is.
    cast("asyncio.Transport", request.transport).pause_reading()


async def _pass(step: Pass, request: AiointerceptRequest) -> None:
    """Wait; if it is virtual, and the client would have given up meanwhile, for ever."""
    protocol = cast("ServerProtocol", request.protocol)
    if not step.virtual:
        if step.timer == "total":
            await _stay_awake(request)
        await asyncio.sleep(step.seconds) if step.seconds < math.inf else await _for_ever()
        return
    await settle()
    if step.timer is not None:
        # Of a client that is not ours nobody knows its timeouts: it meets them by waiting.
        if not protocol.expire(step.timer) and protocol.link.call is not None:
            fault = f"faults.{step.timer}_timeout()"
            raise ImpossibleFaultError(no_timeout(fault, request, step.timer))
        await _for_ever()
    if protocol.let_pass(step.seconds) or step.seconds == math.inf:
        await _for_ever()


def no_timeout(fault: object, asked: Asked | AiointerceptRequest, *timers: str) -> str:
    """Say that a client has none of the timeouts that *fault* might have set off."""
    return (
        f"{asked.method} {asked.url} met {fault}, which sets off a timeout of the client's, and "
        f"its ClientTimeout has no {' or '.join(f'{name}=' for name in timers)}: it would wait for "
        f"ever. Give the client timeout=ClientTimeout({timers[0]}=...); or the fault "
        f"virtual=False, to have it wait."
    )


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def _stay_awake(request: AiointerceptRequest) -> None:
    """Send what is no answer (RFC 9110 section 15.2), sooner than ``sock_read`` would expire."""
    call = cast("ServerProtocol", request.protocol).link.call
    timeout = None if call is None else call.timeout
    transport = cast("asyncio.Transport", request.transport)
    while timeout is not None and timeout.sock_read:
        await asyncio.sleep(timeout.sock_read / 2)
        transport.write(b"HTTP/1.1 102 Processing\r\n\r\n")
