"""Headers on their way from one connection to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs
from multidict import CIMultiDict

from ..replies.checked import check_mapping, checked_headers

__all__ = ("change", "end_to_end", "make_fit")

# RFC 9110 section 7.6.1, beside what a Connection header names.
_HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)


def end_to_end(raw: tuple[tuple[bytes, bytes], ...], *, upgrade: bool = False) -> CIMultiDict[str]:
    """Return the headers that are not for a single connection, in order and as they were spelled.

    The framing is kept, for it is the same on the other connection; so is a change of protocol.
    """
    headers = CIMultiDict((_text(name), _text(value)) for name, value in raw)
    named = ",".join(headers.getall(hdrs.CONNECTION, ())).lower().split(",")
    dropped = _HOP_BY_HOP.union(name.strip() for name in named) - {"host", "content-length"}
    if "chunked" in headers.get(hdrs.TRANSFER_ENCODING, "").lower():
        dropped -= {"transfer-encoding"}
    if upgrade:
        dropped -= {"connection", "upgrade"}
    kept = [(name, value) for name, value in headers.items() if name.lower() not in dropped]
    return CIMultiDict(kept)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def change(headers: CIMultiDict[str], changes: Mapping[str, str | None]) -> None:
    """Put what ``forward(headers=)`` says in the place of *headers*; None leaves one out."""
    check_mapping("forward(headers=)", changes)
    for name in changes:
        headers.popall(name, None)
    given = {name: value for name, value in changes.items() if value is not None}
    headers.extend(checked_headers(given, "forward(headers=)"))


def make_fit(headers: CIMultiDict[str], body: bytes) -> None:
    """Make the headers those of a request with *body*."""
    headers.popall(hdrs.TRANSFER_ENCODING, None)
    headers.popall(hdrs.CONTENT_ENCODING, None)
    headers[hdrs.CONTENT_LENGTH] = str(len(body))
