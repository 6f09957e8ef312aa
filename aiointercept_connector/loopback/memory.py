"""A pair of connected asyncio transports in memory: what one end writes, the other reads.

The pair stands in for a loopback TCP connection under asyncio's selector loop, `KERNEL` for what
the two sockets hold between them. The rules it keeps:

* No call crosses the wire: a protocol is called by the loop, in the context its transport was made
  in, and never from within a call of the other end.
* Bytes arrive once and in order, up to `MAX_READ` at a time, once per iteration of the loop.
* The kernel takes `KERNEL` bytes in each direction. What exceeds them is *unsent*: it alone drives
  `pause_writing` and `resume_writing`, and it alone is lost by `abort`.
* The end of the stream is read as bytes are: after the last of them, by an end that is reading.
* `close` flushes first, `abort` does not; `connection_lost` is called once, last, from the loop.
* An end that closes with input unread resets the other, and so does writing to one that is gone.

Where sockets and this text differ, sockets are right: `tests/loopback/test_memory.py` runs on both.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NoReturn, TypeVar, cast

from .pieces import frozen, room, taken

__all__ = ("MemoryTransport", "memory_pair")

KERNEL = 208 * 1024  # Linux's net.core.wmem_default
MAX_READ = 256 * 1024  # what asyncio asks of one recv()

_T = TypeVar("_T")


def memory_pair(
    loop: asyncio.AbstractEventLoop,
    client_extra: Mapping[str, object] | None = None,
    server_extra: Mapping[str, object] | None = None,
) -> tuple[MemoryTransport, MemoryTransport]:
    """Return two connected transports, the client's and the server's, both on *loop*.

    Each *extra* is what `get_extra_info` answers from at that end. The caller attaches a protocol
    to each (`set_protocol`, then `protocol.connection_made`); input waits until there is one.
    """
    client = MemoryTransport(loop, client_extra)
    server = MemoryTransport(loop, server_extra)
    client._peer, server._peer = server, client
    return client, server


class MemoryTransport(asyncio.Transport):
    """One end of a `memory_pair`."""

    __slots__ = (
        "__weakref__",
        "_awake",
        "_closing",
        "_context",
        "_eof_read",
        "_eof_written",
        "_error",
        "_fin",
        "_gone",
        "_high",
        "_inbox",
        "_loop",
        "_lost",
        "_low",
        "_peer",
        "_protocol",
        "_read_paused",
        "_reset",
        "_unread",
        "_write_paused",
    )

    # Without this private mark of asyncio's, loop.start_tls() refuses a transport.
    _start_tls_compatible = True

    def __init__(
        self, loop: asyncio.AbstractEventLoop, extra: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(extra)
        self._loop = loop
        # Left to call_soon(), it would be the context of whoever writes at the other end.
        self._context = contextvars.copy_context()
        self._peer: MemoryTransport
        self._protocol: asyncio.Protocol | asyncio.BufferedProtocol | None = None

        # Input: what the peer has written, sent or unsent, and how its stream ended.
        self._inbox: deque[bytes | memoryview] = deque()
        self._unread = 0
        self._fin = False
        self._error: OSError | None = None
        self._eof_read = False
        self._read_paused = False
        self._awake = False

        # Output, which waits in the peer's inbox.
        self._low, self._high = _limits(None, None)
        self._write_paused = False
        self._eof_written = False

        # The way out: close() called, connection_lost() scheduled, the socket closed.
        self._closing = False
        self._lost = False
        self._gone = False
        self._reset = False

    def __repr__(self) -> str:
        state = "closed" if self._gone else "closing" if self._closing else "open"
        reading = "eof" if self._eof_read else "on" if self.is_reading() else "off"
        writing = "eof" if self._eof_written else "paused" if self._write_paused else "on"
        return (
            f"<{type(self).__name__} {state} read={reading} unread={self._unread}"
            f" write={writing} unsent={self.get_write_buffer_size()}>"
        )

    @property
    def _sendfile_compatible(self) -> NoReturn:
        # If this said "unsupported", asyncio would copy the file itself, and then insist on its own
        # _FlowControlMixin. NotImplementedError is what uvloop's sendfile() raises, and what
        # aiohttp's FileResponse knows how to do without.
        raise NotImplementedError("a memory transport has no descriptor to send a file to")

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let *protocol* be called from here on."""
        self._protocol = cast("asyncio.Protocol | asyncio.BufferedProtocol", protocol)
        self._wake()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the current protocol."""
        # None once the connection is lost, as in asyncio itself: its stubs leave that out.
        return cast("asyncio.BaseProtocol", self._protocol)

    def is_closing(self) -> bool:
        """Tell whether the transport is closed, or on its way."""
        return self._closing

    def is_reading(self) -> bool:
        """Tell whether input goes to the protocol as it comes."""
        return not self._closing and not self._read_paused

    def pause_reading(self) -> None:
        """Leave all further input, its end included, with the kernel."""
        self._read_paused = True

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        if self._read_paused:
            self._read_paused = False
            # asyncio reads anew: a protocol that stayed open at the end is told of it again.
            self._eof_read = False
            self._wake()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send *data*, which may be changed afterwards."""
        if type(data) is not bytes:
            data = frozen(data)
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data or self._lost:
            return
        peer = self._peer
        if peer._gone:
            self._write_to_nobody()
            return
        peer._inbox.append(data)
        peer._unread += len(data)
        peer._wake()
        if peer._unread > KERNEL:
            self._maybe_pause_protocol()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send all of *list_of_data* by one `write`."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Tell that either direction may end before the other."""
        return True

    def write_eof(self) -> None:
        """End our direction once everything written has been sent."""
        if not self._closing and not self._eof_written:
            self._eof_written = True
            self._peer._fin = True
            self._peer._wake()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Pause the protocol above *high* unsent bytes, and let it go on at *low*."""
        self._low, self._high = _limits(high, low)
        self._maybe_pause_protocol()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high limit, in bytes."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Return the number of unsent bytes."""
        return max(0, self._peer._unread - KERNEL)

    def close(self) -> None:
        """Stop reading, and close once everything written has been sent."""
        if self._closing:
            return
        self._closing = True
        if not self.get_write_buffer_size():
            self._lose(None)

    def abort(self) -> None:
        """Close without waiting for what is unsent."""
        self._force_close(None)

    def reset(self) -> None:
        """Abort with an RST, as a socket with `SO_LINGER` of 0 does.

        The other end reads what had been sent, then gets a `ConnectionResetError`.
        """
        self._reset = True
        self._force_close(None)

    def _wake(self) -> None:
        if self._awake or self._read_paused or self._closing:
            return
        if self._inbox or self._fin or self._error is not None:
            self._awake = True
            self._loop.call_soon(self._read_ready, context=self._context)

    def _read_ready(self) -> None:
        self._awake = False
        protocol = self._protocol
        if protocol is None or self._read_paused or self._closing:
            return
        if self._inbox:
            self._read_data(protocol)
        elif self._fin:
            self._read_eof(protocol)
        elif self._error is not None:
            self._force_close(self._error)

    def _read_data(self, protocol: asyncio.Protocol | asyncio.BufferedProtocol) -> None:
        if not isinstance(protocol, asyncio.BufferedProtocol):
            data = self._take(MAX_READ)
            try:
                protocol.data_received(data)
            except BaseException as exc:  # noqa: BLE001 - reported, and ends the connection
                self._fail("data_received", exc)
        elif buffer := self._guard("get_buffer", room, protocol):
            data = self._take(len(buffer))
            buffer[: len(data)] = data
            self._guard("buffer_updated", protocol.buffer_updated, len(data))

    def _read_eof(self, protocol: asyncio.Protocol | asyncio.BufferedProtocol) -> None:
        if not self._eof_read:
            self._eof_read = True
            if not self._guard("eof_received", protocol.eof_received):
                self.close()

    def _take(self, limit: int) -> bytes:
        """Take up to *limit* bytes of input, and arrange for what that makes possible."""
        data = self._inbox[0]
        if isinstance(data, bytes) and len(data) == self._unread <= limit:
            self._inbox.clear()  # as most often
        else:
            data = taken(self._inbox, limit)
        self._unread -= len(data)
        self._wake()
        peer = self._peer
        if peer._write_paused or peer._closing:
            self._loop.call_soon(peer._write_ready, context=peer._context)
        return data

    def _write_ready(self) -> None:
        if self._write_paused and not self._lost and self.get_write_buffer_size() <= self._low:
            self._write_paused = False
            self._tell("resume_writing")
        if self._closing and not self._lost and not self.get_write_buffer_size():
            self._lose(None)

    def _write_to_nobody(self) -> None:
        if self._error is None:
            # The kernel takes these bytes. That nobody reads them shows at the next write.
            self._error = _os_error(errno.EPIPE)
        else:
            self._force_close(self._error)

    def _maybe_pause_protocol(self) -> None:
        if not self._write_paused and self.get_write_buffer_size() > self._high:
            self._write_paused = True
            self._tell("pause_writing")

    def _tell(self, event: str) -> None:
        try:
            getattr(self._protocol, event)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:  # noqa: BLE001 - reported, and the connection goes on
            self._report(exc, f"protocol.{event}() failed")

    def _guard(self, name: str, call: Callable[..., _T], *args: object) -> _T | None:
        try:
            return call(*args)
        except BaseException as exc:  # noqa: BLE001 - reported, and ends the connection
            self._fail(name, exc)
            return None

    def _fail(self, name: str, exc: BaseException) -> None:
        """Report what a call of the protocol has raised, and end the connection."""
        if isinstance(exc, (SystemExit, KeyboardInterrupt)):
            raise exc
        # asyncio takes an OSError for the network's: only connection_lost() hears of it.
        if not isinstance(exc, OSError):
            self._report(exc, f"Fatal error: protocol.{name}() call failed.")
        self._force_close(exc)

    def _report(self, exc: BaseException, message: str) -> None:
        self._loop.call_exception_handler(
            {"message": message, "exception": exc, "transport": self, "protocol": self._protocol}
        )

    # asyncio's and uvloop's SSLProtocol call this by its name.
    def _force_close(self, exc: BaseException | None) -> None:
        if not self._lost:
            self._closing = True
            self._peer._forget(self.get_write_buffer_size())
            self._lose(exc)

    def _forget(self, size: int) -> None:
        """Drop the last *size* bytes of the inbox."""
        self._unread -= size
        while size > 0:
            last = self._inbox.pop()
            if len(last) > size:
                self._inbox.append(last[:-size])
            size -= len(last)

    def _lose(self, exc: BaseException | None) -> None:
        self._lost = True
        self._loop.call_soon(self._call_connection_lost, exc)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        try:
            if self._protocol is not None:
                # Any exception of the protocol's own may end up here: the stubs say Exception.
                self._protocol.connection_lost(cast("Exception | None", exc))
        finally:
            self._protocol = None
            self._hang_up()

    def _hang_up(self) -> None:
        """Do what closing the socket does."""
        peer = self._peer
        self._gone = True
        if self._reset or self._inbox:
            # After a FIN there is nothing more to read: on Linux only a write can fail then.
            peer._error = _os_error(errno.EPIPE if peer._fin else errno.ECONNRESET)
        else:
            peer._fin = True
        peer._wake()
        if peer.get_write_buffer_size():
            self._loop.call_soon(peer._force_close, peer._error, context=peer._context)
        self._inbox.clear()
        self._unread = 0
        if peer._gone:
            # Nothing passes between the two any more; without each other they are freed at once.
            self._peer = peer._peer = _NOBODY


def _limits(high: int | None, low: int | None) -> tuple[int, int]:
    if high is None:
        high = 64 * 1024 if low is None else 4 * low
    if low is None:
        low = high // 4
    if not high >= low >= 0:
        raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
    return low, high


def _os_error(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def _nobody() -> MemoryTransport:
    """Return what stands for the peer of a transport when both are gone."""
    nobody = MemoryTransport(cast("asyncio.AbstractEventLoop", None), None)
    nobody._peer = nobody
    nobody._closing = nobody._lost = nobody._gone = True
    return nobody


_NOBODY: Final = _nobody()
