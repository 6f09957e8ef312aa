"""What a reply may be made of: ``reply=`` and callbacks take whatever is natural to write."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from aiohttp import hdrs
from aiohttp.web_exceptions import HTTPException
from aiohttp.web_response import Response, StreamResponse
from multidict import CIMultiDict

from .calling import check_call, name_of
from .checked import checked_status
from .failure import failure
from .function import FunctionReply
from .reply import BaseReply
from .static import StaticReply, static_reply

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = (
    "HandlerReply",
    "Repliable",
    "as_replies",
    "as_reply",
    "reading_itself",
    "respond",
)

Repliable: TypeAlias = Any
"""A reply, or what one is made of: see ``as_reply``."""

_KINDS: Final = (
    "a reply, an aiohttp handler or response, a CallbackResult, a dict or list (JSON), str, bytes, "
    "an int (the status), a (status, body) pair, a generator, or an exception"
)
_TEXT_TYPE: Final = "text/plain; charset=utf-8"
_BYTES_TYPE: Final = "application/octet-stream"
_RESULT_PARTS: Final = ("status", "body", "headers", "content_type", "reason")
# In one call, as callbacks return one for every request.
_parts_of_result: Final = attrgetter(*_RESULT_PARTS, "payload")


def as_reply(value: Repliable) -> Reply:  # noqa: C901, PLR0911, PLR0912 - a table, a line a kind
    """Return the reply that *value* is, or that it stands for.

    Args:
        value: a reply of this package; an aiohttp handler, plain or async, that may return
            anything of this list; an ``aiohttp.web.Response``; a ``CallbackResult``; a dict or
            list, sent as JSON; a str, sent as plain text; bytes; an int, the status of an empty
            response; a pair of status and one of these bodies; a generator, plain or async, whose
            pieces are streamed; an exception or a class of them.

    Raises:
        TypeError: it is none of these.
        ValueError: it cannot be sent as HTTP.
    """
    match value:
        case BaseReply():
            return value
        case StreamResponse():  # which every `web.HTTPException` is, too
            return _of_response(value)
        case BaseException():
            return failure(value)
        case type() if issubclass(value, HTTPException):
            return _of_response(value())
        case type() if issubclass(value, BaseException):
            return failure(value)
        case bool():
            pass
        case int():
            return _static(None, value)
        case (int() as status, body) if isinstance(value, tuple):
            return _static(body, status)
        case dict() | list() | str() | bytes() | bytearray() | memoryview():
            return _static(cast("Any", value))
        case _ if (parts := _result_parts(value)) is not None:
            return _of_result(*parts)
        case _ if hasattr(value, "effect"):
            raise TypeError(f"reply must be a fault, not what makes one: {value!r}. Call it.")
        case _ if callable(value) and not isinstance(value, type):
            return HandlerReply(value)
        case AsyncIterable() | Iterator():
            from .streams import stream

            return stream(cast("Any", value))
        case _:
            pass
    raise TypeError(f"reply must be {_KINDS}, not {type(value).__name__}: {value!r:.60}")


def as_replies(values: Sequence[Repliable], argument: str = "replies") -> tuple[Reply, ...]:
    """Return the replies that *values* are or stand for.

    Raises:
        TypeError: one of them stands for none; the message says which.
        ValueError: one of them cannot be sent as HTTP.
    """
    return tuple(_item(f"{argument}[{index}]", value) for index, value in enumerate(values))


def _item(argument: str, value: Repliable) -> Reply:
    try:
        return as_reply(value)
    except (TypeError, ValueError) as exc:
        raise type(exc)(f"{argument}: {exc}") from exc


def _static(body: Any, status: int = 200) -> StaticReply:
    if body is None:
        return StaticReply(checked_status(status))
    if isinstance(body, str):
        return static_reply(status=status, body=body, content_type=_TEXT_TYPE)
    if isinstance(body, (bytes, bytearray, memoryview)):
        data = bytes(cast("bytes", body))
        return static_reply(status=status, body=data, content_type=_BYTES_TYPE)
    return static_reply(status=status, json=body)


def _result_parts(value: object) -> tuple[Any, ...] | None:
    """Return what a ``CallbackResult`` is made of; other libraries' have the same attributes."""
    try:
        return _parts_of_result(value)
    except AttributeError:
        return None


def _of_result(
    status: int, body: Any, headers: Any, content_type: str | None, reason: str | None, payload: Any
) -> Reply:
    said: Any = {
        "status": status,
        "headers": headers,
        "content_type": content_type,
        "reason": reason,
    }
    if payload is not None:
        return static_reply(json=payload, **said)
    if not isinstance(body, (str, bytes)) and isinstance(body, AsyncIterable):
        from .streams import stream

        return stream(cast("Any", body), **said)
    return static_reply(body=body, **said)


def _of_response(response: StreamResponse) -> StaticReply:
    body = response.body if isinstance(response, Response) else ...
    if isinstance(body, bytes) or body is None:
        headers: CIMultiDict[str] = CIMultiDict(response.headers)
        for cookie in response.cookies.values():
            headers.add(hdrs.SET_COOKIE, cookie.OutputString())
        if response.keep_alive is False:
            headers[hdrs.CONNECTION] = "close"
        return StaticReply(response.status, body or b"", headers, response.reason)
    raise TypeError(
        f"reply: a {type(response).__name__} can be sent once, and holds no body that could be "
        f"copied. Give a function that makes one for each request: reply=lambda request: ..."
    )


class HandlerReply(FunctionReply):
    """A reply that asks a function of the request, as ``aiohttp.web`` does its handlers.

    Args:
        handler: called as ``handler(request)``; what it returns may be anything that ``as_reply``
            takes.
        reads_body: whether the body is read before the handler is called.
    """

    __slots__ = ("handler", "reads_body")

    def __init__(
        self, handler: Callable[[AiointerceptRequest], Any], *, reads_body: bool = True
    ) -> None:
        check_call(handler, "a reply's handler", "request")
        self.handler = handler
        self.reads_body = reads_body

    def ask(self, request: AiointerceptRequest) -> Any:
        """Call the handler."""
        return self.handler(request)

    def reply_to(self, result: Any) -> Reply:
        """Return the reply that the handler asked for by returning *result*."""
        return returned(result, f"handler {name_of(self.handler)}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HandlerReply) and other.handler == self.handler

    def __hash__(self) -> int:
        return hash(self.handler)

    def __repr__(self) -> str:
        return f"<HandlerReply {name_of(self.handler)}>"


def reading_itself(reply: Reply) -> HandlerReply:
    """Return *reply* such that it reads the body of its requests itself."""
    if isinstance(reply, HandlerReply):
        return HandlerReply(reply.handler, reads_body=False)
    raise ValueError(
        f"read_body=False is for a function that reads the body itself, as callback= or as reply=, "
        f"not for {reply!r}."
    )


async def respond(result: Any, request: AiointerceptRequest, who: str) -> StreamResponse:
    """Return the response that a function of the test asked for by returning *result*.

    Args:
        result: anything that ``as_reply`` takes, or a response of any kind.
        request: the request to answer.
        who: the function, as a message is to call it.
    """
    return await returned(result, who)(request)


def returned(result: Any, who: str) -> Reply:
    """Return the reply that a function of the test asked for; the arguments are ``respond``'s."""
    if isinstance(result, StreamResponse):
        return _Returned(result, who)
    try:
        return as_reply(result)
    except (TypeError, ValueError) as exc:
        raise type(exc)(f"{who} returned a bad result: {exc}") from exc


class _Returned(BaseReply):
    """A response that a function has made for one request."""

    __slots__ = ("_response", "_who")

    def __init__(self, response: StreamResponse, who: str) -> None:
        self._response = response
        self._who = who

    async def __call__(self, request: AiointerceptRequest) -> StreamResponse:
        """Return the response."""
        if isinstance(self._response, HTTPException):
            # aiohttp's server takes these raised, and warns of those that are returned.
            raise self._response
        if self._response.prepared and not await _answers(self._response, request):
            raise TypeError(
                f"{self._who} returned a response that has been sent already: {self._response!r}. "
                f"Make a new one for each request."
            )
        return self._response


async def _answers(response: StreamResponse, request: AiointerceptRequest) -> bool:
    """Tell whether *response*, which has been begun, is the answer to *request*."""
    writer = await response.prepare(request)  # of what has begun, the writer; None at its end
    return request.writer.output_size > 0 if writer is None else writer is request.writer
