"""Requests that can be told at a glance, and are parsed when somebody looks at them.

What aiohttp's own client sends most often comes in one piece and says nothing that a server must
heed but the size of its body. Its method and URL are known from the call that is on the wire, and
most tests look at few headers, if at any: parsing them can wait.

Accepted here is a part of what aiohttp's parser accepts. All else is for that parser to judge.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ("read_plain",)

_LINE: Final = re.compile(rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /[!-~]* HTTP/1\.1")
_FIELD: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [ -~]*"
_FIELDS: Final = re.compile(rb"%b(?:\r\n%b)*" % (_FIELD, _FIELD))
_NAME: Final = re.compile(rb"^[^:]+", re.MULTILINE)
_SIZE: Final = re.compile(rb"^content-length: ([0-9]{1,15})\r?$", re.MULTILINE)

# What a server does more about than to keep it.
_HEEDED: Final = frozenset(
    {
        b"connection",
        b"content-encoding",
        b"expect",
        b"sec-websocket-key1",
        b"transfer-encoding",
        b"upgrade",
    }
)
# aiohttp's limit for a line is 8190 bytes, and for the number of fields, where it has one, 128.
_MOST_BYTES: Final = 8000
_MOST_FIELDS: Final = 100
_UNKNOWN: Final = -1


def read_plain(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the head, without the empty line, and the body of the request that *data* is.

    None if that is for the parser to tell.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    if (
        end
        and len(head) <= _MOST_BYTES
        and _announced_size(fields) == len(body)
        and _LINE.fullmatch(line) is not None
    ):
        return head, body
    return None


@lru_cache(maxsize=256)
def _announced_size(fields: bytes) -> int:
    """Return the size of the body that header fields announce, or ``_UNKNOWN``."""
    if _FIELDS.fullmatch(fields) is None:
        return _UNKNOWN
    lowered = fields.lower()
    names = _NAME.findall(lowered)
    different = frozenset(names)
    # Of some fields there must not be two; which, differs from one aiohttp to the next.
    if len(names) > min(len(different), _MOST_FIELDS) or b"host" not in different:
        return _UNKNOWN
    if not _HEEDED.isdisjoint(different):
        return _UNKNOWN
    if b"content-length" not in different:
        return 0
    size = _SIZE.search(lowered)
    return _UNKNOWN if size is None else int(size[1])
