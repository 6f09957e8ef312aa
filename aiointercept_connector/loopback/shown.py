"""A head that HTTP cannot carry, or not with that body, for the client to see all the same.

Other libraries hand out responses that no server could send: a body with 204, a ``Content-Length``
that is not the body's, no length at all. Such a response goes over the wire as one that can be
sent; its head goes beside the wire, and takes the place of the real one where the client reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiohttp.http import RawResponseMessage
from multidict import CIMultiDict, CIMultiDictProxy

__all__ = ("ShownHead",)


class ShownHead(NamedTuple):
    """The status line and the headers of a response, as its client sees them."""

    status: int
    reason: str
    headers: Mapping[str, str]

    def instead_of(self, message: Any) -> RawResponseMessage:
        """Return *message*, as aiohttp has parsed it, with this head."""
        headers: CIMultiDict[str] = CIMultiDict(self.headers)
        raw = tuple((name.encode(), value.encode()) for name, value in headers.items())
        return RawResponseMessage(
            message.version,
            self.status,
            self.reason,
            CIMultiDictProxy(headers),
            raw,
            message.should_close,
            message.compression,
            message.upgrade,
            message.chunked,
        )
