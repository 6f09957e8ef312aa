"""The writer of answers to HEAD, which have the headers of GET and no body.

A handler may stream a body without a thought of HEAD. aiohttp's server lets it reach the wire,
where the client takes it for its next answer.
"""

from __future__ import annotations

from typing import Any

from aiohttp.http import StreamWriter

__all__ = ("HeadWriter",)


class HeadWriter(StreamWriter):
    """A ``StreamWriter`` that drops what follows the headers."""

    _in_body = False

    async def write_headers(self, *args: Any, **kwargs: Any) -> None:
        """Write the headers; what is written from here on is the body."""
        await super().write_headers(*args, **kwargs)
        self._in_body = True

    def enable_compression(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: an empty body is some bytes, compressed."""

    async def write(self, *args: Any, **kwargs: Any) -> None:
        """Write what comes before the headers alone: a whole answer, or `100 Continue`."""
        if not self._in_body:
            await super().write(*args, **kwargs)

    async def write_eof(self, chunk: bytes = b"") -> None:
        """End the answer without a body."""
        await super().write_eof()
