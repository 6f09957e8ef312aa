"""The frames of a WebSocket, made out of the bytes that carry them (RFC 6455 section 5).

A reader is for one direction. It takes bytes as they came, in pieces of any size, and knows neither
client nor server: what is masked is unmasked, what is compressed (RFC 7692) is unpacked, and a
message in several frames is one. It is a record's: it does not refuse what a server would.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from aiohttp import WSMsgType

__all__ = ("Made", "WireReader")

Made: TypeAlias = "tuple[int, Any, str]"
"""The type of a frame, its data, and the reason of a close."""

_FIN, _COMPRESSED, _RESERVED, _OPCODE = 0x80, 0x40, 0x30, 0x0F
_MASKED, _LENGTH = 0x80, 0x7F
_FIRST_CONTROL: Final = 0x8
_CONTROL: Final = frozenset({WSMsgType.CLOSE, WSMsgType.PING, WSMsgType.PONG})
_DATA: Final = frozenset({WSMsgType.CONTINUATION, WSMsgType.TEXT, WSMsgType.BINARY})
_EXTENDED: Final = {126: 2, 127: 8}
_END_OF_MESSAGE: Final = b"\x00\x00\xff\xff"  # which the sender leaves out: RFC 7692 section 7.2.1


class WireReader:
    """Makes out the frames of one direction."""

    __slots__ = ("_inflate", "_is_compressed", "_kind", "_lost", "_parts", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._parts: list[bytes] = []
        self._kind = 0
        self._is_compressed = False
        self._inflate: Any = None
        self._lost = False

    def feed(self, data: bytes) -> Iterator[Made]:
        """Take the bytes that come next, and iterate over the frames that end among them.

        Behind bytes that are no WebSocket's there are none.
        """
        data = self._rest + data
        start = 0
        while not self._lost and (frame := _frame_at(data, start)) is not None:
            first, payload, start = frame
            try:
                yield from self._taken(first, payload)
            except (ValueError, zlib.error):
                self._lost = True
        self._rest = b"" if self._lost else data[start:]

    def _taken(self, first: int, payload: bytes) -> Iterator[Made]:
        kind = first & _OPCODE
        if first & _RESERVED or kind not in _CONTROL | _DATA:
            raise ValueError(f"no WebSocket has a frame that begins with {first:#x}")
        if kind >= _FIRST_CONTROL:
            yield _control(kind, payload)
            return
        if kind != WSMsgType.CONTINUATION:
            self._kind = kind
            self._is_compressed = bool(first & _COMPRESSED)
            self._parts.clear()
        self._parts.append(payload)
        if first & _FIN:
            yield self._message()

    def _message(self) -> Made:
        data = b"".join(self._parts)
        self._parts.clear()
        if self._is_compressed:
            data = self._unpacked(data)
        if self._kind == WSMsgType.TEXT:
            return self._kind, data.decode(errors="replace"), ""
        return self._kind, data, ""

    def _unpacked(self, data: bytes) -> bytes:
        if self._inflate is None or self._inflate.eof:
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        unpacked: bytes = self._inflate.decompress(data + _END_OF_MESSAGE)
        return unpacked


def _frame_at(data: bytes, start: int) -> tuple[int, bytes, int] | None:
    """Return the first byte of a frame, its payload, and where the next begins; None if it ends."""
    if len(data) < start + 2:
        return None
    first, second = data[start], data[start + 1]
    at, length = start + 2, second & _LENGTH
    if length in _EXTENDED:
        size = _EXTENDED[length]
        length = int.from_bytes(data[at : at + size], "big")
        at += size
    mask = b""
    if second & _MASKED:
        mask = data[at : at + 4]
        at += 4
    if len(data) < at + length:
        return None
    payload = data[at : at + length]
    return first, _unmasked(payload, mask) if mask else payload, at + length


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def _control(kind: int, payload: bytes) -> Made:
    if kind != WSMsgType.CLOSE:
        return kind, payload, ""
    return kind, int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace")
