"""A connection as it is seen from another loop than its own.

A client of ``server_url`` is served on the listener's loop, while a coroutine of the test answers
on the test's. What that does to the connection goes over to the connection's loop, in order; what
comes in for a WebSocket comes over to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aiohttp.http import StreamWriter
from aiohttp.web_response import StreamResponse

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest
    from .protocol import ServerProtocol

__all__ = ("answer_on", "awaited_on")

T = TypeVar("T")


async def answer_on(
    home: asyncio.AbstractEventLoop, request: AiointerceptRequest, answer: Awaitable[T]
) -> T:
    """Await *answer* on *home*, where *request* may be written to as anywhere."""
    with _living_on(home, request):
        return await awaited_on(home, _finished(answer))


async def awaited_on(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, T]) -> T:
    """Await *coro* on *loop*, which runs in another thread."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coro, loop))


async def _finished(answer: Awaitable[T]) -> T:
    """Return what *answer* does; a response that it has begun to send is sent whole."""
    response = await answer
    if isinstance(response, StreamResponse) and response.prepared:
        await response.write_eof()
    return response


@contextmanager
def _living_on(home: asyncio.AbstractEventLoop, request: AiointerceptRequest) -> Generator[None]:
    """Let *request* have its connection at *home*."""
    # Private, all three: what handlers reach the connection by, and a WebSocket the loop.
    # Watched by TestAtHome in tests/loopback/test_homing.py.
    protocol, writer, loop = request._protocol, request._payload_writer, request._loop
    end = _HomeEnd(cast("ServerProtocol", protocol), home, loop)
    at_home = type(cast("StreamWriter", writer))(cast("Any", end), home)
    request._protocol, request._payload_writer, request._loop = cast("Any", end), at_home, home
    try:
        yield
    finally:
        request._protocol, request._loop = protocol, loop
        if not at_home.output_size:
            # Nothing has been sent: whatever the answer is, the server sends it.
            request._payload_writer = writer


class _HomeEnd:
    """Stands at home for the protocol of a connection; what is not here may be asked anywhere."""

    def __init__(
        self,
        real: ServerProtocol,
        home: asyncio.AbstractEventLoop,
        there: asyncio.AbstractEventLoop,
    ) -> None:
        self._real = real
        self._home = home
        self._there = there
        self._reading_paused = False
        # Whether the client reads is known over there only, behind what is still to be written.
        self._paused = True

    @property
    def transport(self) -> _HomeTransport | None:
        """The transport; None once the connection is lost."""
        real = self._real.transport
        return None if real is None else _HomeTransport(real, self._call_there)

    def _call_there(self, function: Callable[..., object], *args: Any) -> None:
        _call_on(self._there, function, *args)

    async def _drain_helper(self) -> None:
        """Wait until the client reads."""
        await awaited_on(self._there, self._real._drain_helper())

    def pause_reading(self) -> None:
        """Leave what the client sends where it is."""
        self._reading_paused = True
        self._call_there(self._real.pause_reading)

    def resume_reading(self, *args: Any, **kwargs: Any) -> None:
        """Undo ``pause_reading``."""
        self._reading_paused = False
        self._call_there(lambda: self._real.resume_reading(*args, **kwargs))

    def set_parser(
        self, parser: Any, data_received_cb: Callable[[], None] | None = None, **_: Any
    ) -> None:
        """Have *parser* get, at home, what the client sends from here on."""
        relay = _Relay(parser, self._home, lambda: self._call_there(self._real.close))
        relay.received = data_received_cb
        self._call_there(self._real.set_parser, relay)

    def keep_alive(self, val: bool) -> None:
        """Say whether the connection stays."""
        self._call_there(self._real.keep_alive, val)

    def close(self) -> None:
        """Close the connection behind what it is doing."""
        self._call_there(self._real.close)

    def force_close(self) -> None:
        """Close the connection."""
        self._call_there(self._real.force_close)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _HomeTransport:
    """The same for its transport."""

    def __init__(self, real: asyncio.Transport, call_there: Callable[..., None]) -> None:
        self._real = real
        self._call_there = call_there

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send *data*; what it is a view of may change once this returns."""
        self._call_there(self._real.write, bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send all of *list_of_data*."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """Close the transport behind what was written."""
        self._call_there(self._real.close)

    def abort(self) -> None:
        """Close the transport at once."""
        self._call_there(self._real.abort)

    def pause_reading(self) -> None:
        """Leave what the client sends where it is."""
        self._call_there(self._real.pause_reading)

    def resume_reading(self) -> None:
        """Undo ``pause_reading``."""
        self._call_there(self._real.resume_reading)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _Relay:
    """Stands over there for the parser of a WebSocket that is at home."""

    def __init__(
        self, parser: Any, home: asyncio.AbstractEventLoop, close: Callable[[], None]
    ) -> None:
        self._parser = parser
        self._home = home
        self._close = close
        self.received: Callable[[], None] | None = None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        _call_on(self._home, self._fed, bytes(data))
        return False, b""

    def _fed(self, data: bytes) -> None:
        if self.received is not None:
            self.received()
        is_over, _ = self._parser.feed_data(data)
        if is_over:
            self._close()

    def feed_eof(self) -> None:
        _call_on(self._home, self._parser.feed_eof)


def _call_on(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: Any) -> None:
    with suppress(RuntimeError):  # its thread may have closed it meanwhile
        loop.call_soon_threadsafe(function, *args)
