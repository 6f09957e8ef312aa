"""What went over a WebSocket, both ways: its frames as values, and what a test asserts of them.

A frame is kept as a plain tuple until somebody looks, so that recording slows nothing down.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import zip_longest
from time import time as now
from typing import Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

from aiohttp import WSMsgType

from ..routing.values import shortened

__all__ = (
    "DATA",
    "RECEIVED",
    "SENT",
    "Conversation",
    "Direction",
    "Expected",
    "Frame",
    "assert_frames",
    "frame_of",
)

Direction: TypeAlias = Literal["received", "sent"]

RECEIVED: Final = "received"
SENT: Final = "sent"
DATA: Final = frozenset({WSMsgType.TEXT, WSMsgType.BINARY})
"""The types of frames that are messages; the others are pings, pongs and closes."""

_LISTED = 20


@dataclass(frozen=True, repr=False)
class Frame:
    """A frame of a WebSocket, with the attributes of aiohttp's ``WSMessage``.

    Attributes:
        direction: ``"received"`` from the client, or ``"sent"`` to it.
        type: an ``aiohttp.WSMsgType``: ``TEXT``, ``BINARY``, ``PING``, ``PONG`` or ``CLOSE``.
        data: a str of a text, bytes of binary data, a ping or a pong, and of a close its code, 0 if
            it has none.
        extra: the reason of a close.
        time: when it was sent, or taken off the wire, in UTC.
    """

    direction: Direction
    type: WSMsgType
    data: Any
    extra: str = ""
    time: datetime = field(default=datetime.min.replace(tzinfo=timezone.utc), compare=False)

    @property
    def text(self) -> str:
        """The data as text, of a close its reason; what is no UTF-8 becomes U+FFFD."""
        if self.type is WSMsgType.CLOSE:
            return self.extra
        return self.data if isinstance(self.data, str) else self.data.decode(errors="replace")

    def json(self) -> Any:
        """Return the data parsed as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.text)

    @property
    def content(self) -> str:
        """What it is, its direction apart, in a form for messages."""
        kind = self.type.name.lower()
        if self.type is not WSMsgType.CLOSE:
            return f"{kind} {shortened(self.data)}"
        code = self.data or "without a code"
        return f"{kind} {code} {self.extra!r}" if self.extra else f"{kind} {code}"

    def __str__(self) -> str:
        return f"{self.direction} {self.content}"

    def __repr__(self) -> str:
        return f"<Frame {self}>"


Kept: TypeAlias = "tuple[Direction, int, Any, str, float]"


class Conversation:
    """What is known of one WebSocket.

    Attributes:
        problem: what leaving the mock is to complain of, or None.
    """

    __slots__ = ("_kept", "problem")

    def __init__(self) -> None:
        self._kept: list[Kept] = []
        self.problem: str | None = None

    def keep(self, direction: Direction, kind: int, data: Any, extra: str = "") -> Kept:
        """Add a frame, and return what ``discard`` takes. Safe to call from any thread."""
        kept = direction, kind, data, extra, now()
        self._kept.append(kept)
        return kept

    def discard(self, kept: Kept) -> None:
        """Take back a frame that could not be sent after all."""
        self._kept.remove(kept)

    @property
    def cut(self) -> str:
        """How much is kept of it, if not all, in words."""
        return ""

    @property
    def frames(self) -> list[Frame]:
        """The frames, in order."""
        return [frame_of(*kept) for kept in tuple(self._kept)]


def frame_of(direction: Direction, kind: int, data: Any, extra: str, time: float) -> Frame:
    """Return the frame of what aiohttp has made of it, or was given for it."""
    if isinstance(data, bytearray):
        data = bytes(data)
    if kind == WSMsgType.TEXT and isinstance(data, bytes):
        data = data.decode()
    when = datetime.fromtimestamp(time, timezone.utc)
    return Frame(direction, WSMsgType(kind), data, extra, when)


@runtime_checkable
class Expected(Protocol):
    """What a frame is compared with; the steps of a script are."""

    @property
    def direction(self) -> str:
        """Whether the mock is to receive it or to send it."""
        ...

    @property
    def types(self) -> frozenset[WSMsgType]:
        """The types that the frame may have."""
        ...

    def fits(self, frame: Frame) -> bool:
        """Tell whether *frame*, of the right direction and type, is what was expected."""
        ...

    def differences(self, frame: Frame) -> Iterable[str]:
        """Say where *frame* differs, if there is more to say than what it is."""
        ...


def is_met(expected: Expected, frame: Frame) -> bool:
    """Tell whether *frame* is what was expected."""
    right_kind = frame.direction == expected.direction and frame.type in expected.types
    return right_kind and expected.fits(frame)


def assert_frames(frames: Sequence[Frame], expected: Iterable[Any], whose: object) -> None:
    """Assert what went over a WebSocket.

    Args:
        frames: what went over it.
        expected: steps of a script, which say the same of a conversation that is over.
        whose: how a message calls it.

    Raises:
        TypeError: something expected is no frame.
        AssertionError: they differ; the message shows all of them side by side.
    """
    wanted = [_checked(one) for one in expected]
    # Who does not speak of pings, pongs and closes does not care for them.
    types = DATA.union(*(one.types for one in wanted))
    came = [frame for frame in _without_answer(frames) if frame.type in types]
    pairs = list(zip_longest(wanted, came))
    wrong = [n for n, (one, frame) in enumerate(pairs) if not _agree(one, frame)]
    if wrong:
        first = max(0, min(wrong[0] - _LISTED // 2, len(pairs) - _LISTED))
        lines = [f"  … {first} as expected before these"] if first else []
        for number, (one, frame) in enumerate(pairs[first : first + _LISTED], first + 1):
            lines += _compared(number, one, frame)
        if first + _LISTED < len(pairs):
            lines.append(f"  … and {len(pairs) - first - _LISTED} more")
        raise AssertionError("\n".join([f"The frames of {whose} are not as expected:", *lines]))


def _without_answer(frames: Sequence[Frame]) -> Iterator[Frame]:
    """Leave out the close that answers the other end's, and may still be on its way."""
    for frame in frames:
        yield frame
        if frame.type is WSMsgType.CLOSE:
            break


def _checked(one: Any) -> Expected:
    if isinstance(one, Expected):
        return one
    raise TypeError(
        f"frames are compared with expect(...), send(...), ping(), close() and so on, as a script "
        f"has them, not with {one!r:.60}"
    )


def _agree(one: Expected | None, frame: Frame | None) -> bool:
    return one is not None and frame is not None and is_met(one, frame)


def _compared(number: int, one: Expected | None, frame: Frame | None) -> list[str]:
    if one is None:
        return [f"✗ {number}. {frame}, where nothing was expected"]
    if frame is None:
        return [f"✗ {number}. nothing, where {one} was expected"]
    if is_met(one, frame):
        return [f"✓ {number}. {frame}"]
    told = one.differences(frame) if frame.direction == one.direction else ()
    return [f"✗ {number}. {frame}, where {one} was expected", *(f"    {line}" for line in told)]
