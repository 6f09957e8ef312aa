"""What the tests of HTTP send, and how they look at what comes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import ClientSession, TraceConfig

from aiointercept_connector import CallbackResult
from tests.loopback.http_support import URL

MEGABYTE = 2**20


LARGE = bytes(range(256)) * (10 * MEGABYTE // 256)


EOF_REQUEST = b"GET /last HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n"


def get(path: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    """Return the bytes of a request without a body."""
    lines = [f"{method} {path} HTTP/{version}", "Host: api.example.com", *headers, "", ""]
    return "\r\n".join(lines).encode()


def bodies(answer: bytes) -> list[bytes]:
    """Return the bodies of a stream of answers that all have a Content-Length."""
    found: list[bytes] = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        assert length is not None, head
        found.append(rest[: int(length[1])])
        answer = rest[int(length[1]) :]
    return found


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    """Give *body* as an upload of unknown length."""
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(0)


def echo(url: object, *, data: bytes | None, **_: Any) -> CallbackResult:
    """Answer with what was sent."""
    return CallbackResult(body=data or b"", content_type="application/octet-stream")


async def text(session: ClientSession, url: str = URL, method: str = "GET", **kwargs: Any) -> str:
    """Ask, and return the body."""
    async with session.request(method, url, **kwargs) as response:
        return await response.text()


class Connections(TraceConfig):
    """Counts the connections that a session makes, and how often it uses one again."""

    def __init__(self) -> None:
        super().__init__()
        self.made = self.reused = 0
        self.on_connection_create_end.append(self._count_made)
        self.on_connection_reuseconn.append(self._count_reused)

    async def _count_made(self, *_: object) -> None:
        self.made += 1

    async def _count_reused(self, *_: object) -> None:
        self.reused += 1
