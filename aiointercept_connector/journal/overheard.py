"""A WebSocket that somebody else talks over: an application, or a handler with a socket of its own.

Of it there are the bytes of the connection alone. They are kept as they pass, and become frames
when somebody looks.
"""

from __future__ import annotations

import threading
from collections import deque
from time import time as now

from .frames import RECEIVED, SENT, Conversation, Direction, Frame
from .wire_frames import WireReader

__all__ = ("Overheard",)


class Overheard(Conversation):
    """What was heard of one WebSocket.

    Args:
        max_bytes: how many bytes of it are kept, both ways and headers of frames included; None
            for all.
    """

    __slots__ = ("_heard", "_lock", "_max_bytes", "_readers", "_size")

    def __init__(self, max_bytes: int | None) -> None:
        super().__init__()
        self._max_bytes = max_bytes
        self._size = 0
        self._heard: deque[tuple[Direction, bytes, float]] = deque()
        self._readers = {RECEIVED: WireReader(), SENT: WireReader()}
        self._lock = threading.Lock()

    def hear(self, direction: Direction, data: bytes) -> None:
        """Keep what passes; only where the connection lives, whoever looks at the frames."""
        before = self._size
        self._size += len(data)
        if self._max_bytes is not None and self._size > self._max_bytes:
            data = data[: max(0, self._max_bytes - before)]
        if data:
            self._heard.append((direction, data, now()))

    @property
    def cut(self) -> str:
        """How much is kept of it, if not all, in words."""
        if self._max_bytes is None or self._size <= self._max_bytes:
            return ""
        return f"{self._max_bytes} of {self._size} bytes kept (max_body={self._max_bytes})"

    @property
    def frames(self) -> list[Frame]:
        """The frames, in the order in which their last bytes passed."""
        with self._lock:
            while self._heard:
                direction, data, when = self._heard.popleft()
                for kind, payload, extra in self._readers[direction].feed(data):
                    self._kept.append((direction, kind, payload, extra, when))
        return super().frames
