"""Parses the head of a recorded request that nobody has looked at before."""

from __future__ import annotations

import threading
from typing import Any, cast

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, RawRequestMessage

__all__ = ("parsed",)


class _Parsing(threading.local):
    """A parser for each thread: making one takes as long as what it does."""

    def __init__(self) -> None:
        # Streams are made for a loop, and nobody waits for what is in these.
        no_loop = cast("Any", object())
        self.parser = HttpRequestParser(BaseProtocol(no_loop), no_loop, 2**16)


_parsing = _Parsing()


def parsed(head: bytes, size: int) -> RawRequestMessage:
    """Return what aiohttp's parser makes of a request.

    Args:
        head: its head, without the empty line; all that the parser says no to is refused before.
        size: how many bytes its body has; which they are is all the same.
    """
    parser = _parsing.parser
    ((message, _),), _, _ = parser.feed_data(b"%b\r\n\r\n%b" % (head, bytes(size)))
    if hasattr(parser, "message_consumed"):
        # From aiohttp 3.14 on the parser stops at 32 requests that nobody has taken.
        parser.message_consumed()
    return message
