"""The reply that is known beforehand: status, headers, body.

It is turned into the bytes of an HTTP/1.1 response once, at registration, so that answering is
one write. Nothing is added that was not asked for but ``Content-Type`` and ``Content-Length``:
no ``Date``, no ``Server``.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiohttp import hdrs
from aiohttp.http import HttpVersion11
from aiohttp.web_response import StreamResponse
from multidict import CIMultiDict, CIMultiDictProxy

from ..unset import UNSET, Unset
from .checked import checked_headers, checked_status, checked_text, encode_body, encode_json
from .reply import BaseReply

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_request import BaseRequest

__all__ = (
    "JSON_TYPE",
    "Body",
    "StaticReply",
    "default_reason",
    "is_bodiless",
    "serialise_head",
    "static_reply",
)

Body: TypeAlias = "str | bytes | bytearray | memoryview"
"""A body as it may be given; text is sent as UTF-8."""

JSON_TYPE: Final = "application/json"
# Plain numbers: a reply is made for every call of a callback, and an enum takes its time.
_PHRASES: Final[dict[int, str]] = {int(status): status.phrase for status in HTTPStatus}
_BODILESS: Final = frozenset({*range(100, 200), 204, 304})


class StaticReply(BaseReply):
    """A reply whose status, headers and body do not depend on the request."""

    __slots__ = ("_head", "_whole", "body", "content", "headers", "reason", "status", "wire")

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        final = CIMultiDict(headers or {})
        self.status = int(status)
        self.reason = default_reason(status) if reason is None else reason
        self.body = body
        self.content = body
        """The body as it is sent: framed, if the headers say so."""
        if is_bodiless(status):
            # What followed would be taken for the beginning of the next response.
            self.content = b""
            final.popall(hdrs.TRANSFER_ENCODING, None)
        elif final.get(hdrs.TRANSFER_ENCODING, "").lower() == "chunked":
            # Recorded headers say it often. RFC 9112 section 6.2: then there is no length.
            final.popall(hdrs.CONTENT_LENGTH, None)
            self.content = _one_chunk(body)
        else:
            final.setdefault(hdrs.CONTENT_LENGTH, str(len(body)))
        self.headers = CIMultiDictProxy(final)
        self._head = serialise_head(self.status, self.reason, final)
        self._finish()

    def _finish(self) -> None:
        """Put together what is sent."""
        self._whole = self._head + b"\r\n" + self.content
        self.wire = None if self.closes else self._whole
        """The whole response to an HTTP/1.1 request that keeps its connection open.

        None if the response itself closes the connection.
        """

    @property
    def closes(self) -> bool:
        """Whether the headers say that the connection is closed behind the response."""
        return "close" in self.headers.get(hdrs.CONNECTION, "").lower()

    def head(self, *, keep_alive: bool) -> bytes:
        """Return the response without its body, as it answers HEAD."""
        closing = b"" if keep_alive or self.closes else b"Connection: close\r\n"
        return self._head + closing + b"\r\n"

    def for_http_1_0(self, *, keep_alive: bool) -> StaticReply:
        """Return the reply to a client that knows no chunks, trailers or interim responses.

        It takes a connection for closed unless it is told otherwise (RFC 9112 section 9.3).
        """
        headers = CIMultiDict(self.headers)
        for name in (hdrs.TRANSFER_ENCODING, hdrs.TRAILER):
            headers.popall(name, None)
        if keep_alive:
            headers.setdefault(hdrs.CONNECTION, "keep-alive")
        return StaticReply(self.status, self.body, headers, self.reason)

    async def __call__(self, request: BaseRequest) -> StreamResponse:
        """Answer *request*: the same bytes, through aiohttp's own server."""
        return _WrittenResponse(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StaticReply):
            return NotImplemented
        return self._whole == other._whole

    def __hash__(self) -> int:
        return hash(self._whole)

    def __repr__(self) -> str:
        kind = self.headers.get(hdrs.CONTENT_TYPE, "no content type")
        return f"<StaticReply {self.status} {self.reason}, {kind}, {len(self.body)} bytes>"


class _WrittenResponse(StreamResponse):
    """A response whose bytes exist already; aiohttp's server has only to write them."""

    def __init__(self, reply: StaticReply) -> None:
        super().__init__(status=reply.status, reason=reply.reason, headers=reply.headers)
        self._reply = reply
        self._request: BaseRequest | None = None

    @property
    def prepared(self) -> bool:
        return self._request is not None

    @property
    def keep_alive(self) -> bool | None:
        return None if self._request is None else self._keeps_alive(self._request)

    def _keeps_alive(self, request: BaseRequest) -> bool:
        return request.keep_alive and not self._reply.closes

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Write the response, at the first call."""
        if self._request is None:
            self._request = request
            keep_alive = self._keeps_alive(request)
            reply = self._reply
            if request.version < HttpVersion11:
                reply = reply.for_http_1_0(keep_alive=keep_alive)
            content = b"" if request.method == hdrs.METH_HEAD else reply.content
            await request.writer.write(reply.head(keep_alive=keep_alive) + content)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: ``prepare`` has written it all."""


def static_reply(
    *,
    status: int = 200,
    body: Body = b"",
    json: Any = UNSET,
    headers: Mapping[str, str] | None = None,
    content_type: str | None = None,
    reason: str | None = None,
) -> StaticReply:
    """Check what a reply is made of, and make it.

    Args:
        status: the status code, 100 to 599.
        body: bytes, or text to be sent as UTF-8.
        json: a value to be sent as JSON in place of *body*; ``None`` is JSON null.
        headers: response headers; a multidict may repeat a name.
        content_type: the ``Content-Type``, unless *headers* has one; ``application/json`` if
            neither says.
        reason: the reason phrase, if not the usual one of the status.

    Raises:
        TypeError: an argument is of the wrong type; the message names it.
        ValueError: an argument is out of range, or cannot be sent as HTTP.
    """
    checked_status(status)
    data = encode_body(body) if isinstance(json, Unset) else encode_json(json)
    if data and is_bodiless(status):
        given = "body" if isinstance(json, Unset) else "json"
        raise ValueError(
            f"{given}: HTTP allows no body with status={int(status)}, "
            f"but {len(data)} bytes were given."
        )
    final = checked_headers(headers)
    if data and hdrs.CONTENT_LENGTH in final:
        _check_length(final, len(data))
    kind = JSON_TYPE if content_type is None else checked_text("content_type", content_type)
    final.setdefault(hdrs.CONTENT_TYPE, kind)
    if reason is not None:
        checked_text("reason", reason)
    return StaticReply(status, data, final, reason)


def _check_length(headers: Mapping[str, str], length: int) -> None:
    """Refuse a length that is not the body's: the client would wait, or misread what follows."""
    # In chunks, none is sent.
    said = headers[hdrs.CONTENT_LENGTH]
    if said != str(length) and hdrs.TRANSFER_ENCODING not in headers:
        raise ValueError(
            f"headers: Content-Length is {said!r}, but the body has {length} bytes. Leave it out: "
            f"it is put in. For one that is wrong use faults.truncated() or faults.extra_bytes()."
        )


def is_bodiless(status: int) -> bool:
    """Tell whether such a response has no body, and no length (RFC 9110 sections 6.4.1, 8.6)."""
    return status in _BODILESS


def default_reason(status: int) -> str:
    """Return the usual reason phrase of *status*; it is empty where there is none."""
    return _PHRASES.get(status, "")


def _one_chunk(body: bytes) -> bytes:
    """Return *body* in the chunked transfer coding (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"


def serialise_head(status: int, reason: str, headers: Mapping[str, str]) -> bytes:
    """Return a response up to its headers, the empty line behind them left out."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{k}: {v}" for k, v in headers.items()), ""]
    # Recorded and relayed headers may hold bytes that are no UTF-8.
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")
