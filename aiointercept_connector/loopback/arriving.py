"""The body of a request that is answered while it is still arriving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import StreamReader, hdrs
from aiohttp.http import HttpVersion11
from aiohttp.web_exceptions import HTTPExpectationFailed
from aiohttp.web_request import BaseRequest

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

__all__ = ("ArrivingBody",)

T = TypeVar("T")


class ArrivingBody:
    """What a ``StreamReader`` is to its reader; it keeps what was read, and asks the client for it.

    It may be read on any loop: the stream is, on that of its connection.

    Args:
        stream: the body as it comes off the wire.
        request: the request whose body it is. A client that waits for ``100 Continue`` before it
            sends its body gets that when somebody reads, and not sooner: who does not read refuses.

    Raises:
        HTTPExpectationFailed: the request expects something else.
    """

    def __init__(self, stream: StreamReader, request: BaseRequest) -> None:
        self._stream = stream
        self._loop = request._loop
        self._awaited_by = request.writer if _awaits_continue(request) else None
        self._chunks: list[bytes] = []
        self._held = 0
        self.size = 0
        self.max_body: int | None = None
        """Up to how many bytes of a body that is read in pieces are kept; None for all."""

    @property
    def so_far(self) -> bytes:
        """What was read."""
        self._chunks = [b"".join(self._chunks)]
        return self._chunks[0]

    def leave_expectation(self) -> None:
        """Leave it to somebody else to let a client send its body."""
        self._awaited_by = None

    async def whole(self) -> bytes:
        """Read what is left, and return all of the body.

        Raises:
            RuntimeError: what was read of it before is not kept.
        """
        if self._held < self.size:
            raise RuntimeError(
                f"{self.size} bytes of the body were read in pieces already, and are not kept "
                f"(max_body={self.max_body}). Read the rest from request.content."
            )
        while chunk := await self._read(self._stream.readany):
            self._keep(chunk)
        return self.so_far

    async def read(self, n: int = -1) -> bytes:
        """Read up to *n* bytes, or to the end."""
        return self._kept(await self._read(self._stream.read, n))

    async def readany(self) -> bytes:
        """Read what has arrived, at least a byte unless the body has ended."""
        return self._kept(await self._read(self._stream.readany))

    async def readline(self, **kwargs: Any) -> bytes:
        """Read a line."""
        return self._kept(await self._read(self._stream.readline, **kwargs))

    async def readuntil(self, separator: bytes = b"\n", **kwargs: Any) -> bytes:
        """Read to the next *separator*, and that."""
        return self._kept(await self._read(self._stream.readuntil, separator, **kwargs))

    async def readexactly(self, n: int) -> bytes:
        """Read *n* bytes."""
        return self._kept(await self._read(self._stream.readexactly, n))

    async def readchunk(self) -> tuple[bytes, bool]:
        """Read what has arrived, and tell whether it is the end of a chunk."""
        data, ends = await self._read(self._stream.readchunk)
        return self._kept(data), ends

    def read_nowait(self, n: int = -1) -> bytes:
        """Return what has arrived, up to *n* bytes."""
        return self._kept(self._now(self._stream.read_nowait, n))

    def is_eof(self) -> bool:
        """Tell whether all of it has arrived."""
        return self._stream.is_eof()

    def unread_data(self, data: bytes) -> None:
        """Put back what was just read."""
        self.size -= len(data)
        self._chunks = [self.so_far[: self.size]]
        self._held = len(self._chunks[0])
        self._now(self._stream.unread_data, data)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _until_nothing(self.readline)

    def iter_any(self) -> AsyncIterator[bytes]:
        """Iterate over the body in pieces as they arrive."""
        return _until_nothing(self.readany)

    def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """Iterate over the body in pieces of up to *n* bytes."""
        return _until_nothing(lambda: self.read(n))

    async def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        """Iterate over the body as the client has cut it into chunks."""
        while (chunk := await self.readchunk()) != (b"", False):
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def _read(self, read: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
        """Read on the loop of the connection."""
        reading = self._asked(read, *args, **kwargs)
        if self._is_here():
            return await reading
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(reading, self._loop))

    async def _asked(self, read: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
        """Read, once the client has been told to send the body."""
        writer, self._awaited_by = self._awaited_by, None
        if writer is not None:
            await _send_continue(writer)
        return await read(*args, **kwargs)

    def _now(self, function: Callable[..., T], *args: Any) -> T:
        """Call *function* on the loop of the connection, which waits for no other."""
        if self._is_here():
            return function(*args)
        return asyncio.run_coroutine_threadsafe(_called(function, *args), self._loop).result()

    def _is_here(self) -> bool:
        return asyncio.get_running_loop() is self._loop

    def _kept(self, data: bytes) -> bytes:
        self._keep(data, self.max_body)
        return data

    def _keep(self, data: bytes, limit: int | None = None) -> None:
        """Count *data*, and keep it if that is within *limit*, and all before it was kept."""
        if self._held == self.size:
            kept = data if limit is None else data[: max(0, limit - self._held)]
            if kept:
                self._chunks.append(kept)
                self._held += len(kept)
        self.size += len(data)


async def _until_nothing(read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    while data := await read():
        yield data


def _awaits_continue(request: BaseRequest) -> bool:
    """Do for ``Expect:`` what ``web.Application`` does and ``web.Server`` leaves to its user."""
    expect = request.headers.get(hdrs.EXPECT)
    if expect is None or request.version < HttpVersion11:
        return False
    if expect.lower() != "100-continue":
        raise HTTPExpectationFailed(text=f"Unknown Expect: {expect}")
    return True


async def _send_continue(writer: AbstractStreamWriter) -> None:
    """Let the client send its body."""
    await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # aiohttp takes any output for the beginning of the response.
    writer.output_size = 0


async def _called(function: Callable[..., T], *args: Any) -> T:
    return function(*args)
