"""What a mock was asked and what it answered, for the reader of a failed test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from .replies.static import StaticReply
from .routing.reading import described_body
from .routing.values import shortened

if TYPE_CHECKING:
    from .journal.request import AiointerceptRequest
    from .mock import aiointercept
    from .routing.route import Route

__all__ = ("transcript",)

_SHOWN: Final = 50
_FRAMES: Final = 20


def transcript(mock: aiointercept) -> str:
    """Return what *mock* was asked and what it answered, request by request, bodies shortened.

    Of more than fifty requests the last fifty are shown. Those that were let through stand behind.
    """
    calls, passed = mock.calls, mock.passed_through
    if not calls and not passed:
        return "No request was made."
    shown = calls[-_SHOWN:]
    left_out = mock.call_count - len(shown)
    lines = [f"… {left_out} before these"] if left_out else []
    for number, call in enumerate(shown, left_out + 1):
        lines.append(f"{number}. {call.method} {call.url}")
        lines += [f"   {line}" for line in _story(call)]
    lines += [f"Let through: {request.method} {request.url}" for request in passed[-_SHOWN:]]
    return "\n".join(lines)


def _story(call: AiointerceptRequest) -> Iterator[str]:
    if call.captured_body:
        yield f"asked with {described_body(call)}"
    if call.attempts > 1:
        yield f"asked {call.attempts} times: aiohttp repeats a request whose connection breaks"
    if call.route is None:
        yield "met no route"
        return
    yield f"answered by {_described_route(call.route)}"
    yield f"with {_described_reply(call.route.reply)}"
    frames = call.frames
    if len(frames) > _FRAMES:
        yield f"… {len(frames) - _FRAMES} frames before these"
    yield from map(str, frames[-_FRAMES:])


def _described_route(route: Route) -> str:
    where = f", registered at {route.registered_at}" if route.registered_at else ""
    return f"{route}{where}"


def _described_reply(reply: Any) -> str:
    """Say what *reply* answers, as far as that is known without a request."""
    if not isinstance(reply, StaticReply):
        return repr(reply)
    status = f"{reply.status} {reply.reason}".rstrip()
    if not reply.body:
        return f"{status}, no body"
    kind = reply.headers.get("Content-Type", "no content type")
    return f"{status}, {kind}, {len(reply.body)} bytes: {shortened(reply.body)}"
