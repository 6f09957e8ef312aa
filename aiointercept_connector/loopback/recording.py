"""Records the frames of a WebSocket, as its handler sends and takes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from aiohttp import WSMsgType

from ..journal.frames import RECEIVED, SENT

if TYPE_CHECKING:
    from aiohttp.web import WebSocketResponse

    from ..journal.frames import Conversation

__all__ = ("record_frames", "record_unread")

# Private names of aiohttp's: `_reader`, the queue of a WebSocket that its frames are taken from;
# `_writer`, what sends them, heartbeats included, for which there is nothing public; and `_buffer`,
# what is in the queue. Watched by TestFrames in tests/replies/websockets/test_frames.py.


def record_frames(socket: WebSocketResponse, conversation: Conversation) -> None:
    """Keep what goes over *socket*, which is prepared."""
    socket._reader = cast("Any", _RecordedReader(socket._reader, conversation))
    socket._writer = cast("Any", _RecordedWriter(socket._writer, conversation))


def record_unread(socket: WebSocketResponse) -> None:
    """Keep what has come over *socket*, which is over, and nobody took."""
    reader: Any = socket._reader
    for message, _ in reader._buffer:
        reader.keep(message)


class _RecordedReader:
    """aiohttp's queue of received frames."""

    __slots__ = ("_conversation", "_queue")

    def __init__(self, queue: Any, conversation: Conversation) -> None:
        self._queue = queue
        self._conversation = conversation

    async def read(self) -> Any:
        message = await self._queue.read()
        self.keep(message)
        return message

    def keep(self, message: Any) -> None:
        if message.type < WSMsgType.CLOSING:  # the others never were on the wire
            self._conversation.keep(RECEIVED, message.type, message.data, message.extra)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


class _RecordedWriter:
    """aiohttp's writer of frames: it has ``send_frame`` and ``close``; in 3.10 the others."""

    # No coroutine functions but the last: every one in between would slow each message down.

    __slots__ = ("_conversation", "_writer")

    def __init__(self, writer: Any, conversation: Conversation) -> None:
        self._writer = writer
        self._conversation = conversation

    def send_frame(self, message: Any, opcode: int, compress: int | None = None) -> Awaitable[None]:
        return self._sent(opcode, message, "", self._writer.send_frame, message, opcode, compress)

    def send(
        self, message: Any, binary: bool = False, compress: int | None = None
    ) -> Awaitable[None]:
        opcode = WSMsgType.BINARY if binary else WSMsgType.TEXT
        return self._sent(opcode, message, "", self._writer.send, message, binary, compress)

    def ping(self, message: Any = b"") -> Awaitable[None]:
        return self._sent(WSMsgType.PING, message, "", self._writer.ping, message)

    def pong(self, message: Any = b"") -> Awaitable[None]:
        return self._sent(WSMsgType.PONG, message, "", self._writer.pong, message)

    def close(self, code: int = 1000, message: bytes | str = b"") -> Awaitable[None]:
        reason = message if isinstance(message, str) else message.decode(errors="replace")
        return self._sent(WSMsgType.CLOSE, code, reason, self._writer.close, code, message)

    async def _sent(
        self, opcode: int, data: Any, extra: str, send: Callable[..., Awaitable[None]], *args: Any
    ) -> None:
        """Send a frame; it is kept before, as sending may take until the client reads."""
        if not isinstance(data, (bytes, str, int)):
            data = bytes(data)  # it may be written to again
        kept = self._conversation.keep(SENT, opcode, data, extra)
        try:
            await send(*args)
        except Exception:
            self._conversation.discard(kept)
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)
