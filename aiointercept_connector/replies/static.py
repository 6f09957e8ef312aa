"""The reply that is known beforehand: status, headers, body.

It is turned into the bytes of an HTTP/1.1 response once, at registration, so that answering is
one write. Nothing is added that was not asked for but ``Content-Type`` and ``Content-Length``:
no ``Date``, no ``Server``.
"""

from __future__ import annotations

import json as _json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy

from ..unset import UNSET, Unset

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_request import BaseRequest

__all__ = ("JSON_TYPE", "StaticReply", "static_reply")


JSON_TYPE: Final = "application/json"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BODILESS: Final = frozenset({204, 304})
_LOWEST_STATUS, _HIGHEST_STATUS = 100, 599
_FIRST_FINAL_STATUS = 200


class StaticReply:
    """A reply whose status, headers and body do not depend on the request."""

    __slots__ = ("_close_head", "_head", "body", "headers", "reason", "status", "wire")

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.reason = _default_reason(status) if reason is None else reason
        final = CIMultiDict(headers or {})
        if status not in _BODILESS and status >= _FIRST_FINAL_STATUS:
            final.setdefault(hdrs.CONTENT_LENGTH, str(len(body)))
        self.headers = CIMultiDictProxy(final)
        self._head = _serialise_head(status, self.reason, final)
        self.wire = self._head + b"\r\n" + body
        """The whole response to an HTTP/1.1 request that keeps its connection open."""

    def head(self, *, keep_alive: bool) -> bytes:
        """Return the response without its body, as it answers HEAD."""
        closing = b"" if keep_alive else b"Connection: close\r\n"
        return self._head + closing + b"\r\n"

    async def __call__(self, request: BaseRequest) -> web.StreamResponse:
        """Answer *request*: the same bytes, through aiohttp's own server."""
        return _WrittenResponse(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StaticReply):
            return NotImplemented
        return self.wire == other.wire

    def __hash__(self) -> int:
        return hash(self.wire)

    def __repr__(self) -> str:
        kind = self.headers.get(hdrs.CONTENT_TYPE, "no content type")
        return f"<StaticReply {self.status} {self.reason}, {kind}, {len(self.body)} bytes>"


class _WrittenResponse(web.StreamResponse):
    """A response whose bytes exist already; aiohttp's server has only to write them."""

    def __init__(self, reply: StaticReply) -> None:
        super().__init__(status=reply.status, reason=reply.reason, headers=reply.headers)
        self._reply = reply
        self._request: BaseRequest | None = None

    @property
    def keep_alive(self) -> bool:
        return self._request is not None and self._request.keep_alive

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        self._request = request
        writer = request.writer
        head = self._reply.head(keep_alive=request.keep_alive)
        body = b"" if request.method == hdrs.METH_HEAD else self._reply.body
        await writer.write(head + body)
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: ``prepare`` has written it all."""


def static_reply(
    *,
    status: int = 200,
    body: str | bytes = b"",
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
    _check_status(status)
    data = _encode_body(body) if isinstance(json, Unset) else _encode_json(json)
    if data and (status in _BODILESS or status < _FIRST_FINAL_STATUS):
        msg = f"body: HTTP allows no body with status={status}, but {len(data)} bytes were given."
        raise ValueError(msg)
    final = _check_headers(headers)
    if content_type is not None:
        _check_text("content_type", content_type)
    if reason is not None:
        _check_text("reason", reason)
    if status not in _BODILESS and status >= _FIRST_FINAL_STATUS:
        final.setdefault(hdrs.CONTENT_TYPE, JSON_TYPE if content_type is None else content_type)
    return StaticReply(status, data, final, reason)


def _check_status(status: int) -> None:
    if not isinstance(status, int) or isinstance(status, bool):
        msg = f"status must be an int from 100 to 599, not {type(status).__name__}: {status!r}"
        raise TypeError(msg)
    if not _LOWEST_STATUS <= status <= _HIGHEST_STATUS:
        msg = f"status must be from 100 to 599, not {status}"
        raise ValueError(msg)


def _encode_body(body: str | bytes) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    hint = " For a JSON body use json=." if isinstance(body, (dict, list)) else ""
    msg = f"body must be str or bytes, not {type(body).__name__}: {body!r:.60}.{hint}"
    raise TypeError(msg)


def _encode_json(value: Any) -> bytes:
    try:
        return _json.dumps(value).encode()
    except (TypeError, ValueError) as exc:
        msg = f"json must be serialisable as JSON: {exc}"
        raise TypeError(msg) from exc


def _check_headers(headers: Mapping[str, str] | None) -> CIMultiDict[str]:
    if headers is not None and not isinstance(headers, Mapping):
        msg = f"headers must be a mapping of names to values, not {type(headers).__name__}"
        raise TypeError(msg)
    checked: CIMultiDict[str] = CIMultiDict()
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            msg = f"headers: {name!r} is not a header name"
            raise ValueError(msg)
        checked.add(name, _check_text(f"headers[{name!r}]", value))
    return checked


def _check_text(argument: str, value: str) -> str:
    if not isinstance(value, str):
        msg = f"{argument} must be a str, not {type(value).__name__}: {value!r}"
        raise TypeError(msg)
    if any(char in value for char in "\r\n\0"):
        msg = f"{argument} must not contain CR, LF or NUL: {value!r}"
        raise ValueError(msg)
    return value


def _default_reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _serialise_head(status: int, reason: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{k}: {v}" for k, v in headers.items()), ""]
    return "\r\n".join(lines).encode()
