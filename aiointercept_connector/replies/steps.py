"""The steps of a WebSocket's script: what the mock waits for, and what it sends.

A step is a frozen value. The same steps say of a conversation that is over what it should have
been: see ``assert_frames``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol, cast

from aiohttp import WSMsgType

from ..journal.frames import DATA, RECEIVED, SENT, Frame
from ..routing.values import (
    is_array,
    is_object,
    is_pattern,
    json_differences,
    json_equal,
    shortened,
)
from ..unset import UNSET, is_any

__all__ = (
    "BYTES",
    "PATIENCE",
    "Drop",
    "Expect",
    "ExpectClose",
    "ExpectControl",
    "Send",
    "SendClose",
    "SendControl",
    "Stage",
    "Step",
    "UnmetStepError",
    "Wait",
    "as_message",
)

BYTES: Final = (bytes, bytearray, memoryview)
"""What is sent as binary data."""

PATIENCE: Final = 5.0
"""How long a step waits for the client if nothing is said, in seconds."""


class UnmetStepError(Exception):
    """The client did not do what a step waits for; its text says what came in place of that."""


class Stage(Protocol):
    """What a step is played on."""

    last: Frame | None
    """The message that was received last."""

    async def receive(self, types: frozenset[WSMsgType], timeout: float | None) -> Frame:
        """Return the next frame; pings and pongs only if they are among *types*."""
        ...

    async def send(self, frame_type: WSMsgType, data: Any) -> None:
        """Send a frame."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait until the client has, too."""
        ...

    def drop(self) -> None:
        """End the connection without a word."""
        ...


class Step:
    """A step of a script."""

    async def play(self, stage: Stage) -> None:
        """Do what the step says.

        Raises:
            UnmetStepError: the client did something else, or nothing.
        """
        raise NotImplementedError


class _Expecting(Step):
    """A step that waits for a frame."""

    direction: ClassVar[str] = RECEIVED
    types: frozenset[WSMsgType]
    timeout: float | None

    async def play(self, stage: Stage) -> None:
        frame = await stage.receive(self.types, self.timeout)
        if frame.type not in self.types or not self.fits(frame):
            raise UnmetStepError("\n  ".join([f"Got {frame.content}.", *self.differences(frame)]))

    def fits(self, frame: Frame) -> bool:
        """Tell whether *frame* is the one."""
        raise NotImplementedError

    def differences(self, frame: Frame) -> Iterable[str]:
        """Say where *frame* differs, if there is more to say than what it is."""
        return ()

    def _until(self) -> str:
        return "" if self.timeout == PATIENCE else f", timeout={self.timeout:g}"


@dataclass(frozen=True, repr=False)
class Expect(_Expecting):
    """Waits for a message."""

    types = DATA
    expected: Any
    subset: bool = False
    timeout: float | None = PATIENCE

    def fits(self, frame: Frame) -> bool:
        """Tell whether *frame* is the message."""
        expected = self.expected
        if self.subset:
            return _is_json(frame) and json_equal(expected, frame.json(), subset=True)
        if is_any(expected):
            return True
        if isinstance(expected, (str, bytes)):
            return type(expected) is type(frame.data) and bool(expected == frame.data)
        if is_pattern(expected):
            same = isinstance(expected.pattern, str) == isinstance(frame.data, str)
            return same and expected.search(frame.data) is not None
        if callable(expected):
            return bool(expected(frame))
        return _is_json(frame) and json_equal(expected, frame.json())

    def differences(self, frame: Frame) -> Iterator[str]:
        """Say where a message that is JSON differs from what was expected."""
        return _json_differences(self.expected, frame, subset=self.subset)

    def __repr__(self) -> str:
        name = "json_subset=" if self.subset else ""
        return f"expect({name}{_shown(self.expected)}{self._until()})"


@dataclass(frozen=True, repr=False)
class ExpectControl(_Expecting):
    """Waits for a ping or a pong."""

    type: WSMsgType
    payload: Any = UNSET
    timeout: float | None = PATIENCE
    types: frozenset[WSMsgType] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", frozenset({self.type}))

    def fits(self, frame: Frame) -> bool:
        """Tell whether it carries the payload."""
        return self.payload is UNSET or bool(self.payload == frame.data)

    def __repr__(self) -> str:
        payload = "" if self.payload is UNSET else shortened(self.payload)
        return f"expect_{self.type.name.lower()}({payload})"


@dataclass(frozen=True, repr=False)
class ExpectClose(_Expecting):
    """Waits until the client closes."""

    types = frozenset({WSMsgType.CLOSE})
    code: int | None = None
    timeout: float | None = PATIENCE

    def fits(self, frame: Frame) -> bool:
        """Tell whether it closes with the code."""
        return self.code is None or bool(self.code == frame.data)

    def __repr__(self) -> str:
        return f"expect_close({'' if self.code is None else self.code}{self._until()})"


@dataclass(frozen=True, repr=False)
class Send(Step):
    """Sends a message."""

    direction = SENT
    types = DATA
    value: Any

    async def play(self, stage: Stage) -> None:
        """Send it."""
        value = self.value(stage.last) if callable(self.value) else self.value
        await stage.send(*as_message(value))

    def fits(self, frame: Frame) -> bool:
        """Tell whether it was sent; of what a function gave nothing is known."""
        if callable(self.value):
            return True
        if isinstance(self.value, (str, bytes)):
            return as_message(self.value) == (frame.type, frame.data)
        return _is_json(frame) and json_equal(self.value, frame.json())

    def differences(self, frame: Frame) -> Iterator[str]:
        """Say where JSON that was sent differs."""
        return _json_differences(self.value, frame)

    def __repr__(self) -> str:
        return f"send({_shown(self.value)})"


@dataclass(frozen=True, repr=False)
class SendControl(Step):
    """Sends a ping or a pong."""

    direction = SENT
    type: WSMsgType
    payload: bytes = b""

    @property
    def types(self) -> frozenset[WSMsgType]:
        """Its one type."""
        return frozenset({self.type})

    async def play(self, stage: Stage) -> None:
        """Send it."""
        await stage.send(self.type, self.payload)

    def fits(self, frame: Frame) -> bool:
        """Tell whether it was sent."""
        return bool(self.payload == frame.data)

    def differences(self, frame: Frame) -> Iterable[str]:
        """Say nothing more."""
        return ()

    def __repr__(self) -> str:
        return f"{self.type.name.lower()}({shortened(self.payload) if self.payload else ''})"


@dataclass(frozen=True, repr=False)
class SendClose(Step):
    """Closes the WebSocket."""

    direction = SENT
    types = frozenset({WSMsgType.CLOSE})
    code: int = 1000
    reason: str = ""

    async def play(self, stage: Stage) -> None:
        """Close."""
        await stage.close(self.code, self.reason)

    def fits(self, frame: Frame) -> bool:
        """Tell whether it was closed so."""
        return (self.code, self.reason) == (frame.data, frame.extra)

    def differences(self, frame: Frame) -> Iterable[str]:
        """Say nothing more."""
        return ()

    def __repr__(self) -> str:
        return f"close({self.code}, {self.reason!r})" if self.reason else f"close({self.code})"


@dataclass(frozen=True, repr=False)
class Drop(Step):
    """Loses the connection."""

    async def play(self, stage: Stage) -> None:
        """End the connection."""
        stage.drop()

    def __repr__(self) -> str:
        return "drop()"


@dataclass(frozen=True, repr=False)
class Wait(Step):
    """Does nothing for a while."""

    seconds: float

    async def play(self, stage: Stage) -> None:
        """Wait."""
        await asyncio.sleep(self.seconds)

    def __repr__(self) -> str:
        return f"wait({self.seconds:g})"


def as_message(value: Any) -> tuple[WSMsgType, str | bytes]:
    """Return the type and data of the frame that *value* is sent as."""
    if isinstance(value, str):
        return WSMsgType.TEXT, value
    if isinstance(value, BYTES):
        return WSMsgType.BINARY, bytes(cast("bytes", value))
    try:
        return WSMsgType.TEXT, json.dumps(value)
    except (TypeError, ValueError, RecursionError) as exc:
        raise TypeError(
            f"send() takes a str, bytes, a value that is JSON, or a function of the last message "
            f"that returns one of these: {exc}"
        ) from exc


def _is_json(frame: Frame) -> bool:
    try:
        frame.json()
    except (ValueError, RecursionError):
        return False
    return True


def _json_differences(expected: Any, frame: Frame, *, subset: bool = False) -> Iterator[str]:
    """Say where a message differs from an object or array; of other values all is said."""
    if (is_object(expected) or is_array(expected)) and frame.type in DATA and _is_json(frame):
        yield from json_differences(expected, frame.json(), subset=subset)


def _shown(value: Any) -> str:
    if is_pattern(value):
        return f"re.compile({value.pattern!r})"
    if is_any(value):
        return "ANY"
    return getattr(value, "__qualname__", None) or shortened(value)
