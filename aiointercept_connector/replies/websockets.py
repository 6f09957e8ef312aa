"""The reply that is a WebSocket: a handler talks over it, or a script is played."""

from __future__ import annotations

import asyncio
import inspect
import re
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from aiohttp import WSCloseCode, WSMsgType, hdrs
from aiohttp.web_exceptions import HTTPException
from aiohttp.web_response import Response, StreamResponse
from aiohttp.web_ws import WebSocketResponse

from .calling import check_is_coroutine_function, name_of
from .checked import checked_flag, checked_seconds
from .reply import BaseReply
from .script import Script, checked_script
from .steps import Step

if TYPE_CHECKING:
    from ..journal.frames import Conversation
    from ..journal.request import AiointerceptRequest

__all__ = ("MAX_MSG_SIZE", "Handler", "Talking", "WebSocketReply", "echo", "websocket")

Handler: TypeAlias = "Callable[[WebSocketResponse, AiointerceptRequest], Awaitable[Any]]"
"""Talks over a WebSocket; when it returns, the WebSocket is closed with 1000."""

Talking: TypeAlias = "Handler | Sequence[Step]"
"""What ``ws`` takes: a handler, or the steps of a script."""

_PACKAGE = f"{__name__.partition('.')[0]}."
MAX_MSG_SIZE: Final = 4 * 1024 * 1024
_PROTOCOL = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SMALLEST_WINDOW, _LARGEST_WINDOW = 9, 15  # bits; aiohttp takes no 8
_HEARTBEAT: Final = "a number of seconds, more than 0, or None"


def websocket(
    handler: Talking,
    *,
    protocols: Sequence[str] = (),
    compress: bool | int = True,
    heartbeat: float | None = None,
    autoping: bool = True,
    max_msg_size: int = MAX_MSG_SIZE,
) -> WebSocketReply:
    """Make the reply that is a WebSocket.

    Args:
        handler: a coroutine function that is called as ``handler(ws, request)`` with aiohttp's
            ``web.WebSocketResponse``, prepared already; or a list of steps (``expect``, ``send``,
            ``close`` and so on), played to one client. When they have ended, the WebSocket is
            closed with 1000.
        protocols: the subprotocols that the server knows; the client's order decides.
        compress: whether messages are compressed if the client offers it; an int from 9 to 15 is
            the window's size in bits.
        heartbeat: send a ping every so many seconds, and end the connection where no pong comes.
        autoping: answer pings by pongs.
        max_msg_size: the longest message that is received, in bytes; 0 for no limit. The client of
            a longer one is closed with 1009.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: an argument's value is not allowed.
    """
    return WebSocketReply(
        _checked_handler(handler),
        _checked_protocols(protocols),
        _checked_compress(compress),
        _checked_heartbeat(heartbeat),
        checked_flag("autoping", autoping),
        _checked_size(max_msg_size),
    )


async def echo(ws: WebSocketResponse, request: AiointerceptRequest) -> None:  # noqa: ARG001 - as handlers are called
    """Send every message back to the client, until it closes."""
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)


@dataclass(frozen=True, repr=False)
class WebSocketReply(BaseReply):
    """A reply that accepts a WebSocket; the arguments are those of ``websocket``."""

    handler: Handler | Script
    protocols: tuple[str, ...] = ()
    compress: bool | int = True
    heartbeat: float | None = None
    autoping: bool = True
    max_msg_size: int = MAX_MSG_SIZE
    answers: int | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # A script is one conversation, a handler is a server.
        object.__setattr__(self, "answers", 1 if isinstance(self.handler, Script) else None)

    async def __call__(self, request: AiointerceptRequest) -> StreamResponse:
        """Accept the WebSocket, and talk over it."""
        if request.headers.get(hdrs.UPGRADE, "").strip().lower() != "websocket":
            return _upgrade_required(request)
        socket = self._new_socket()
        await socket.prepare(request)
        conversation = request.record.begin_conversation()
        # Not imported: what a reply needs of the connection, it asks of the request.
        protocol = cast("Any", request.protocol)
        protocol.record_frames(socket, conversation)
        try:
            await self._talk(socket, request, conversation)
        except asyncio.CancelledError:
            protocol.record_unread(socket)
            raise
        return socket

    def _new_socket(self) -> WebSocketResponse:
        return WebSocketResponse(
            protocols=self.protocols,
            # aiohttp's annotation does not know the window's size.
            compress=cast("bool", self.compress),
            heartbeat=self.heartbeat,
            # A script may wait for pings, which aiohttp would keep to itself.
            autoping=self.autoping and not isinstance(self.handler, Script),
            max_msg_size=self.max_msg_size,
        )

    async def _talk(
        self, socket: WebSocketResponse, request: AiointerceptRequest, conversation: Conversation
    ) -> None:
        try:
            if isinstance(self.handler, Script):
                await self.handler.play(socket, request, conversation, autoping=self.autoping)
            else:
                await _handled(self.handler, socket, request)
        except BaseException as exc:
            if isinstance(exc, asyncio.CancelledError) and request.transport is None:
                # The client has gone, or the mock was left. Any other is of the handler's own.
                raise
            if isinstance(exc, ConnectionError) and _is_over(socket, request):
                # No fault of the handler's: a client may go at any time.
                return
            conversation.problem = self._raised(exc, request)
            if not isinstance(exc, HTTPException):
                raise
            # It would be sent as a response, into the middle of the WebSocket.
            await socket.close(code=WSCloseCode.INTERNAL_ERROR)

    def _raised(self, exc: BaseException, request: AiointerceptRequest) -> str:
        what = "script" if isinstance(self.handler, Script) else f"handler {name_of(self.handler)}"
        lines = "".join(traceback.format_exception(type(exc), exc, _frames_of_theirs(exc)))
        return f"The {what} of {request.route} raised an exception.\n{lines.rstrip()}"

    def __repr__(self) -> str:
        what = repr(self.handler) if isinstance(self.handler, Script) else name_of(self.handler)
        return f"<WebSocketReply {what:.200}>"


async def _handled(
    handler: Handler, socket: WebSocketResponse, request: AiointerceptRequest
) -> None:
    talk: Any = handler(socket, request)
    if not inspect.isawaitable(talk):
        raise TypeError(f"{name_of(handler)} must be a coroutine function: async def.")
    await talk


def _frames_of_theirs(exc: BaseException) -> TracebackType | None:
    """Return the traceback from where this package has called out."""
    frames = exc.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        frames = frames.tb_next
    return frames


def _is_over(socket: WebSocketResponse, request: AiointerceptRequest) -> bool:
    transport = request.transport
    return socket.closed or transport is None or transport.is_closing()


def _upgrade_required(request: AiointerceptRequest) -> Response:
    """Refuse a request that asks for no WebSocket (RFC 9110 section 15.5.22)."""
    text = (
        f"{request.method} {request.url} is a WebSocket, and this request asks for none: it has "
        f"no header 'Upgrade: websocket'. A client asks with session.ws_connect(). To answer "
        f"requests beside the WebSocket, register it with "
        f'match=Match(headers={{"Upgrade": "websocket"}}).'
    )
    headers = {hdrs.UPGRADE: "websocket", hdrs.CONNECTION: "Upgrade"}
    return Response(status=426, text=text, headers=headers)


def _checked_handler(handler: Any) -> Handler | Script:
    if isinstance(handler, (list, tuple)):
        return checked_script(cast("list[Any]", handler))
    if isinstance(handler, Step):
        raise TypeError(f"A script is a list of steps: [{handler!r}]")
    if not callable(handler) or isinstance(handler, type):
        raise TypeError(
            f"handler must be a coroutine function of (ws, request), or a list of steps, "
            f"not {handler!r:.60}"
        )
    if inspect.isasyncgenfunction(handler):
        raise TypeError(f"{name_of(handler)} must be a coroutine function: it has a yield.")
    _check_parameters(handler)
    check_is_coroutine_function(handler, "handler", "(ws, request)")
    return cast("Handler", handler)


def _check_parameters(handler: Callable[..., Any]) -> None:
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):  # some callables written in C have none
        return
    try:
        signature.bind("ws", "request")
    except TypeError as exc:
        raise TypeError(
            f"handler is called as {name_of(handler)}(ws, request), and takes {signature}. "
            f"A handler that makes a WebSocketResponse of its own is for add(..., reply=)."
        ) from exc


def _checked_protocols(protocols: Any) -> tuple[str, ...]:
    text = (str, bytes, bytearray, memoryview)
    if isinstance(protocols, text) or not isinstance(protocols, Sequence):
        raise TypeError(f"protocols must be a sequence of str, not {protocols!r:.60}")
    names: list[Any] = [*protocols]
    for protocol in names:
        if not isinstance(protocol, str):
            raise TypeError(f"protocols must be a sequence of str, not of {protocol!r:.60}")
        if not _PROTOCOL.fullmatch(protocol):
            raise ValueError(f"protocols: {protocol!r} cannot stand in a header's list of names")
    return tuple(names)


def _checked_compress(compress: Any) -> bool | int:
    if not isinstance(compress, int):
        raise TypeError(f"compress must be a bool or an int, not {compress!r:.60}")
    if not isinstance(compress, bool) and not _SMALLEST_WINDOW <= compress <= _LARGEST_WINDOW:
        raise ValueError(f"compress must be from 9 to 15 (bits), True or False, not {compress}")
    return compress


def _checked_heartbeat(heartbeat: Any) -> float | None:
    if heartbeat is None:
        return None
    if checked_seconds("heartbeat", heartbeat, _HEARTBEAT) == 0:
        raise ValueError(f"heartbeat must be {_HEARTBEAT}, not {heartbeat!r}")
    return cast("float", heartbeat)


def _checked_size(size: Any) -> int:
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"max_msg_size must be a number of bytes, not {size!r:.60}")
    if size < 0:
        raise ValueError(f"max_msg_size must be 0 (no limit) or more bytes, not {size}")
    return size
