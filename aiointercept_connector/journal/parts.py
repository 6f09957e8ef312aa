"""The parts of a multipart body that has wholly arrived, as plain values."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDictProxy

__all__ = ("Part", "body_stream", "parse_parts")

T = TypeVar("T")

_TEXT_TYPE = "text/plain"
# The whole body is here, so aiohttp's reader never waits, and has no use for a loop. It takes None
# for "the current one", which there may not be.
_NO_LOOP = cast("asyncio.AbstractEventLoop", object())


class Part(NamedTuple):
    """One part of a multipart body.

    Attributes:
        name: the form field's name, if it has one.
        filename: the name of the file, if it is one.
        content_type: the type without parameters; ``text/plain`` if the part does not say.
        body: the content, any transfer encoding undone.
        headers: the part's own headers.
    """

    name: str | None
    filename: str | None
    content_type: str
    body: bytes
    headers: CIMultiDictProxy[str]
    charset: str = "utf-8"

    @property
    def text(self) -> str:
        """The content decoded with the part's charset; what cannot be decoded becomes U+FFFD."""
        return decoded(self.body, self.charset)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and self[:4] == other[:4]

    def __hash__(self) -> int:
        return hash(self[:4])

    def __repr__(self) -> str:
        shown = zip(self._fields[:4], self[:4], strict=True)
        return f"Part({', '.join(f'{name}={value!r}' for name, value in shown)})"


def decoded(body: bytes, charset: str) -> str:
    """Return *body* as text that can be shown, whatever it is."""
    try:
        return body.decode(charset, errors="replace")
    except LookupError:
        return body.decode(errors="replace")


def parse_parts(headers: Mapping[str, str], body: bytes) -> tuple[Part, ...]:
    """Return the parts of a multipart *body*, nested ones in their places.

    Raises:
        ValueError: it is malformed.
    """
    try:
        return tuple(_parts(MultipartReader(headers, body_stream(body, _NO_LOOP))))
    except (ValueError, AssertionError, HttpProcessingError) as exc:
        raise ValueError(f"malformed multipart body: {exc}") from exc


def body_stream(body: bytes, loop: asyncio.AbstractEventLoop) -> StreamReader:
    """Return *body* as the stream that aiohttp's readers want."""
    # A limit beyond the length, for there is no transport that could be told to pause.
    stream = StreamReader(BaseProtocol(loop), len(body) + 1, loop=loop)
    stream.feed_data(body)
    stream.feed_eof()
    return stream


def _parts(reader: MultipartReader) -> Iterator[Part]:
    while (part := _at_once(reader.next())) is not None:
        if isinstance(part, BodyPartReader):
            body = _at_once(part.read())
            yield Part(
                part.name,
                part.filename,
                part.headers.get("Content-Type", _TEXT_TYPE).partition(";")[0].strip().lower(),
                bytes(part.decode(body)),
                part.headers,
                part.get_charset("utf-8"),
            )
        else:
            yield from _parts(part)


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that does not wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)
    coroutine.close()
    raise ValueError("it ends too early")
