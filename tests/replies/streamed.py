"""Pieces for streams, and generators that tell how they ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from aiohttp import ClientSession

URL = "https://api.example.com/x"
PIECE = b"x" * 2**16


async def asked(session: ClientSession, **kwargs: Any) -> bytes:
    """Return the body of the response."""
    async with session.get(URL, **kwargs) as response:
        return await response.read()


class Watched:
    """A generator function that counts, never ends by itself, and notes how it ended."""

    def __init__(self, piece: bytes = b"x", wait: float | None = None) -> None:
        self.piece = piece
        self.wait = wait
        self.made = 0
        self.ended_by: list[type[BaseException]] = []
        self.closed = False

    async def __call__(self) -> AsyncIterator[bytes]:
        """Yield pieces for ever."""
        try:
            while True:
                self.made += 1
                yield self.piece
                if self.wait is not None:
                    await asyncio.sleep(self.wait)
        except BaseException as exc:
            self.ended_by.append(type(exc))
            raise
        finally:
            await asyncio.sleep(0)
            self.closed = True


class PlainWatched(Watched):
    """The same, as a plain generator function."""

    def __call__(self) -> Iterator[bytes]:  # type: ignore[override]
        """Yield pieces for ever."""
        try:
            while True:
                self.made += 1
                yield self.piece
        finally:
            self.closed = True


async def async_pieces() -> AsyncIterator[str]:
    """Yield two pieces."""
    yield "a"
    await asyncio.sleep(0)
    yield "b"


class BoomError(Exception):
    """What a generator under test raises."""
