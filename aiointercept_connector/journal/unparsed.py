"""Parses the head of a recorded request that nobody has looked at before."""

from __future__ import annotations

import threading
from typing import Any, Final, cast

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, RawRequestMessage

__all__ = ("parsed",)

# From aiohttp 3.14 on a parser stops at 32 requests that nobody has taken.
_COUNTS_REQUESTS: Final = hasattr(HttpRequestParser, "message_consumed")


class _Parsing(threading.local):
    """A parser for each thread: making one takes as long as what it does."""

    def __init__(self) -> None:
        # Streams are made for a loop, and nobody waits for what is in these.
        no_loop = cast("Any", object())
        self.parser: Any = HttpRequestParser(BaseProtocol(no_loop), no_loop, 2**16)


_parsing = _Parsing()


def parsed(head: bytes, size: int) -> RawRequestMessage:
    """Return what aiohttp's parser makes of a request.

    Args:
        head: its head, without the empty line; what the parser refuses has been refused before.
        size: how many bytes its body has; which they are is all the same.
    """
    parser = _parsing.parser
    messages, _, _ = parser.feed_data(head + b"\r\n\r\n" + bytes(size))
    if _COUNTS_REQUESTS:
        parser.message_consumed()
    message: RawRequestMessage = messages[0][0]
    return message
