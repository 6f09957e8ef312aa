"""A real host's response on its way to the client: nothing is added to it, or encoded again."""

from __future__ import annotations

import json as _json
from typing import TYPE_CHECKING, Any, cast

from aiohttp import hdrs
from aiohttp.http import HttpVersion11
from aiohttp.web_response import Response, StreamResponse

from .checked import checked_headers
from .static import is_bodiless, serialise_head

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_request import BaseRequest
    from multidict import CIMultiDict

__all__ = ("ForwardedResponse", "RelayedResponse")


class RelayedResponse(StreamResponse):
    """A response whose body is written in pieces as they come, in the framing its headers tell."""

    _answered: BaseRequest | None = None
    _ended = False

    @property
    def prepared(self) -> bool:
        """Whether the head has been written."""
        return self._answered is not None

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays; None before it is known."""
        if self._answered is None:
            return None
        # To one of HTTP/1.0 nothing is said of keeping it.
        keeps = self._answered.keep_alive and self._answered.version >= HttpVersion11
        return keeps and self.status != _SWITCHING_PROTOCOLS and self._is_delimited

    @property
    def _is_delimited(self) -> bool:
        """Whether the client can tell where the response ends before the connection does."""
        return self._is_bodiless or self._is_chunked or hdrs.CONTENT_LENGTH in self.headers

    @property
    def _is_bodiless(self) -> bool:
        head = self._answered is not None and self._answered.method == hdrs.METH_HEAD
        return head or is_bodiless(self.status)

    @property
    def _is_chunked(self) -> bool:
        return "chunked" in self.headers.get(hdrs.TRANSFER_ENCODING, "").lower()

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Write the head, at the first call."""
        if self._answered is None:
            self._answered = request
            writer = request.writer
            head = serialise_head(self.status, self.reason or "", self.headers)
            await writer.write(head + b"\r\n")
            if self._is_chunked and not self._is_bodiless:
                writer.enable_chunking()
        return request.writer

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write a piece of the body, and wait while the client reads more slowly."""
        if self._answered is None:
            raise RuntimeError("Cannot call write() before prepare()")
        if not self._is_bodiless:
            await self._answered.writer.write(cast("bytes", data))

    async def write_eof(self, data: bytes = b"") -> None:
        """End the response, at the first call."""
        if self._answered is None:
            raise RuntimeError("Cannot call write_eof() before prepare()")
        if not self._ended:
            self._ended = True
            await self._answered.writer.write_eof()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {self.reason}>"


_SWITCHING_PROTOCOLS = 101


class ForwardedResponse(RelayedResponse, Response):
    """A real host's response, whole. It can be changed, and returned by a callback.

    It is an ``aiohttp.web.Response``, so ``headers``, ``text``, ``set_cookie()`` and so on are what
    they are there. What is not changed is sent as it was received, byte for byte.

    Args:
        status: the status code.
        reason: the reason phrase.
        headers: the headers, with those that are for a single connection left out.
        body: the body, with its Content-Encoding undone.
        received: the body as it was received.
    """

    def __init__(
        self,
        status: int,
        reason: str | None,
        headers: CIMultiDict[str],
        body: bytes,
        received: bytes,
    ) -> None:
        self._original, self._received = body, received
        super().__init__(status=status, reason=reason, headers=headers, body=body)

    @property
    def status(self) -> int:
        """The status code. Setting it sets the usual reason phrase, too."""
        return super().status

    @status.setter
    def status(self, status: int) -> None:
        self.set_status(status)

    @property
    def body(self) -> bytes:
        """The body, with its Content-Encoding undone. One that is set is sent without encoding."""
        return bytes(cast("bytes", self._body or b""))

    @body.setter
    def body(self, body: bytes | bytearray | memoryview | str | None) -> None:
        if isinstance(body, str):
            body = body.encode(self.charset or "utf-8")
        if body is not None and not isinstance(body, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"body must be str or bytes, not {type(body).__name__}: {body!r:.60}. "
                f"For a JSON body use set_json()."
            )
        self._body = body if body is None or isinstance(body, bytes) else bytes(body)

    def json(self) -> Any:
        """Return the body, parsed as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        return _json.loads(self.body.decode(self.charset or "utf-8"))

    def set_json(self, value: Any) -> None:
        """Put *value* in the body's place, as JSON.

        Raises:
            TypeError: it cannot be sent as JSON.
        """
        self.body = _json.dumps(value)
        self.headers.setdefault(hdrs.CONTENT_TYPE, "application/json")

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Write the response, at the first call."""
        if self._answered is None:
            content = self._content()
            for cookie in self.cookies.values():
                self.headers.add(hdrs.SET_COOKIE, cookie.OutputString())
            checked_headers(self.headers)
            await super().prepare(request)
            if content:
                await self.write(content)
        return request.writer

    def _content(self) -> bytes:
        """Return the body as it is to be sent, and make the headers fit it."""
        if self._body is self._original:
            return self._received
        self.headers.popall(hdrs.CONTENT_ENCODING, None)
        if not self._is_chunked:
            self.headers[hdrs.CONTENT_LENGTH] = str(len(self.body))
        return self.body

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, {len(self.body)} bytes>"
