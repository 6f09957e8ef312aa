"""What a fault is: a kind, a row of the table, with the arguments that it was given.

A fault is a reply like any other: a value, to be given to ``reply=`` or ``exception=``, put into
sequences, compared and printed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict, cast

from ..errors import ImpossibleFaultError
from ..replies.checked import checked_headers, checked_seconds, checked_status
from ..replies.conversion import Repliable, as_reply
from ..replies.reply import BaseReply, in_attempt

if TYPE_CHECKING:
    from aiohttp import web
    from typing_extensions import Never, Unpack

    from ..routing.route import Reply

__all__ = ("PHASES", "Effect", "Fault", "FaultOptions", "Kind", "Phase")

Phase: TypeAlias = Literal[
    "connect", "TLS", "proxy", "request", "head", "body", "after", "WebSocket", "timeout"
]
PHASES: Final[tuple[Phase, ...]] = (
    "connect", "TLS", "proxy", "request", "head", "body", "after", "WebSocket", "timeout",
)  # fmt: skip
"""When faults happen, in the order of a call."""


_SHOWN: Final = 40
_LOWEST_FINAL: Final = 200  # RFC 9110 section 15


class FaultOptions(TypedDict, total=False):
    """What faults take; each takes those of them that its row in the table names."""

    after: int
    status: int
    headers: Mapping[str, str] | None
    body: str | bytes
    seconds: float | None
    bytes_per_second: float
    code: int
    host: bool
    chunked: bool
    content: bool
    length: int | None
    virtual: bool
    attempts: int | None
    then: Repliable


class Effect:
    """How a kind of fault is made to happen.

    Attributes:
        before_request: whether it happens before there is a connection, or instead of one.
        reads_body: whether the request's body is read before it happens.
    """

    before_request = False
    reads_body = True

    def check(self, fault: Fault) -> None:
        """Raise what is wrong with a fault's arguments, taken together."""

    async def happen(self, fault: Fault, request: Any) -> web.StreamResponse:
        """Let it happen to a request that has arrived."""
        raise NotImplementedError


class Kind:
    """A kind of fault: a row of the table. Calling it makes a fault of this kind.

    Args:
        name: its name in ``faults``.
        phase: when it happens.
        text: what happens, as a clause.
        effect: how it is made to happen.
        options: the arguments it takes, with their defaults.
    """

    def __init__(
        self, name: str, phase: Phase, text: str, effect: Effect, **options: Unpack[FaultOptions]
    ) -> None:
        self.name = self.__name__ = name
        self.phase: Phase = phase
        self.text = text
        self.effect = effect
        self.options: Mapping[str, Any] = MappingProxyType(dict(options))
        self.__doc__ = f"Make the fault of which it is said: {text}. Takes {self.arguments}."

    @property
    def arguments(self) -> str:
        """What it takes, as it would be written."""
        given = [f"{name}={_shown(name, value)}" for name, value in self.options.items()]
        return ", ".join(given) or "no arguments"

    def __call__(self, *unnamed: Never, **options: Unpack[FaultOptions]) -> Fault:
        """Make a fault of this kind.

        Args:
            *unnamed: none: all arguments are given by name.
            **options: ``after``: bytes that are sent or read before it happens; ``status`` and
                ``headers``: of the response; ``body``: what it holds; ``length``: of the body, as
                the response says; ``seconds``: how long it lasts, None for ever; ``virtual``: do
                not wait; ``attempts``: how many of aiohttp's attempts at one call meet it, None
                for all; ``then``: what answers a later attempt, None for the next route. The
                table says which of these the kind takes.

        Raises:
            TypeError: an argument is unknown, or of a wrong type.
            ValueError: an argument is out of range.
            ImportError: it is a fault of TLS, and trustme is not installed.
        """
        if unnamed:
            raise TypeError(
                f"faults.{self.name}() takes its arguments by name. It has: {self.arguments}"
            )
        given = cast("dict[str, Any]", options)
        for name in given:
            if name not in self.options:
                raise TypeError(
                    f"faults.{self.name}() has no argument {name!r}. It has: {self.arguments}"
                )
        checked = {name: _CHECKS[name](name, value) for name, value in given.items()}
        fault = Fault(self, tuple(sorted(checked.items(), key=lambda item: item[0])))
        if fault.then is not None and fault["attempts"] is None:
            raise ValueError(
                f"then= answers the attempts behind those that attempts= counts, and this fault is "
                f"met by all of them: faults.{self.name}(attempts=1, then=...)"
            )
        self.effect.check(fault)
        return fault

    def __repr__(self) -> str:
        return f"<faults.{self.name}: {self.text}>"


@dataclass(frozen=True, repr=False)
class Fault(BaseReply):
    """A fault; see ``Kind``.

    Attributes:
        kind: what fault it is.
        given: the arguments that were given, by name.
    """

    kind: Kind
    given: tuple[tuple[str, Any], ...] = ()
    before_request: bool = field(init=False, compare=False)
    reads_body: bool = field(init=False, compare=False)
    _options: dict[str, Any] = field(init=False, compare=False)

    is_fault = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "before_request", self.kind.effect.before_request)
        object.__setattr__(self, "reads_body", self.kind.effect.reads_body)
        object.__setattr__(self, "_options", {**self.kind.options, **dict(self.given)})

    def __getitem__(self, name: str) -> Any:
        """Return an argument, or its default."""
        return self._options[name]

    def get(self, name: str, default: Any) -> Any:
        """Return an argument, or *default* if the kind does not take it."""
        return self._options.get(name, default)

    @property
    def then(self) -> Reply | None:
        """What answers an attempt that does not meet the fault; None for the next route."""
        return cast("Reply | None", self.get("then", None))

    @property
    def lasts(self) -> float:
        """For how many seconds it lasts, if nobody gives up; for ever, if it does not say."""
        seconds = self.get("seconds", None)
        return math.inf if seconds is None else seconds

    def in_attempt(self, attempt: int) -> Reply | None:
        """Return what this attempt meets: the fault, what answers ``then``, or the next route."""
        attempts = self.get("attempts", None)
        if attempts is None or attempt <= attempts:
            return self
        return None if self.then is None else in_attempt(self.then, attempt)

    async def __call__(self, request: Any) -> web.StreamResponse:
        """Let it happen to *request*, if that is an attempt that meets it.

        Raises:
            ImpossibleFaultError: it is another attempt, and who has chosen the fault had no other
                answer for it.
        """
        reply = self.in_attempt(request.record.attempts)
        if reply is self:
            return await self.kind.effect.happen(self, request)
        if reply is None:
            raise ImpossibleFaultError(
                f"{request.method} {request.url} met {self} in its first attempt, and nothing "
                f"answers the second: no route is asked again for what a function returns, or a "
                f"sequence ends with. Give it then=..., the reply to the second."
            )
        return await reply(request)

    def __str__(self) -> str:
        given = ", ".join(f"{name}={_shown(name, value)}" for name, value in self.given)
        return f"faults.{self.kind.name}({given})"

    __repr__ = __str__


def _shown(name: str, value: Any) -> str:
    if name == "headers" and value is not None:
        return repr(dict(value))
    if isinstance(value, bytes) and len(value) > _SHOWN:
        return f"<{len(value)} bytes>"
    return repr(value)


def _count(least: int, most: int | None = None) -> Any:
    allowed = f"at least {least}" if most is None else f"from {least} to {most}"

    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an int, not {type(value).__name__}: {value!r}")
        if value < least or (most is not None and value > most):
            raise ValueError(f"{name} must be {allowed}, not {value}")
        return value

    return check


def _optional(check: Any) -> Any:
    def check_given(name: str, value: Any) -> Any:
        return None if value is None else check(name, value)

    return check_given


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def _body(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", value))
    raise TypeError(f"{name} must be str or bytes, not {type(value).__name__}: {value!r:.60}")


def _speed(name: str, value: Any) -> float:
    if not checked_seconds(name, value, "a number above 0") > 0:
        raise ValueError(f"{name} must be a number above 0, not {value!r}")
    return cast("float", value)


def _status(name: str, value: Any) -> int:
    status = checked_status(value)
    if status < _LOWEST_FINAL:
        raise ValueError(f"{name} must be that of a final response, from 200 to 599, not {status}")
    return status


def _reply(_: str, value: Any) -> Reply:
    return as_reply(value)


def _headers(_: str, value: Any) -> tuple[tuple[str, str], ...]:
    return tuple(checked_headers(value).items())


_CHECKS: Final[Mapping[str, Any]] = {
    "after": _count(0),
    "attempts": _optional(_count(1)),
    "body": _body,
    "bytes_per_second": _speed,
    "chunked": _flag,
    "code": _count(0, 65535),
    "content": _flag,
    "headers": _headers,
    "host": _flag,
    "length": _optional(_count(0)),
    "seconds": _optional(checked_seconds),
    "status": _status,
    "then": _optional(_reply),
    "virtual": _flag,
}
"""What checks each argument, and returns it as faults keep it."""
