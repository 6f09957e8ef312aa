"""Faults that happen now and then: ``flaky`` and ``fail_times``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, cast

from ..replies.conversion import Repliable, as_reply
from ..replies.progress import Progress
from ..replies.reply import BaseReply, ChoosingReply, in_attempt
from .kind import Fault

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = (
    "FailTimes",
    "Flaky",
    "checked_fault",
    "checked_rate",
    "checked_seed",
    "fail_times",
    "flaky",
)


@dataclass(frozen=True, repr=False)
class Flaky(ChoosingReply):
    """A fault for some calls, and another reply for the others; see ``flaky``."""

    fault: Reply
    rate: float
    seed: int | str | None
    otherwise: Reply
    replies: tuple[Reply, ...] = field(init=False, compare=False)
    _drawn: Progress[Random] = field(init=False, compare=False)

    answers = None  # for ever
    is_fault = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "replies", (self.fault, self.otherwise))
        object.__setattr__(self, "_drawn", Progress(partial(Random, self.seed)))

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Draw for the next call of the request's route."""
        if in_attempt(self.fault, request.record.attempts) is None:
            return self.otherwise
        with self._drawn.of(request.route) as drawn:
            happens = drawn.random() < self.rate
        return _healed(self.fault, self.otherwise) if happens else self.otherwise

    def __repr__(self) -> str:
        seed = "" if self.seed is None else f", seed={self.seed!r}"
        return f"faults.flaky({self.fault!r}, {self.rate!r}{seed}, otherwise={self.otherwise!r})"


def flaky(
    fault: Repliable, rate: float, *, seed: int | str | None = None, otherwise: Repliable = 200
) -> Flaky:
    """Let a fault happen to some calls, by chance.

    A route answers for ever, unless ``repeat=`` says how often.

    Args:
        fault: a fault, or an exception. What it leaves to a second attempt of aiohttp's,
            *otherwise* answers.
        rate: how often it happens: 0 never, 1 always.
        seed: makes it happen to the same calls in every run. Every route begins anew.
        otherwise: what answers the others: anything that ``reply=`` takes.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: *rate* is not from 0 to 1; or *fault* is a ``fail_times`` without ``then``.
    """
    return Flaky(
        checked_fault("fault", fault), checked_rate(rate), checked_seed(seed), as_reply(otherwise)
    )


def _from_one() -> Progress[Iterator[int]]:
    return Progress(partial(count, 1))


@dataclass(frozen=True, repr=False)
class FailTimes(ChoosingReply):
    """A fault for so many calls, and then another reply; see ``fail_times``."""

    times: int
    fault: Reply
    then: Reply | None = None
    answers: int | None = field(init=False, compare=False)
    replies: tuple[Reply, ...] = field(init=False, compare=False)
    _calls: Progress[Iterator[int]] = field(default_factory=_from_one, init=False, compare=False)

    is_fault = True

    def __post_init__(self) -> None:
        both = (self.fault,) if self.then is None else (self.fault, self.then)
        object.__setattr__(self, "replies", both)
        # A route answers with it for ever, if it says what comes then.
        object.__setattr__(self, "answers", self.times if self.then is None else None)

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Count the next call of the request's route."""
        if self.then is None:
            return self.fault
        if in_attempt(self.fault, request.record.attempts) is None:
            # An attempt that meets no fault uses none up.
            return self.then
        with self._calls.of(request.route) as calls:
            call = next(calls)
        return _healed(self.fault, self.then) if call <= self.times else self.then

    def __repr__(self) -> str:
        then = "" if self.then is None else f", then={self.then!r}"
        return f"faults.fail_times({self.times}, {self.fault!r}{then})"


def fail_times(times: int, fault: Repliable, *, then: Repliable = None) -> FailTimes:
    """Let a fault happen to the first calls, and not to those behind.

    Args:
        times: to how many calls, of which aiohttp may repeat each by itself.
        fault: a fault, or an exception.
        then: what answers the calls behind, for ever, and what *fault* leaves to a second attempt
            of aiohttp's: anything that ``reply=`` takes. Without it, the next route does.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: *times* is less than 1; or *fault* is a ``fail_times`` without ``then``.
    """
    if isinstance(times, bool) or not isinstance(times, int):
        raise TypeError(f"times must be an int, not {type(times).__name__}: {times!r}")
    if times < 1:
        raise ValueError(f"times must be at least 1, not {times}")
    return FailTimes(times, checked_fault("fault", fault), None if then is None else as_reply(then))


@dataclass(frozen=True, repr=False)
class _Healed(ChoosingReply):
    """A reply that chooses a fault; ``then`` answers the attempts at a call that do not meet it."""

    fault: ChoosingReply
    then: Reply
    replies: tuple[Reply, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "replies", (self.fault, self.then))

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Return the fault that the other reply chooses."""
        return _healed(self.fault.choose(request), self.then)


def _healed(fault: Reply, then: Reply) -> Reply:
    """Return *fault*, such that *then* answers the attempts at a call that do not meet it."""
    if isinstance(fault, ChoosingReply):
        return _Healed(fault, then)
    if isinstance(fault, Fault) and fault.get("attempts", None) is not None and fault.then is None:
        return Fault(fault.kind, (*fault.given, ("then", then)))
    return fault


def checked_fault(argument: str, fault: Any) -> Reply:
    """Return the reply that *fault* is, if it is a fault, or an exception."""
    reply: Any = None
    if isinstance(fault, (BaseReply, BaseException, type)):
        reply = as_reply(fault)
    if isinstance(reply, FailTimes) and reply.then is None:
        raise ValueError(
            f"{argument}: {reply!r} leaves to the next route what comes then, and behind a reply "
            f"that chooses it there is none. Say what comes: "
            f"faults.fail_times({reply.times}, {reply.fault!r}, then=...)"
        )
    if getattr(reply, "is_fault", False) or getattr(reply, "exception", None) is not None:
        return cast("Reply", reply)
    hint = ""
    if callable(fault) and hasattr(fault, "phase"):
        hint = f" Call it: faults.{cast('Any', fault).name}()."
    raise TypeError(f"{argument} must be one of faults, or an exception, not {fault!r:.60}.{hint}")


def checked_rate(rate: Any) -> float:
    """Return *rate* if it is a probability."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)):
        raise TypeError(f"rate must be a number from 0 to 1, not {type(rate).__name__}: {rate!r}")
    if not 0 <= rate <= 1:
        raise ValueError(f"rate must be from 0 (never) to 1 (always), not {rate!r}")
    return rate


def checked_seed(seed: Any) -> int | str | None:
    """Return *seed* if something can be drawn by it."""
    if seed is None or (isinstance(seed, (int, str)) and not isinstance(seed, bool)):
        return seed
    raise TypeError(f"seed must be an int or a str, not {type(seed).__name__}: {seed!r:.60}")
