"""Server-sent events: the reply that is a stream of them, and the event as a value.

The format is WHATWG's: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs

from ..unset import UNSET, Unset
from .checked import checked_headers, checked_seconds, encode_text
from .delay import Delay, Pace
from .source import Pieces, Source
from .static import StaticReply
from .streams import Stream, head_of_stream

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from ..journal.request import AiointerceptRequest

__all__ = ("Event", "EventStream", "event", "sse")

_TYPE: Final = "text/event-stream"
_KEEP_ALIVE: Final = b": keep-alive\n\n"
# Not str.splitlines(), to which more than these are ends of lines.
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Event:
    """One event of a stream, as ``event`` makes it.

    Attributes:
        data: the data as text; None if there is none.
        event: the type of the event; None for the usual one, ``message``.
        id: what a client sends as ``Last-Event-ID`` when it comes back.
        retry: milliseconds after which it comes back.
        comment: what a client skips.
    """

    data: str | None = None
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def encode(self) -> bytes:
        """Return the bytes of the event."""
        return "".join(f"{line}\n" for line in (*self._lines(), "")).encode()

    def _lines(self) -> Iterator[str]:
        if self.comment is not None:
            yield from (f": {line}" for line in _LINE_END.split(self.comment))
        if self.id is not None:
            yield f"id: {self.id}"
        if self.retry is not None:
            yield f"retry: {self.retry}"
        if self.event is not None:
            yield f"event: {self.event}"
        if self.data is not None:
            yield from (f"data: {line}" for line in _LINE_END.split(self.data))


def event(
    data: Any = UNSET,
    *,
    event: str | None = None,
    id: str | int | None = None,  # noqa: A002 - as the field is called
    retry: int | None = None,
    comment: str | None = None,
) -> Event:
    r"""Return an event for ``sse``.

    Args:
        data: text, of as many lines as it has; or any other value, to be sent as JSON.
        event: the type of the event, if it is not ``message``.
        id: what the client is to send as ``Last-Event-ID`` when it comes back; ``""`` for nothing.
        retry: milliseconds that the client is to let pass before it comes back.
        comment: text for whoever looks at the wire; clients skip it.

    Raises:
        TypeError: an argument is of a wrong type, or *data* is no JSON.
        ValueError: an argument has what its field cannot hold, or there is nothing to send.

    Example:
        >>> event({"n": 1}, id=7).encode()
        b'id: 7\ndata: {"n": 1}\n\n'
    """
    text = None if isinstance(data, Unset) else _data(data)
    made = Event(
        text,
        _field("event", event),
        _field("id", str(id) if isinstance(id, int) and not isinstance(id, bool) else id),
        _milliseconds(retry),
        _text("comment", comment),
    )
    if made == Event():
        raise ValueError("event() says nothing: give data=, event=, id=, retry= or comment=.")
    if made.event is not None and made.data is None:
        raise ValueError(
            f"event={event!r} without data would reach nobody: clients drop an event that has "
            f'none. For an empty one, give data="".'
        )
    return made


def _data(data: Any) -> str:
    if isinstance(data, str):
        return _sendable("data", data)
    if isinstance(data, bytes):
        raise TypeError(
            f"data must be text, or a value to be sent as JSON, not bytes: {data!r:.60}"
        )
    try:
        return json.dumps(data)
    except (TypeError, ValueError, RecursionError) as exc:
        raise TypeError(f"data must be text, or serialisable as JSON: {exc}") from exc


def _sendable(name: str, text: str) -> str:
    encode_text(name, text)
    return text


def _text(name: str, value: Any) -> str | None:
    return None if value is None else _sendable(name, value)


def _field(name: str, value: Any) -> str | None:
    text = _text(name, value)
    if text is not None and any(char in text for char in "\r\n\0"):
        raise ValueError(f"{name} must not contain CR, LF or NUL: {text!r}")
    return text


def _milliseconds(retry: Any) -> int | None:
    if retry is None:
        return None
    if isinstance(retry, bool) or not isinstance(retry, int):
        kind = type(retry).__name__
        raise TypeError(f"retry must be an int, of milliseconds, not {kind}: {retry!r:.60}")
    if retry < 0:
        raise ValueError(f"retry must be at least 0, not {retry}")
    return retry


class EventStream(Stream):
    """A stream of events.

    Args:
        source: where the events come from.
        head: the status, the reason and the headers.
        pace: how long to wait between two events.
        keep_alive: seconds from one comment to the next; None for no comments.
    """

    __slots__ = ("keep_alive",)

    def __init__(
        self, source: Source, head: StaticReply, pace: Pace, keep_alive: float | None = None
    ) -> None:
        super().__init__(source, head, pace)
        self.keep_alive = keep_alive

    async def _send(
        self,
        pieces: AsyncGenerator[bytes],
        response: StreamResponse,
        request: AiointerceptRequest,
    ) -> None:
        if self.keep_alive is None:
            await super()._send(pieces, response, request)
            return
        comments = asyncio.ensure_future(_send_comments(response, self.keep_alive))
        try:
            await super()._send(pieces, response, request)
        finally:
            comments.cancel()
            # That the client has gone is for the events to find out.
            await asyncio.gather(comments, return_exceptions=True)

    def _compared(self) -> tuple[object, ...]:
        return (*super()._compared(), self.keep_alive)


async def _send_comments(response: StreamResponse, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await response.write(_KEEP_ALIVE)


def sse(
    events: Pieces,
    *,
    every: Delay = 0,
    virtual: bool = False,
    keep_alive: float | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    reason: str | None = None,
) -> EventStream:
    """Return a reply that is a stream of server-sent events.

    It has ``Cache-Control: no-cache``, unless *headers* say otherwise. For the rest it is as
    ``stream``: paced, held up by a client that does not read, closed when the client goes away.

    Args:
        events: the events: a list, another iterable, an async one, or a function that returns one
            of these. It gets the request if it takes an argument, and finds where the client
            left off in ``request.headers.get("Last-Event-ID")``. An event is what ``event``
            returns; or its data alone, as text or as a value to be sent as JSON.
        every: seconds to wait between two events, or a distribution of them.
        virtual: do not wait: see ``delayed``.
        keep_alive: seconds from one comment that keeps the connection alive to the next.
        status: the status code.
        headers: response headers; a multidict may repeat a name.
        reason: the reason phrase, if not the usual one of the status.

    Raises:
        TypeError: an argument, or an event in a list, is of a wrong type.
        ValueError: an argument is out of range, or HTTP allows no body with *status*.

    Example:
        >>> sse([event("hello", id=1), {"n": 2}], every=0.1)
        <EventStream 200 OK, 2 pieces, every 0.1 s>
    """
    _check_keep_alive(keep_alive, virtual=virtual)
    every_header = checked_headers(headers)
    every_header.setdefault(hdrs.CACHE_CONTROL, "no-cache")
    head = head_of_stream(status, every_header, _TYPE, reason)
    pace = Pace("every", every, virtual=virtual)
    return EventStream(Source("sse", events, _encoded), head, pace, keep_alive)


def _check_keep_alive(keep_alive: float | None, *, virtual: bool) -> None:
    if keep_alive is None:
        return
    if checked_seconds("keep_alive", keep_alive) == 0:
        raise ValueError("keep_alive must be more than 0 seconds")
    if virtual:
        raise ValueError(
            "keep_alive= is in real time, and with virtual=True none passes: leave one of them out."
        )


def _encoded(one: Any) -> bytes:
    return (one if isinstance(one, Event) else event(one)).encode()
