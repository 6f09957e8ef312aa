"""Faults on the wire: what the server writes, byte for byte, and how it ends the connection.

Nothing here names an exception. The client meets on its connection what it would meet on a real
one, and makes of it what it makes of it.
"""

from __future__ import annotations

import asyncio
import base64
import enum
import hashlib
import math
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

from aiohttp import hdrs
from multidict import CIMultiDict

from ..loopback.memory import MemoryTransport
from ..loopback.sent import SentResponse
from ..replies.static import default_reason, is_bodiless, serialise_head
from .kind import Effect, Fault

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest
    from ..loopback.protocol import ServerProtocol

__all__ = ("End", "Pass", "Read", "Script", "Written", "play", "reset", "settle")

# An end of a connection does within a few of these what it is about to do.
_TURNS: Final = 20
_DECLARED: Final = 100
_RESERVED_OPCODE: Final = b"\x83\x00"
_WEBSOCKET_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


class End(enum.Enum):
    """How a script ends."""

    CLOSE = enum.auto()
    RESET = enum.auto()
    HOLD = enum.auto()  # nothing more is sent, and the connection stays
    KEEP = enum.auto()  # the connection serves the next request


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
    """So much of the request's body is read, or all of it."""

    size: int


Step: TypeAlias = "bytes | Read | Pass | End"
Script: TypeAlias = "Iterator[Step]"


class Written(Effect):
    """What a script does, once the request has arrived.

    Args:
        script: returns the steps for a fault and the request; a generator function.
        reads_body: whether the request's body is read first.
    """

    def __init__(
        self, script: Callable[[Fault, Mapping[str, str]], Script], *, reads_body: bool = True
    ) -> None:
        self._script = script
        self.reads_body = reads_body

    def check(self, fault: Fault) -> None:
        """Write the script once, for what is wrong with it."""
        for _ in self._script(fault, {}):
            pass

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Play the script."""
        return await play(self._script(fault, request.headers), request)


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
    return SentResponse(keep_alive=True)


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
    return SentResponse(keep_alive=end is End.KEEP)


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


async def _read(size: int, request: AiointerceptRequest) -> None:
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
        if not protocol.expire(step.timer):
            raise RuntimeError(
                f"{request.method} {request.url} was to meet its client's own timeout, but the "
                f"client waits for ever: its ClientTimeout has no {step.timer}="
            )
        await _for_ever()
    if protocol.let_pass(step.seconds) or step.seconds == math.inf:
        await _for_ever()


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


# The scripts. Each is given the fault, for its arguments, and the headers of the request.


def response(fault: Fault, body: bytes = b"", **headers: str) -> bytes:
    """Return a response with the fault's status and headers, and a body of known length."""
    return head(fault, {"Content-Length": str(len(body)), **_named(headers)}) + body


def head(fault: Fault, framing: Mapping[str, str]) -> bytes:
    """Return the head of a response with the fault's status and headers."""
    status = fault["status"]
    headers: CIMultiDict[str] = CIMultiDict(framing)
    headers.update(fault["headers"] or {})
    return serialise_head(status, default_reason(status), headers) + b"\r\n"


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _part_of_head(fault: Fault) -> bytes:
    whole = head(fault, {"Content-Length": str(_DECLARED)})
    if fault["after"] >= len(whole):
        raise ValueError(
            f"after={fault['after']}: the head of this response has {len(whole)} bytes, and "
            f"faults.{fault.kind.name}() happens before its end. For the body there are "
            f"faults.truncated(), faults.reset_body() and faults.stall_body()."
        )
    after: int = fault["after"]
    return whole[:after]


def _part_of_body(fault: Fault) -> bytes:
    if is_bodiless(fault["status"]):
        raise ValueError(f"status={fault['status']}: HTTP allows no body with it")
    size: int = fault["after"]
    if fault.get("chunked", False):
        chunk = b"%x\r\n%b\r\n" % (size, b"x" * size) if size else b""
        return head(fault, {"Transfer-Encoding": "chunked"}) + chunk
    return head(fault, {"Content-Length": str(size + _DECLARED)}) + b"x" * size


def close_before_answer(fault: Fault, _: object) -> Script:
    yield _part_of_head(fault)
    yield End.CLOSE


def reset_before_answer(fault: Fault, _: object) -> Script:
    yield _part_of_head(fault)
    yield End.RESET


def stall_before_answer(fault: Fault, _: object) -> Script:
    yield _part_of_head(fault)
    yield Pass(math.inf, fault["virtual"])


def stall_request(fault: Fault, _: object) -> Script:
    yield Read(fault["after"])
    yield Pass(math.inf, fault["virtual"])


def reset_request(fault: Fault, _: object) -> Script:
    yield Read(fault["after"])
    yield End.RESET


def answer_early(fault: Fault, _: object) -> Script:
    yield response(fault, Connection="close")
    yield End.CLOSE


def bad_status_line(_: Fault, __: object) -> Script:
    yield b"HTTP/9.9 banana\r\n\r\n"
    yield End.HOLD


def bad_header(fault: Fault, _: object) -> Script:
    yield head(fault, {}).removesuffix(b"\r\n") + b"Bad Header\r\n\r\n"
    yield End.HOLD


def header_too_long(fault: Fault, _: object) -> Script:
    yield head(fault, {"X-Long": "a" * fault["after"], "Content-Length": "0"})
    yield End.HOLD


def wrong_content_length(fault: Fault, _: object) -> Script:
    yield head(fault, {"Content-Length": "banana"})
    yield End.HOLD


def unknown_encoding(fault: Fault, _: object) -> Script:
    yield head(fault, {"Transfer-Encoding": "banana"}) + b"x" * 10
    yield End.CLOSE


def truncated(fault: Fault, _: object) -> Script:
    yield _part_of_body(fault)
    yield End.CLOSE


def reset_body(fault: Fault, _: object) -> Script:
    yield _part_of_body(fault)
    yield End.RESET


def stall_body(fault: Fault, _: object) -> Script:
    yield _part_of_body(fault)
    yield Pass(math.inf, fault["virtual"])


def bad_chunk(fault: Fault, _: object) -> Script:
    size = fault["after"]
    chunk = b"%x\r\n%b\r\n" % (size, b"x" * size) if size else b""
    # In one piece. Of what comes later aiohttp tells nobody, and its caller waits for a timeout.
    yield head(fault, {"Transfer-Encoding": "chunked"}) + chunk + b"ZZ\r\n"
    yield End.HOLD


def corrupt_gzip(fault: Fault, _: object) -> Script:
    # The magic number is right, and nothing else.
    yield response(fault, b"\x1f\x8b" + b"\0" * 18, Content_Encoding="gzip")
    yield End.KEEP


def extra_bytes(fault: Fault, _: object) -> Script:
    yield response(fault, fault["body"]) + b"HTTP/1.1 500 Surplus\r\n\r\n"
    yield End.KEEP


def slow(fault: Fault, _: object) -> Script:
    body, speed = fault["body"], fault["bytes_per_second"]
    size = max(1, math.floor(speed))
    yield response(fault, body).removesuffix(body) if body else response(fault)
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield Pass(len(piece) / speed, fault["virtual"])
        yield piece
    yield End.KEEP


def close_after(fault: Fault, _: object) -> Script:
    yield response(fault, fault["body"])
    yield End.CLOSE


def expire_total(fault: Fault, _: object) -> Script:
    yield Pass(math.inf, fault["virtual"], "total")


def expire_sock_read(fault: Fault, _: object) -> Script:
    yield Pass(math.inf, fault["virtual"], "sock_read")


def ws_refused(fault: Fault, _: object) -> Script:
    yield response(fault)
    yield End.KEEP


def ws_lost(_: Fault, headers: Mapping[str, str]) -> Script:
    yield _accepted(headers)
    yield End.RESET


def ws_bad_frame(_: Fault, headers: Mapping[str, str]) -> Script:
    yield _accepted(headers)
    yield _RESERVED_OPCODE
    yield End.HOLD


def ws_bad_close(fault: Fault, headers: Mapping[str, str]) -> Script:
    yield _accepted(headers)
    yield b"\x88\x02" + fault["code"].to_bytes(2, "big")
    yield End.HOLD


def ws_no_pong(_: Fault, headers: Mapping[str, str]) -> Script:
    yield _accepted(headers)
    yield End.HOLD


def _accepted(headers: Mapping[str, str]) -> bytes:
    """Return the server's side of a WebSocket handshake (RFC 6455 section 4.2.2)."""
    key = headers.get(hdrs.SEC_WEBSOCKET_KEY, "").encode()
    digest = base64.b64encode(hashlib.sha1(key + _WEBSOCKET_GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Accept: " + digest + b"\r\n\r\n"
    )
