"""A WebSocket's script: a list of steps, played one after the other to one client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType

from ..journal.frames import DATA, RECEIVED, Frame, frame_of
from .steps import Drop, ExpectClose, SendClose, Step, UnmetStepError

if TYPE_CHECKING:
    from aiohttp.web import WebSocketResponse

    from ..journal.frames import Conversation
    from ..journal.request import AiointerceptRequest

__all__ = ("Script", "checked_script")

_OUR_END = (Drop, SendClose)
_LAST = (*_OUR_END, ExpectClose)
_CONTROL = {WSMsgType.PING, WSMsgType.PONG}
_REASON = 123  # bytes of a close's reason: RFC 6455 section 5.5
_LEFT = "The mock was left before that came."


@dataclass(frozen=True, repr=False)
class Script:
    """What the mock waits for and sends, in order."""

    steps: tuple[Step, ...]

    async def play(
        self,
        socket: WebSocketResponse,
        request: AiointerceptRequest,
        conversation: Conversation,
        *,
        autoping: bool,
    ) -> None:
        """Play the script; what was not met is noted, and the client told by closing."""
        stage = _Stage(socket, request, autoping=autoping)
        for number, step in enumerate(self.steps, 1):
            if isinstance(step, _OUR_END):
                # It is done when it is sent; how the client takes it is no part of the script.
                conversation.problem = None
                await step.play(stage)
                return
            # Nobody tells of the end of a mock that is left, so this stands until the step is done.
            conversation.problem = self._unmet(request, number, _LEFT)
            try:
                await step.play(stage)
            except asyncio.CancelledError:
                conversation.problem = self._unmet(request, number, "The connection was lost.")
                raise
            except (UnmetStepError, ConnectionError) as exc:
                conversation.problem = self._unmet(request, number, _cause(exc))
                reason = f"step {number} was not met: {step}".encode()[:_REASON]
                # The cut may have gone through a character.
                whole = reason.decode(errors="ignore").encode()
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=whole)
                return
        conversation.problem = None

    def _unmet(self, request: AiointerceptRequest, number: int, what: str) -> str:
        route = request.route
        where = f" (registered at {route.registered_at})" if route and route.registered_at else ""
        step = self.steps[number - 1]
        return (
            f"Step {number} of {len(self.steps)} of the script of "
            f"{route or request.url}{where} was not met: {step}. {what}"
        )

    def __repr__(self) -> str:
        return f"[{', '.join(map(repr, self.steps))}]"


class _Stage:
    """The mock's end of a WebSocket, as the steps of a script use it."""

    def __init__(
        self, socket: WebSocketResponse, request: AiointerceptRequest, *, autoping: bool
    ) -> None:
        self.last: Frame | None = None
        self._socket = socket
        self._request = request
        self._autoping = autoping

    async def receive(self, types: frozenset[WSMsgType], timeout: float | None) -> Frame:
        """Return the next frame that counts: pings and pongs do if they are waited for."""
        clock = asyncio.get_running_loop().time
        deadline = None if timeout is None else clock() + timeout
        while True:
            left = None if deadline is None else max(deadline - clock(), 1e-6)
            try:
                message = await self._socket.receive(left)
            except asyncio.TimeoutError:
                raise UnmetStepError(f"Nothing came within {timeout:g} seconds.") from None
            if message.type is WSMsgType.PING and self._autoping:
                await self._socket.pong(message.data)
            if message.type not in _CONTROL or message.type in types:
                return self._taken(message)

    def _taken(self, message: Any) -> Frame:
        if message.type is WSMsgType.ERROR:
            raise UnmetStepError(f"What came is no WebSocket frame: {message.data}.")
        if message.type in {WSMsgType.CLOSING, WSMsgType.CLOSED}:
            raise UnmetStepError("The connection was closed.")
        frame = frame_of(RECEIVED, message.type, message.data, message.extra, time.time())
        if frame.type in DATA:
            self.last = frame
        return frame

    async def send(self, frame_type: WSMsgType, data: Any) -> None:
        """Send a frame."""
        if frame_type is WSMsgType.TEXT:
            await self._socket.send_str(data)
        elif frame_type is WSMsgType.BINARY:
            await self._socket.send_bytes(data)
        elif frame_type is WSMsgType.PING:
            await self._socket.ping(data)
        else:
            await self._socket.pong(data)

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait until the client has, too."""
        await self._socket.close(code=code, message=reason.encode())

    def drop(self) -> None:
        """End the connection without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()


def _cause(exc: Exception) -> str:
    return str(exc) if isinstance(exc, UnmetStepError) else f"The client had gone: {exc}."


def checked_script(steps: Sequence[Any]) -> Script:
    """Make the script of *steps*.

    Raises:
        TypeError: one of them is no step.
        ValueError: there are none, or some stand behind the end.
    """
    if not steps:
        raise ValueError("An empty script would close at once: [close()] says so.")
    for number, step in enumerate(steps, 1):
        if not isinstance(step, Step):
            raise TypeError(_no_step(number, step))
        if isinstance(step, _LAST) and number < len(steps):
            raise ValueError(
                f"script: step {number}, {step}, ends it; leave out what stands behind it."
            )
    return Script(tuple(steps))


def _no_step(number: int, step: Any) -> str:
    name = getattr(step, "__name__", "")
    called = f" Write {name}(...)." if callable(step) and name else ""
    return (
        f"script: step {number} must be expect(...), send(...), ping(), close() or another of "
        f"replies' steps, not {type(step).__name__}: {step!r:.60}.{called}"
    )
