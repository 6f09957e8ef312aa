"""The reply whose body is sent in pieces, as they come: at their own pace, or at a given one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import hdrs
from aiohttp.http import HttpVersion11
from aiohttp.web_response import StreamResponse
from multidict import CIMultiDict

from .checked import checked_seconds, encode_body, encode_text
from .delay import Delay, Pace
from .reply import BaseReply
from .source import Pieces, Source
from .static import Body, StaticReply, static_reply

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest

__all__ = ("Stream", "dribble", "head_of_stream", "stream")

_TURNS_TO_CANCEL: Final = 10
_BYTES_TYPE: Final = "application/octet-stream"


class Stream(BaseReply):
    """A reply that sends one piece after another, while the client takes them.

    A client that does not read holds up what the pieces come from; one that goes away ends it.

    Args:
        source: where the pieces come from.
        head: the status, the reason and the headers.
        pace: how long to wait between two pieces.
        length: how many bytes there will be; None for a chunked response.
    """

    __slots__ = ("head", "length", "pace", "serves_once", "source")

    def __init__(
        self, source: Source, head: StaticReply, pace: Pace, length: int | None = None
    ) -> None:
        if source.known is not None and length is not None:
            _check_length(length, sum(map(len, source.known)))
        self.source = source
        self.head = head
        self.pace = pace
        self.length = length
        self.serves_once = source.serves_once

    async def __call__(self, request: AiointerceptRequest) -> StreamResponse:
        """Send the head at once, then the pieces."""
        response = self._response()
        if self.length is None and request.version < HttpVersion11:
            # Its end is the end of the connection, which aiohttp would keep if it was asked to.
            response.force_close()
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            async with aclosing(self.source.pieces(request)) as pieces:
                try:
                    await self._send(pieces, response, request)
                except ConnectionError:
                    await _be_cancelled()
                    raise
        return response

    def _response(self) -> StreamResponse:
        headers = CIMultiDict(self.head.headers)
        # How the body is framed depends on the request, too: HTTP/1.0 has no chunks.
        headers.popall(hdrs.CONTENT_LENGTH, None)
        headers.popall(hdrs.TRANSFER_ENCODING, None)
        response = StreamResponse(status=self.head.status, reason=self.head.reason, headers=headers)
        response.content_length = self.length
        return response

    async def _send(
        self,
        pieces: AsyncGenerator[bytes],
        response: StreamResponse,
        request: AiointerceptRequest,
    ) -> None:
        body = _Body(response, self.length)
        async for piece in pieces:
            if body.begun:
                await self.pace.wait(request)
            await body.write(piece)
        await body.end()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stream):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[object, ...]:
        return self.source, self.head, self.pace, self.length

    def __repr__(self) -> str:
        what = [f"{self.head.status} {self.head.reason}".rstrip(), str(self.source)]
        if self.length is not None:
            what.append(f"{self.length} bytes")
        if self.pace.delay != 0:
            what.append(f"every {self.pace}")
        return f"<{type(self).__name__} {', '.join(what)}>"


async def _be_cancelled() -> None:
    """Give aiohttp's server the turns in which it cancels who writes to a client that has gone.

    It would interrupt the `finally` of a generator that is being closed.
    """
    for _ in range(_TURNS_TO_CANCEL):
        await asyncio.sleep(0)


class _Body:
    """Writes the body of a response, and sees to it that it has the length that was declared."""

    def __init__(self, response: StreamResponse, length: int | None) -> None:
        self._response = response
        self._length = length
        self._size = 0
        self._last = b""
        self.begun = False

    async def write(self, piece: bytes) -> None:
        self.begun = True
        self._size += len(piece)
        if self._length is not None and self._size >= self._length:
            if self._size > self._length:
                _check_length(self._length, self._size)
            # A client that has got all it was promised would not hear of what comes behind it.
            piece, self._last = b"", self._last or piece
        if piece:
            await self._response.write(piece)

    async def end(self) -> None:
        if self._length is not None:
            _check_length(self._length, self._size)
        if self._last:
            await self._response.write(self._last)


def _check_length(length: int, size: int) -> None:
    if size != length:
        which = "more, at least" if size > length else "only"
        raise ValueError(f"stream: {length} bytes were declared, but there are {which} {size}.")


def stream(
    pieces: Pieces,
    *,
    every: Delay = 0,
    virtual: bool = False,
    length: int | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str | None = None,
    reason: str | None = None,
) -> Stream:
    """Return a reply that sends its body in pieces, each when it comes.

    The head is sent at once. The pieces are asked for on the client's loop, in the context of the
    task that made the request, and no faster than the client reads. When the client goes away, or
    the mock is left, a generator is closed: its ``finally`` runs. What it raises is raised to
    whoever reads the body.

    Args:
        pieces: the pieces, as bytes or as text to be sent as UTF-8: a list, another iterable, an
            async one, or a function that returns one of these; it gets the request if it takes
            an argument. A generator can serve only one request; a generator *function* any number.
        every: seconds to wait between two pieces, or a distribution of them.
        virtual: do not wait: see ``delayed``.
        length: the ``Content-Length``; without it the response is chunked. Pieces of another
            length in all are an error.
        status: the status code.
        headers: response headers; a multidict may repeat a name.
        content_type: the ``Content-Type``, unless *headers* has one; ``application/octet-stream``
            if neither says.
        reason: the reason phrase, if not the usual one of the status.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: an argument is out of range, HTTP allows no body with *status*, or a list has
            not the declared length.

    Example:
        >>> stream([b"a", b"b", b"c"], every=0.1)
        <Stream 200 OK, 3 pieces, every 0.1 s>
    """
    head = head_of_stream(status, headers, content_type, reason)
    declared = _declared(length, head, headers)
    return Stream(
        Source("stream", pieces, _bytes_of), head, Pace("every", every, virtual=virtual), declared
    )


def dribble(
    body: Body,
    *,
    pieces: int = 10,
    over: float = 1.0,
    virtual: bool = False,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str | None = None,
    reason: str | None = None,
) -> Stream:
    """Return a reply that sends a known body slowly, in pieces of about one length.

    Args:
        body: bytes, or text to be sent as UTF-8.
        pieces: how many; at most as many as there are bytes.
        over: seconds from the first piece to the last.
        virtual: do not wait: see ``delayed``.
        status: the status code.
        headers: response headers; a multidict may repeat a name.
        content_type: the ``Content-Type``, unless *headers* has one.
        reason: the reason phrase, if not the usual one of the status.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: an argument is out of range, or HTTP allows no body with *status*.
    """
    if isinstance(pieces, bool) or not isinstance(pieces, int):
        raise TypeError(f"pieces must be an int, not {type(pieces).__name__}: {pieces!r}")
    if pieces < 1:
        raise ValueError(f"pieces must be at least 1, not {pieces}")
    data = encode_body(body)
    head = head_of_stream(status, headers, content_type, reason)
    count = max(1, min(pieces, len(data)))
    ends = [len(data) * number // count for number in range(count + 1)]
    parts = [data[start:end] for start, end in itertools.pairwise(ends)]
    gap = checked_seconds("over", over) / max(1, count - 1)
    source = Source("dribble", parts, _bytes_of)
    declared = _declared(len(data), head, headers)
    return Stream(source, head, Pace("over", gap, virtual=virtual), declared)


def head_of_stream(
    status: int, headers: Mapping[str, str] | None, content_type: str | None, reason: str | None
) -> StaticReply:
    """Check what a streamed reply begins with, and return it as a reply of its own.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: it cannot be sent as HTTP, or HTTP allows no body with *status*.
    """
    # Only to be refused where a body is: it is not sent.
    static_reply(status=status, body=b"?")
    kind = _BYTES_TYPE if content_type is None else content_type
    return static_reply(status=status, headers=headers, content_type=kind, reason=reason)


def _declared(
    length: int | None, head: StaticReply, headers: Mapping[str, str] | None
) -> int | None:
    """Return the length that was declared, as an argument or as a header."""
    if length is not None:
        if isinstance(length, bool) or not isinstance(length, int):
            raise TypeError(f"length must be an int, not {type(length).__name__}: {length!r}")
        if length < 0:
            raise ValueError(f"length must be at least 0, not {length}")
    if headers is None or hdrs.CONTENT_LENGTH not in CIMultiDict(headers):
        return length
    text = head.headers[hdrs.CONTENT_LENGTH]
    if not text.isdecimal() or (length is not None and int(text) != length):
        wanted = "a number of bytes" if length is None else str(length)
        raise ValueError(f"headers['Content-Length'] must be {wanted}, not {text!r}")
    return int(text)


def _bytes_of(piece: Any) -> bytes:
    if isinstance(piece, str):
        return encode_text("stream: a piece", piece)
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", piece))
    raise TypeError(
        f"stream: a piece must be str or bytes, not {type(piece).__name__}: {piece!r:.60}"
    )
