"""The bytes of a wire in memory, as they are written, wait, and are read."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

__all__ = ("frozen", "room", "taken")


def frozen(data: object) -> bytes:
    """Return what may be written as bytes that nobody can change any more."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
    return bytes(cast("memoryview", data))


def room(protocol: asyncio.BufferedProtocol) -> memoryview:
    """Return the buffer that *protocol* wants its input in."""
    buffer = memoryview(protocol.get_buffer(-1))
    if not buffer:
        raise RuntimeError("get_buffer() returned an empty buffer")
    return buffer


def taken(chunks: deque[bytes | memoryview], limit: int) -> bytes:
    """Take up to *limit* bytes off the front of *chunks*, and return them."""
    parts: list[bytes | memoryview] = []
    while chunks and limit:
        chunk = chunks.popleft()
        if len(chunk) > limit:
            # A view: the rest of a large write would be copied for every read of it.
            view = memoryview(chunk)
            chunks.appendleft(view[limit:])
            chunk = view[:limit]
        parts.append(chunk)
        limit -= len(chunk)
    return b"".join(parts)
