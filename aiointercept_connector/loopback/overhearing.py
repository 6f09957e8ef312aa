"""Listens in on a WebSocket that somebody else talks over, at the connection.

Whoever answers gets a connection that passes everything on, and keeps what passes once there is a
WebSocket. Requests that ask for none, and those that our own replies answer, have none of this.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from aiohttp import hdrs

from ..journal.frames import RECEIVED, SENT
from ..journal.overheard import Overheard

if TYPE_CHECKING:
    import asyncio

    from ..journal.request import AiointerceptRequest
    from .protocol import ServerProtocol

__all__ = ("overhearing",)


@contextmanager
def overhearing(request: AiointerceptRequest) -> Generator[None]:
    """Keep, with the record, what goes over the WebSocket that *request* becomes in the block."""
    if request.headers.get(hdrs.UPGRADE, "").strip().lower() != "websocket":
        yield
        return
    # Private: what handlers reach the connection by.
    # Watched by tests/loopback/test_overhearing.py.
    protocol = request._protocol
    request._protocol = cast("Any", _HeardProtocol(cast("ServerProtocol", protocol), request))
    try:
        yield
    finally:
        request._protocol = protocol


class _HeardProtocol:
    """Stands for the protocol of a connection; what is not here is the protocol's own."""

    def __init__(self, real: ServerProtocol, request: AiointerceptRequest) -> None:
        self._real = real
        self._request = request
        self._heard: Overheard | None = None
        self._has_written = False

    @property
    def transport(self) -> _HeardTransport | None:
        """The transport; None once the connection is lost."""
        real = self._real.transport
        return None if real is None else _HeardTransport(real, self)

    def set_parser(self, parser: Any, *args: Any, **kwargs: Any) -> None:
        """Have *parser* get what the client sends from here on: it is a WebSocket's."""
        record = self._request.record
        self._heard = Overheard(record.max_body)
        record.begin_conversation(self._heard)
        self._real.set_parser(cast("Any", _HeardParser(parser, self._heard)), *args, **kwargs)

    def sent(self, data: bytes) -> None:
        """Keep what has been written."""
        if self._heard is None:
            return
        first, self._has_written = not self._has_written, True
        if first and data.startswith(b"HTTP/"):
            # The handshake, by an application that writes it here; or its refusal.
            head, _, data = data.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 101 "):
                self._heard = None
                return
        self._heard.hear(SENT, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _HeardTransport:
    """The same for its transport."""

    def __init__(self, real: asyncio.Transport, protocol: _HeardProtocol) -> None:
        self._real = real
        self._protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send *data*."""
        # A copy, if it may change.
        data = bytes(data)
        self._protocol.sent(data)
        self._real.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send all of *list_of_data*."""
        self.write(b"".join(list_of_data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _HeardParser:
    """The parser of a WebSocket."""

    def __init__(self, real: Any, heard: Overheard) -> None:
        self._real = real
        self._heard = heard

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._heard.hear(RECEIVED, bytes(data))
        fed: tuple[bool, bytes] = self._real.feed_data(data)
        return fed

    def feed_eof(self) -> None:
        self._real.feed_eof()
