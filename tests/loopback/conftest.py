"""The wires under one fixture: what a test asks of memory it asks of loopback TCP as well."""

# A protocol's methods are documented in asyncio.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from aiointercept_connector import aiointercept
from aiointercept_connector.loopback.memory import MemoryTransport, memory_pair
from tests.loopback.http_support import OpenRaw, entered_mock, raw_connections

BLOCK = bytes(range(256)) * 1024


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("asyncio", {"debug": True}), id="asyncio"),
        pytest.param(("asyncio", {"debug": True, "use_uvloop": True}), id="uvloop"),
    ],
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run every test on both event loops, in debug mode."""
    backend: tuple[str, dict[str, bool]] = request.param
    return backend


class Recorder(asyncio.BaseProtocol):
    """Writes down how it is called, and does on top what the test wants done."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.calls: list[str] = []
        self.received = bytearray()
        self.lost_with: BaseException | None = None
        self.keep_open = False
        self.when: dict[str, Callable[[], object]] = {}

    def called(self, name: str) -> None:
        """Write down one call; data in several pieces is one entry, as pieces are the wire's."""
        if name != "data_received" or self.calls[-1:] != [name]:
            self.calls.append(name)
        self.when.get(name, bool)()

    @property
    def is_lost(self) -> bool:
        """Whether the connection is over."""
        return "connection_lost" in self.calls

    @property
    def flow(self) -> list[str]:
        """The calls of flow control, in order."""
        return [call for call in self.calls if call.endswith("_writing")]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports are no subclass.
        self.transport = cast("asyncio.Transport", transport)
        self.called("connection_made")

    def pause_writing(self) -> None:
        self.called("pause_writing")

    def resume_writing(self) -> None:
        self.called("resume_writing")

    def eof_received(self) -> bool:
        self.called("eof_received")
        return self.keep_open

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost_with = exc
        self.called("connection_lost")


class PlainRecorder(Recorder, asyncio.Protocol):
    """A `Recorder` that is handed its data, each piece of which must be `bytes`."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.received += data
        self.largest = max(self.largest, len(data))
        self.called("data_received")


class BufferedRecorder(Recorder, asyncio.BufferedProtocol):
    """A `Recorder` that lends a buffer for its data."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.buffer = bytearray(size)

    def get_buffer(self, sizehint: int) -> bytearray:
        self.when.get("get_buffer", bool)()
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.received += self.buffer[:nbytes]
        self.called("data_received")


@dataclass(frozen=True)
class Pair:
    """A connection by both its ends."""

    client: asyncio.Transport
    at_client: Recorder
    server: asyncio.Transport
    at_server: Recorder

    async def over(self) -> None:
        """Wait until both ends know that the connection is lost."""
        await until(lambda: self.at_client.is_lost and self.at_server.is_lost)

    async def fill(self) -> bytes:
        """Write from the client until a server that is not reading holds it up for good."""
        self.server.pause_reading()
        sent = bytearray()
        _, high = self.client.get_write_buffer_limits()
        while self.client.get_write_buffer_size() <= high:
            assert len(sent) < 400 * len(BLOCK), "flow control never set in"
            self.client.write(BLOCK)
            sent += BLOCK
            await settle()
        return bytes(sent)


Connect = Callable[[Recorder, Recorder], Awaitable[Pair]]


async def connect_memory(client: Recorder, server: Recorder) -> Pair:
    """Connect both protocols in memory."""
    ends = memory_pair(asyncio.get_running_loop())
    for transport, protocol in zip(ends, (client, server), strict=True):
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
    return Pair(ends[0], client, ends[1], server)


async def connect_tcp(client: Recorder, server: Recorder) -> Pair:
    """Connect both protocols over loopback TCP."""
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: server, "127.0.0.1", 0)
    address = listener.sockets[0].getsockname()
    transport, _ = await loop.create_connection(lambda: client, *address)
    await until(lambda: server.transport is not None)
    listener.close()
    assert server.transport is not None
    return Pair(transport, client, server.transport, server)


def reset(transport: asyncio.Transport) -> None:
    """Close one end with an RST, by the means of its wire."""
    if isinstance(transport, MemoryTransport):
        transport.reset()
    elif not transport.is_closing():
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the loop is about to do."""
    for patience in range(2000):
        if condition():
            return
        await asyncio.sleep(0 if patience < 200 else 0.005)
    raise AssertionError("it never happened")


async def settle() -> None:
    """Let everything happen that is about to: loopback TCP needs no time, only iterations."""
    for _ in range(12):
        await asyncio.sleep(0)
    await asyncio.sleep(0.001)


@pytest.fixture(params=[connect_memory, connect_tcp], ids=["memory", "tcp"])
async def connect(
    request: pytest.FixtureRequest, reports: list[dict[str, Any]]
) -> AsyncIterator[Connect]:
    """Give a function that connects two protocols over the wire of this run."""
    made: list[Pair] = []

    async def connected(client: Recorder, server: Recorder) -> Pair:
        made.append(await request.param(client, server))
        return made[-1]

    yield connected
    for pair in made:
        for transport, protocol in ((pair.client, pair.at_client), (pair.server, pair.at_server)):
            if not protocol.is_lost:
                transport.abort()
        await pair.over()


@pytest.fixture
async def pair(connect: Connect) -> Pair:
    """Give a connection between two `PlainRecorder`s."""
    return await connect(PlainRecorder(), PlainRecorder())


@pytest.fixture
async def mock(
    wire: str, caplog: pytest.LogCaptureFixture, reports: object
) -> AsyncIterator[aiointercept]:
    """Give a mock on the wire of this run."""
    async with entered_mock(wire, caplog) as entered:
        yield entered


@pytest.fixture
async def raw(mock: aiointercept) -> AsyncIterator[OpenRaw]:
    """Give a function that connects to the mock with no client in between."""
    async with raw_connections(mock) as opened:
        yield opened


@pytest.fixture
async def reports() -> AsyncIterator[list[dict[str, Any]]]:
    """Give what reaches the loop's exception handler; what a test leaves there fails it."""
    loop = asyncio.get_running_loop()
    previous = loop.get_exception_handler()
    contexts: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: contexts.append(context))
    yield contexts
    loop.set_exception_handler(previous)
    assert contexts == []
