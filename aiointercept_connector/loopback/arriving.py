"""The body of a request that is answered while it is still arriving."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import StreamReader, hdrs
from aiohttp.http import HttpVersion11
from aiohttp.web_exceptions import HTTPExpectationFailed
from aiohttp.web_request import BaseRequest

__all__ = ("ArrivingBody",)


class ArrivingBody:
    """What a ``StreamReader`` is to its reader; it keeps what was read, and asks the client for it.

    Args:
        stream: the body as it comes off the wire.
        request: the request whose body it is. A client that waits for ``100 Continue`` before it
            sends its body gets that when somebody reads, and not sooner: who does not read refuses.

    Raises:
        HTTPExpectationFailed: the request expects something else.
    """

    def __init__(self, stream: StreamReader, request: BaseRequest) -> None:
        self._stream = stream
        self._awaited_by = request if _awaits_continue(request) else None
        self._chunks: list[bytes] = []

    @property
    def so_far(self) -> bytes:
        """What was read."""
        self._chunks = [b"".join(self._chunks)]
        return self._chunks[0]

    def leave_expectation(self) -> None:
        """Leave it to somebody else to let a client send its body."""
        self._awaited_by = None

    async def whole(self) -> bytes:
        """Read what is left, and return all of the body."""
        stream = await self._asked_for()
        self._chunks += [chunk async for chunk in stream.iter_any()]
        return self.so_far

    async def read(self, n: int = -1) -> bytes:
        """Read up to *n* bytes, or to the end."""
        return self._kept(await (await self._asked_for()).read(n))

    async def readany(self) -> bytes:
        """Read what has arrived, at least a byte unless the body has ended."""
        return self._kept(await (await self._asked_for()).readany())

    async def readline(self, **kwargs: Any) -> bytes:
        """Read a line."""
        return self._kept(await (await self._asked_for()).readline(**kwargs))

    async def readuntil(self, separator: bytes = b"\n", **kwargs: Any) -> bytes:
        """Read to the next *separator*, and that."""
        return self._kept(await (await self._asked_for()).readuntil(separator, **kwargs))

    async def readexactly(self, n: int) -> bytes:
        """Read *n* bytes."""
        return self._kept(await (await self._asked_for()).readexactly(n))

    async def readchunk(self) -> tuple[bytes, bool]:
        """Read what has arrived, and tell whether it is the end of a chunk."""
        data, ends = await (await self._asked_for()).readchunk()
        return self._kept(data), ends

    def read_nowait(self, n: int = -1) -> bytes:
        """Return what has arrived, up to *n* bytes."""
        return self._kept(self._stream.read_nowait(n))

    def is_eof(self) -> bool:
        """Tell whether all of it has arrived."""
        return self._stream.is_eof()

    def unread_data(self, data: bytes) -> None:
        """Put back what was just read."""
        self._chunks = [self.so_far.removesuffix(data)]
        self._stream.unread_data(data)

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

    async def _asked_for(self) -> StreamReader:
        request, self._awaited_by = self._awaited_by, None
        if request is not None:
            await _send_continue(request)
        return self._stream

    def _kept(self, data: bytes) -> bytes:
        if data:
            self._chunks.append(data)
        return data


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


async def _send_continue(request: BaseRequest) -> None:
    """Let the client send its body."""
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # aiohttp takes any output for the beginning of the response.
    request.writer.output_size = 0
