"""A connection of an application's own, led through the request that it is to answer.

The request has been parsed, and recorded; here it becomes bytes again, for a server protocol that
is not ours (uvicorn's, or one of aiohttp's on another loop). What that writes goes to the client as
it is. The protocol lives on the application's loop, the request on the client's; every call from
one to the other goes through ``_to_app`` or ``_to_client``, whether or not the loops are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import hdrs

from .arriving import ArrivingBody
from .sent import SentResponse

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest

__all__ = ("AppTransport", "Passage")

_SECURE: Final = object()


class AppTransport(asyncio.Transport):
    """The transport of the application's protocol, on the application's loop.

    Its protocol calls ``response_done`` when a response has been written whole.
    """

    def __init__(self, passage: Passage, extra: dict[str, Any]) -> None:
        super().__init__(extra)
        self._passage = passage
        self._protocol: asyncio.Protocol | None = None
        self._closing = False
        self._lost = False

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the current protocol."""
        return cast("asyncio.BaseProtocol", self._protocol)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let *protocol* be called from here on: a WebSocket's, after the handshake."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send *data* to the client."""
        if not self._closing:
            self._passage.to_client(self._passage.write, bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send all of *list_of_data*."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Tell that the connection ends in both directions at once."""
        return False

    def get_write_buffer_size(self) -> int:
        """Return nothing: what is written is the client's transport's to hold."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: the client's transport says when it has enough."""

    def pause_reading(self) -> None:
        """Leave what the client sends where it is."""
        self._passage.to_client(self._passage.pause_reading)

    def resume_reading(self) -> None:
        """Undo ``pause_reading``."""
        self._passage.to_client(self._passage.resume_reading)

    def is_reading(self) -> bool:
        """Tell whether input goes to the protocol."""
        return not self._closing

    def is_closing(self) -> bool:
        """Tell whether the transport is closed, or on its way."""
        return self._closing

    def response_done(self) -> None:
        """Take note that the response has been written, and the connection may stay."""
        self._passage.to_client(self._passage.end, not self._closing)

    def close(self) -> None:
        """End the connection behind what was written."""
        if not self._closing:
            self._closing = True
            self._passage.to_client(self._passage.end, False)

    def abort(self) -> None:
        """End the connection."""
        self.close()

    # What the passage calls, on this loop.

    def connect(self, make_protocol: Callable[[], asyncio.Protocol], head: bytes) -> None:
        """Connect a new protocol, and let it have the request's head."""
        self._protocol = make_protocol()
        self._protocol.connection_made(self)
        self.receive(head)

    def receive(self, data: bytes) -> None:
        """Hand *data* to the protocol."""
        if self._protocol is not None and not self._lost:
            self._protocol.data_received(data)

    def hold(self, held: bool) -> None:
        """Tell the protocol that the client does not read, or does again."""
        if self._protocol is not None and not self._lost:
            (self._protocol.pause_writing if held else self._protocol.resume_writing)()

    def lose(self) -> None:
        """Tell the protocol that the connection is lost."""
        self._closing = True
        if self._protocol is not None and not self._lost:
            self._lost = True
            self._protocol.connection_lost(None)


class Passage:
    """Leads one request to a protocol of the application's, and what that writes to the client.

    Args:
        request: the request, on the loop that is running.
        loop: the application's loop.
        path: the path and query as the application is to see them; None for those that were sent.
    """

    def __init__(
        self,
        request: AiointerceptRequest,
        loop: asyncio.AbstractEventLoop,
        path: str | None = None,
    ) -> None:
        self._request = request
        self._path = path
        here = asyncio.get_running_loop()
        self._client = cast("asyncio.Transport", request.transport)
        self._app = AppTransport(self, _extra(request))
        self._over: asyncio.Future[bool] = here.create_future()
        self._reading = asyncio.Event()
        self._reading.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = False
        self._to_app = _calling(loop, here)
        self.to_client = _calling(here, loop)

    async def carry(self, make_protocol: Callable[[], asyncio.Protocol]) -> SentResponse:
        """Carry the request over and the response back, and return when that is written."""
        request = self._request
        upgrades = request._message.upgrade
        if upgrades:
            # Whatever the client sends next is not for aiohttp's parser.
            request.protocol.set_parser(cast("Any", _Upgraded(self)))
        self._to_app(self._app.connect, make_protocol, self._head())
        if request.can_read_body and not upgrades:
            self._spawn(self._send_body())
        try:
            keep_alive = await self._over
        finally:
            for task in self._tasks:
                task.cancel()
            self._to_app(self._app.lose)
        return SentResponse(keep_alive=keep_alive and not upgrades)

    def _spawn(self, coro: Any) -> None:
        task = asyncio.ensure_future(coro)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None and not self._over.done():
            self._over.set_exception(exc)

    def _head(self) -> bytes:
        message = self._request._message
        path = message.path if self._path is None else self._path
        version = f"{message.version.major}.{message.version.minor}"
        lines = [f"{message.method} {path} HTTP/{version}".encode("utf-8", "surrogateescape")]
        raw = [(name, value) for name, value in message.raw_headers if not self._drops(name)]
        if self._reframed:
            raw.append((b"Transfer-Encoding", b"chunked"))
        lines += [b"%b: %b" % header for header in raw]
        return b"\r\n".join([*lines, b"", b""])

    @property
    def _reframed(self) -> bool:
        """Whether the body has another length than was sent: aiohttp's parser has unpacked it."""
        return self._request._message.compression is not None and self._request.can_read_body

    def _drops(self, name: bytes) -> bool:
        dropped = {b"content-encoding", b"content-length", b"transfer-encoding"}
        return self._reframed and name.lower() in dropped

    async def _send_body(self) -> None:
        chunked = self._request._message.chunked or self._reframed
        async for piece in _pieces(self._request):
            await self._reading.wait()
            self._to_app(self._app.receive, _as_chunk(piece) if chunked else piece)
        if chunked:
            self._to_app(self._app.receive, b"0\r\n\r\n")

    def feed(self, data: bytes) -> None:
        """Hand on what a client sends that has been promised another protocol."""
        self._to_app(self._app.receive, data)

    # What the application's transport calls, on the client's loop.

    def write(self, data: bytes) -> None:
        """Send *data* to the client, and hold the application up if it does not read."""
        if self._over.done() or self._client.is_closing():
            return
        self._client.write(data)
        # Private: what is public from aiohttp 3.14 on as `writing_paused`.
        # Watched by test_a_response_is_held_up in tests/loopback/hosting/test_asgi_bodies.py.
        if self._request.protocol._paused and not self._held:
            self._held = True
            self._to_app(self._app.hold, True)
            self._spawn(self._let_go())

    async def _let_go(self) -> None:
        await self._request.writer.drain()
        self._held = False
        self._to_app(self._app.hold, False)

    def pause_reading(self) -> None:
        """Hold the client up."""
        self._reading.clear()
        if self._request._message.upgrade:
            self._client.pause_reading()

    def resume_reading(self) -> None:
        """Let the client go on."""
        self._reading.set()
        if self._request._message.upgrade and not self._client.is_closing():
            self._client.resume_reading()

    def end(self, keep_alive: bool) -> None:
        """Take note that the response has been written, and whether the connection stays."""
        if not self._over.done():
            self._over.set_result(keep_alive)


class _Upgraded:
    """Stands where aiohttp has the parser of a WebSocket."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._passage.feed(bytes(data))
        return False, b""

    def feed_eof(self) -> None:
        """Do nothing: the passage ends with its request."""


def _calling(
    loop: asyncio.AbstractEventLoop, caller: asyncio.AbstractEventLoop
) -> Callable[..., Any]:
    """Return what calls a function on *loop*, when it is itself called on *caller*."""

    def at_once(function: Callable[..., None], *args: Any) -> None:
        function(*args)

    def from_elsewhere(function: Callable[..., None], *args: Any) -> None:
        with suppress(RuntimeError):  # its thread may have closed it meanwhile
            loop.call_soon_threadsafe(function, *args)

    return at_once if loop is caller else from_elsewhere


def _extra(request: AiointerceptRequest) -> dict[str, Any]:
    """Return what the application's transport knows of the connection.

    Both aiohttp and uvicorn take a connection with an ``sslcontext`` for encrypted.
    """
    # As its URL says, whatever the wire is made of.
    extra: dict[str, Any] = {"sockname": (request.url.host, request.url.port)}
    extra["peername"] = request.get_extra_info("peername")
    if request.secure:
        extra["sslcontext"] = _SECURE
    return extra


async def _pieces(request: AiointerceptRequest) -> AsyncIterator[bytes]:
    content = cast("Any", request.content)
    if isinstance(content, ArrivingBody) and hdrs.EXPECT in request.headers:
        # The application's server says it when the application reads.
        content.leave_expectation()
    async for piece in content.iter_any():
        yield piece


def _as_chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)
