"""Where real events happen, on loopback sockets, and what a client meets there.

The servers here are written by themselves, and nothing of ours is in them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import errno
import hashlib
import os
import re
import socket
import struct
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias
from unittest import mock

from aiohttp import ClientSession, TCPConnector
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver

from tests.faults.meeting import Place

__all__ = (
    "far_away",
    "full_pool",
    "no_way",
    "no_way_to_host",
    "nobody_answers",
    "nobody_knows",
    "nobody_listens",
    "plays",
    "proxied",
    "real_session",
    "resolver_gives_up",
    "resolver_waits",
    "websocket",
)

Script: TypeAlias = "list[bytes | str]"
Beginning: TypeAlias = Literal["connection", "byte", "head"]
"""When a server begins to do what it does: as soon as there is a connection, at the first byte of a
request, or when it has read the head of one."""

_HANDSHAKE = 22  # the type of a record that a TLS client begins with


class _Scripted(asyncio.Protocol):
    def __init__(self, script: Callable[[bytes], Script], seen: list[Any], at: Beginning) -> None:
        self._script, self._seen, self._at = script, seen, at
        self._head = b""
        self.lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._seen.append(self)
        if self._at == "connection":
            _reset(transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        begins = b"\r\n\r\n" in self._head or self._head[0] == _HANDSHAKE or self._at == "byte"
        if self._task is None and begins:
            self._task = asyncio.ensure_future(self._play())

    def eof_received(self) -> bool:
        return False

    async def _play(self) -> None:
        for step in self._script(self._head):
            if isinstance(step, bytes):
                self._transport.write(step)
            elif step == "close":
                self._transport.close()
            elif step == "reset":
                await asyncio.sleep(0.01)
                _reset(self._transport)
            elif step == "deaf":
                self._transport.pause_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if not self._transport.is_closing():
            # A client that has closed is still to get rid of what it has written.
            self._transport.resume_reading()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.lost.wait(), 1)
        self._transport.abort()


def _reset(transport: Any) -> None:
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def plays(*steps: bytes | str, scheme: str = "http", at: Beginning = "head") -> Callable[[], Any]:
    """Return the place of a server that answers by a script."""
    return server(lambda head: list(steps), scheme=scheme, at=at)


def server(
    script: Callable[[bytes], Script], *, scheme: str = "http", at: Beginning = "head"
) -> Callable[[], Any]:
    @asynccontextmanager
    async def place() -> AsyncGenerator[Place]:
        seen: list[_Scripted] = []
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: _Scripted(script, seen, at), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        try:
            yield Place(f"{scheme}://127.0.0.1:{port}/", attempts=lambda: len(seen))
        finally:
            listener.close()
            for one in seen:
                await one.stop()
            await listener.wait_closed()

    return place


def websocket(*steps: bytes | str) -> Callable[[], Any]:
    """Return the place of a server that accepts a WebSocket, and goes on by a script."""

    def script(head: bytes) -> Script:
        found = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
        assert found is not None
        guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(found[1] + guid).digest())
        lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: upgrade"]
        lines += [b"Sec-WebSocket-Accept: " + accept, b"", b""]
        return [b"\r\n".join(lines), *steps]

    return server(script)


def proxied(*steps: bytes | str, url: str = "https://localhost/") -> Callable[[], Any]:
    """Return the place of a host behind a proxy that answers by a script."""

    @asynccontextmanager
    async def place() -> AsyncGenerator[Place]:
        async with plays(*steps)() as proxy:
            yield Place(url, {"proxy": proxy.url}, attempts=proxy.attempts)

    return place


class _Resolver(AbstractResolver):
    """The system's resolver, which is asked for what it can tell without a network."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)

    async def close(self) -> None:
        pass


class _GivesUp(ThreadedResolver):
    """aiohttp's own, to which the C library says that no name server has answered."""

    def __init__(self) -> None:
        texts = ctypes.CDLL(None).gai_strerror
        texts.restype = ctypes.c_char_p
        error = socket.gaierror(socket.EAI_AGAIN, texts(socket.EAI_AGAIN).decode())
        super().__init__(mock.Mock(getaddrinfo=mock.AsyncMock(side_effect=error)))


class _Waits(_Resolver):
    async def resolve(self, host: str, port: int = 0, family: int = 0) -> Any:
        await asyncio.sleep(5)


def resolved(resolver: type[AbstractResolver]) -> Callable[[], Any]:
    @asynccontextmanager
    async def place() -> AsyncGenerator[Place]:
        yield Place("http://nobody.invalid/", connector=lambda: TCPConnector(resolver=resolver()))

    return place


nobody_knows = resolved(_Resolver)
resolver_gives_up = resolved(_GivesUp)
resolver_waits = resolved(_Waits)


class _NoWayToHost(socket.socket):
    """A socket of which the system says, later, that there is no way to the host."""

    def connect(self, address: Any) -> None:
        raise BlockingIOError(errno.EINPROGRESS, os.strerror(errno.EINPROGRESS))

    def getsockopt(self, level: int, name: int, *args: Any) -> Any:
        if (level, name) == (socket.SOL_SOCKET, socket.SO_ERROR):
            return errno.EHOSTUNREACH
        return super().getsockopt(level, name, *args)


@asynccontextmanager
async def no_way_to_host() -> AsyncGenerator[Place]:
    """Give a host of which a router, or the network next door, says that it is not there."""
    with mock.patch("socket.socket", _NoWayToHost):
        yield Place("http://192.0.2.1/")


@asynccontextmanager
async def far_away() -> AsyncGenerator[Place]:
    """Give a server that resets connections at once, so far away that this takes its time."""
    accepted = 0

    def reset_each(listener: socket.socket) -> None:
        nonlocal accepted
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                accepted += 1
                with near:
                    # The reset is on its way, and so is the request.
                    near.recv(1, socket.MSG_PEEK)
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=reset_each, args=(listener,))
        thread.start()
        try:
            port = listener.getsockname()[1]
            yield Place(f"http://127.0.0.1:{port}/", attempts=lambda: accepted)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@asynccontextmanager
async def nobody_listens() -> AsyncGenerator[Place]:
    """Give a port that is held, and not listened at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield Place(f"http://127.0.0.1:{held.getsockname()[1]}/")


@asynccontextmanager
async def nobody_answers() -> AsyncGenerator[Place]:
    """Give the port of a listener whose queue is full."""
    with contextlib.ExitStack() as held, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            one = held.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(listener.getsockname())
        yield Place(f"http://127.0.0.1:{listener.getsockname()[1]}/")


@asynccontextmanager
async def no_way() -> AsyncGenerator[Place]:
    """Give an address that this machine knows no way to."""
    # A group of hosts: TCP has no way to one.
    yield Place("http://224.0.0.1/")


@asynccontextmanager
async def full_pool() -> AsyncGenerator[Place]:
    """Give a connector whose one connection somebody has."""
    async with plays("hold")() as place:
        connector = TCPConnector(limit=1)
        async with ClientSession(connector=connector, connector_owner=False) as other:
            holding = asyncio.ensure_future(other.get(place.url))
            await asyncio.sleep(0.02)
            yield Place(place.url, connector=lambda: connector)
            holding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await holding


@asynccontextmanager
async def real_session() -> AsyncGenerator[tuple[ClientSession, str, Callable[[], None]]]:
    """Give a session, where it finds a server, and what closes the server's idle connections."""
    seen: list[Any] = []

    class _Server(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self._transport = transport
            seen.append(transport)

        def data_received(self, data: bytes) -> None:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def drop() -> None:
        for transport in seen:
            transport.close()

    loop = asyncio.get_running_loop()
    listener = await loop.create_server(_Server, "127.0.0.1", 0)
    try:
        async with ClientSession() as session:
            yield session, f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/", drop
    finally:
        drop()
        listener.close()
        await listener.wait_closed()
