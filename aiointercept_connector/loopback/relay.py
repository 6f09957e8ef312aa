"""Carries bytes between two connections of aiohttp's, whatever they mean: tunnels, WebSockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import StreamWriter

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.web_protocol import RequestHandler

__all__ = ("relay",)

_READ_SIZE: Final = 2**16


async def relay(
    theirs: ResponseHandler, ours: RequestHandler, loop: asyncio.AbstractEventLoop
) -> None:
    """Carry what both ends say to each other, until one of them has ended."""
    from_host, from_client = _Raw(theirs, loop), _Raw(ours, loop)
    theirs.set_parser(from_host, from_host.stream)
    ours.set_parser(cast("Any", from_client))
    pumps = [
        asyncio.ensure_future(_pump(from_client.stream, StreamWriter(theirs, loop))),
        asyncio.ensure_future(_pump(from_host.stream, StreamWriter(ours, loop))),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


class _Raw:
    """Stands for a parser of frames in aiohttp's protocols, and takes the bytes as they are."""

    def __init__(self, protocol: BaseProtocol, loop: asyncio.AbstractEventLoop) -> None:
        self.stream = StreamReader(cast("Any", _Pausing(protocol)), _READ_SIZE, loop=loop)

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        if data:
            self.stream.feed_data(data)
        return False, b""

    def feed_eof(self) -> None:
        self.stream.feed_eof()


class _Pausing:
    """Stands for the protocol of a stream, and pauses its transport alone.

    From aiohttp 3.14 on the protocol's own method pauses its parser too, which is not in use.
    Watched by TestTunnels in tests/compat/srvmocker/test_proxy.py.
    """

    def __init__(self, protocol: BaseProtocol) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._reading_paused = False

    @property
    def connected(self) -> bool:
        return self._protocol.connected

    def pause_reading(self) -> None:
        if not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self, *_: object, **__: object) -> None:
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()


async def _pump(stream: StreamReader, writer: StreamWriter) -> None:
    async for chunk in stream.iter_any():
        await writer.write(chunk)
