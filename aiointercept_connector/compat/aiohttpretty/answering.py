"""What answers: options as ``register_uri`` takes them, or a list of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, MutableSequence
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import hdrs

from ...replies.checked import checked_headers, checked_status
from ...replies.reply import BaseReply
from ...replies.static import StaticReply
from ...replies.streams import stream
from ..exact import exact_response
from .exc import ExhaustedAllResponses, InvalidBody, InvalidResponses

if TYPE_CHECKING:
    from aiohttp.web import StreamResponse

    from ...journal.request import AiointerceptRequest

__all__ = ("Options", "Registered", "checked")

Options = Mapping[str, Any]

_DEFAULT_BODY: Final = b"aiohttpretty"
_PIECE: Final = 2**16


class Registered(BaseReply):
    """A reply that is what *options* say, or the next of them, when it is asked for.

    Args:
        options: the options of a response, which are not copied; or a list of them, each of which
            answers once and is taken out.
    """

    __slots__ = ("options",)

    def __init__(self, options: Options | MutableSequence[Options]) -> None:
        self.options = options

    async def __call__(self, request: AiointerceptRequest) -> StreamResponse:
        """Answer with exactly the status, reason, headers and body that were registered."""
        options = self._next()
        body = options.get("body", _DEFAULT_BODY)
        if isinstance(body, str):
            body = body.encode()
        headers = checked_headers(options.get("headers"))
        if options.get("auto_length"):
            headers[hdrs.CONTENT_LENGTH] = str(len(body) if isinstance(body, bytes) else body.size)
        known = isinstance(body, bytes)
        return await exact_response(
            request,
            StaticReply(200, body) if known else stream(lambda: _pieces(body)),
            status=int(options.get("status", 200)),
            reason=options.get("reason", ""),
            headers=headers,
        )

    def _next(self) -> Options:
        if isinstance(self.options, Mapping):
            return self.options
        if not self.options:
            raise ExhaustedAllResponses("No responses left.")
        return self.options.pop(0)

    def __repr__(self) -> str:
        return f"<Registered {self.options!r:.60}>"


def checked(options: Options) -> Options | MutableSequence[Options]:
    """Return what answers: *options*, or the list of ``responses`` that is among them.

    Raises:
        InvalidResponses: the list is none, or one of it has ``params``.
        InvalidBody: a body is nothing that could be sent.
        TypeError: a status or a header is of a wrong type.
        ValueError: a status or a header is none that could be received.
    """
    responses: Any = options.get("responses")
    if responses is None:
        _check_response(options)
        return options
    if not isinstance(responses, MutableSequence):
        raise InvalidResponses(f"responses must be a list of dicts, not {responses!r:.60}")
    for response in cast("list[Any]", responses):
        if not isinstance(response, Mapping):
            raise InvalidResponses(f"responses must be a list of dicts; one of it is {response!r}")
        if cast("Options", response).get("params"):
            raise InvalidResponses(
                "Cannot specify params in responses, call register multiple times."
            )
        _check_response(cast("Options", response))
    return cast("MutableSequence[Options]", responses)


def _check_response(options: Options) -> None:
    body = options.get("body", _DEFAULT_BODY)
    if not isinstance(body, (bytes, str)) and not iscoroutinefunction(getattr(body, "read", None)):
        raise InvalidBody(
            f"body must be bytes, str, or have a coroutine function `read`, "
            f"not {type(body).__name__}: {body!r:.60}"
        )
    checked_headers(options.get("headers"))
    if checked_status(options.get("status", 200)) < 200:
        raise ValueError(
            f"status must be from 200 to 599, not {options['status']}: a client waits for the "
            f"response that comes after such a one"
        )


async def _pieces(body: Any) -> AsyncIterator[bytes]:
    while piece := await body.read(_PIECE):
        yield piece
