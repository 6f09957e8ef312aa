"""Parses the head of a recorded request that nobody has looked at before."""

from __future__ import annotations

import asyncio

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, RawRequestMessage

__all__ = ("parsed",)


def parsed(head: bytes, loop: asyncio.AbstractEventLoop) -> RawRequestMessage:
    """Return what aiohttp's parser makes of *head*, which has no empty line at its end."""
    parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16)
    messages, _, _ = parser.feed_data(head + b"\r\n\r\n")
    return messages[0][0]
