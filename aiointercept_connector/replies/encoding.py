"""Content codings: a body that is compressed, once, for the clients that take it so."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from aiohttp import hdrs
from multidict import CIMultiDict

from ..arguments import one_of
from ..extras import extra
from .reply import ChoosingReply
from .static import StaticReply

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = ("EncodedReply", "Encoding", "accepts", "both_ways")

Encoding: TypeAlias = Literal["gzip", "deflate", "br", "zstd"]
"""A content coding (RFC 9110 section 8.4.1); ``br`` and ``zstd`` are extras of those names."""


class EncodedReply(ChoosingReply):
    """A reply with a compressed body, for clients that accept it; for others as it was."""

    __slots__ = ("_encoded", "_encoding", "_plain", "replies")

    def __init__(self, encoding: Encoding, plain: StaticReply, encoded: StaticReply) -> None:
        self.replies = plain, encoded
        self._encoding = encoding
        self._plain = plain
        self._encoded = encoded

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Return the one of the two that the client of *request* can read."""
        accepted = ",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ()))
        return self._encoded if accepts(accepted, self._encoding) else self._plain

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EncodedReply):
            return NotImplemented
        return (self._plain, self._encoded) == (other._plain, other._encoded)

    def __hash__(self) -> int:
        return hash(self._encoded)

    def __repr__(self) -> str:
        return f"<EncodedReply {self._encoding} of {self._plain!r}>"


def both_ways(plain: StaticReply, encoding: Encoding) -> tuple[StaticReply, StaticReply]:
    """Return *plain* and the same with its body compressed, both as a server offers them.

    Raises:
        ImportError: a package is missing; the message says what to install.
        ValueError: *encoding* is none that is known, or the headers name one already.
    """
    one_of("encoding", encoding, _COMPRESS)
    if hdrs.CONTENT_ENCODING in plain.headers:
        raise ValueError(
            f"encoding={encoding!r}: headers say already that the body is compressed "
            f"(Content-Encoding: {plain.headers[hdrs.CONTENT_ENCODING]}). Leave out one of the two."
        )
    headers = CIMultiDict(plain.headers)
    headers.add(hdrs.VARY, hdrs.ACCEPT_ENCODING)
    offered = StaticReply(plain.status, plain.body, headers, plain.reason)
    headers.popall(hdrs.CONTENT_LENGTH, None)
    headers[hdrs.CONTENT_ENCODING] = encoding
    body = _COMPRESS[encoding](plain.body)
    return offered, StaticReply(plain.status, body, headers, plain.reason)


def accepts(accepted: str, encoding: str) -> bool:
    """Tell whether an ``Accept-Encoding`` allows *encoding* (RFC 9110 section 12.5.3).

    It may be anything where there is no such header; servers do not compress then.
    """
    weights = dict(map(_weighed, accepted.lower().split(",")))
    return weights.get(encoding, weights.get("*", 0)) > 0


def _weighed(item: str) -> tuple[str, float]:
    coding, _, weight = (part.strip() for part in item.partition(";"))
    try:
        # `x-gzip` is an old name of `gzip` (RFC 9110 section 8.4.1.3).
        return coding.removeprefix("x-"), float(weight.removeprefix("q=") or 1)
    except ValueError:
        return coding, 0


def _gzip(body: bytes) -> bytes:
    import gzip

    # Without a time, so that the same reply is the same bytes.
    return gzip.compress(body, mtime=0)


def _deflate(body: bytes) -> bytes:
    import zlib

    return zlib.compress(body)


def _br(body: bytes) -> bytes:
    data: bytes = extra("brotli", "br").compress(body)
    return data


def _zstd(body: bytes) -> bytes:
    module = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    data: bytes = extra(module, "zstd").compress(body)
    return data


_COMPRESS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "br": _br,
    "zstd": _zstd,
}
