"""The body of a recorded request, as whoever looks at it wants it."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from aiohttp import MultipartReader, StreamReader, hdrs
from aiohttp.web_request import FileField
from multidict import MultiDict, MultiDictProxy

from .conversing import Conversing
from .parts import Part, body_stream, decoded, parse_parts

if TYPE_CHECKING:
    from .connection import Arriving

__all__ = ("FORM_TYPE", "MULTIPART_FORM_TYPE", "Captured")

FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_FORM_TYPE = "multipart/form-data"


class Captured(Conversing):
    """A request whose body has been read, or is left to whoever answers it.

    ``json()``, ``text()``, ``post()``, ``multipart()`` and ``content`` work on the captured bytes,
    as often as one likes, on any loop.
    """

    captured_body: bytes | None = None
    max_body: int | None = None
    body_size: int | None = None
    _replay: StreamReader | None = None
    _arriving: Arriving | None = None

    def begin_arrival(self, body: Arriving) -> None:
        """Leave the body to whoever answers the request."""
        self._arriving = body
        self._replay = cast("StreamReader", body)

    @property
    def is_arriving(self) -> bool:
        """Whether the body is left to who answers, and has not arrived whole."""
        return self._arriving is not None and not self._arriving.is_eof()

    def end_arrival(self) -> None:
        """Keep what was read of a body that was left to whoever answered the request."""
        if self._arriving is not None:
            kept, size = self._arriving.so_far, self._arriving.size
            self.captured_body = kept if size else None
            if len(kept) < size:
                self.body_size = size
            self._arriving = self._replay = None

    def bound_body(self, max_body: int | None) -> None:
        """Let the record keep so many bytes of the body, once it is answered."""
        self.max_body = max_body
        if self._arriving is not None:
            self._arriving.max_body = max_body

    def cut_body(self) -> None:
        """Keep of the body what ``max_body`` allows; nobody is answering it any more."""
        body, limit = self.captured_body, self.max_body
        if body is not None and limit is not None and len(body) > limit:
            self.body_size, self.captured_body = self.body_size or len(body), body[:limit]
            self._replay = None

    @property
    def cut(self) -> str:
        """How much is kept of a body that is not kept whole, in words; nothing if it is whole."""
        if self.body_size is None:
            return ""
        return f"{self.max_body} of {self.body_size} bytes kept (max_body={self.max_body})"

    @property
    def captured_text(self) -> str:
        """The body decoded with the charset of its Content-Type, UTF-8 if it names none.

        It never raises: what cannot be decoded becomes U+FFFD.
        """
        return decoded(self.captured_body or b"", self.charset or "utf-8")

    @property
    def captured_json(self) -> Any:
        """The body parsed as JSON; None if it is none, or not kept whole."""
        if self.cut:
            return None
        try:
            return json.loads(self.captured_body) if self.captured_body else None
        except (ValueError, RecursionError):
            return None

    @property
    def captured_form(self) -> MultiDictProxy[str] | None:
        """The fields of a form, blank ones too and files not.

        None if the body is no form, or not kept whole.
        """
        if self.cut:
            return None
        if self.content_type == FORM_TYPE:
            return MultiDictProxy(MultiDict(parse_qsl(self.captured_text, keep_blank_values=True)))
        parts = self.captured_parts if self.content_type == MULTIPART_FORM_TYPE else None
        if parts is None:
            return None
        texts = ((part.name, part.text) for part in parts if part.filename is None)
        return MultiDictProxy(MultiDict((name, text) for name, text in texts if name is not None))

    @property
    def captured_parts(self) -> tuple[Part, ...] | None:
        """The parts of a multipart body; None if it is none, malformed, or not kept whole."""
        if self.cut or not self.content_type.startswith("multipart/"):
            return None
        try:
            return parse_parts(self.headers, self.captured_body or b"")
        except ValueError:
            return None

    async def read(self) -> bytes:
        """Return the body."""
        if self._arriving is not None:
            self.captured_body = await self._arriving.whole() or None
        return self.captured_body or b""

    @property
    def body_exists(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - `reify`
        """Whether there was a body."""
        return self.can_read_body

    @property
    def can_read_body(self) -> bool:
        """Whether there was a body; it can be read as often as one likes."""
        return self.captured_body is not None or self._arriving is not None

    @property
    def content(self) -> StreamReader:  # pyright: ignore[reportIncompatibleVariableOverride] - `reify`
        """The body as a stream, to be read once."""
        if self._replay is None:
            self._replay = self._replayed()
        return self._replay

    async def multipart(self) -> MultipartReader:
        """Return a reader of the parts of a multipart body, from its beginning."""
        if self._arriving is not None:
            return MultipartReader(self.headers, self.content)
        return MultipartReader(self.headers, self._replayed())

    async def post(self) -> MultiDictProxy[str | bytes | bytearray | FileField]:
        """Return the fields of a form; those of files are in memory, and open at every call."""
        if self.content_type != MULTIPART_FORM_TYPE or self.method not in self.POST_METHODS:
            return await super().post()
        parts = parse_parts(self.headers, await self.read())
        return MultiDictProxy(MultiDict((part.name or "", _field(part)) for part in parts))

    def _replayed(self) -> StreamReader:
        return body_stream(self.captured_body or b"", asyncio.get_running_loop())


def _field(part: Part) -> str | bytes | bytearray | FileField:
    """Return *part* as aiohttp's ``post()`` does."""
    named = hdrs.CONTENT_TYPE in part.headers
    if part.filename is not None:
        kind = part.headers[hdrs.CONTENT_TYPE] if named else "application/octet-stream"
        file = io.BufferedReader(cast("io.RawIOBase", io.BytesIO(part.body)))
        return FileField(part.name or "", part.filename, file, kind, part.headers)
    return part.text if part.content_type.startswith("text/") else part.body
