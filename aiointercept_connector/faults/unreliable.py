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
from ..replies.reply import BaseReply, ChoosingReply

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
    _drawn: Progress[Random] = field(init=False, compare=False)

    answers = None  # for ever
    is_fault = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "_drawn", Progress(partial(Random, self.seed)))

    @property
    def replies(self) -> tuple[Reply, ...]:  # type: ignore[override]
        """The fault, and what answers otherwise."""
        return self.fault, self.otherwise

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Draw for the next call of the request's route."""
        with self._drawn.of(request.route) as drawn:
            return self.fault if drawn.random() < self.rate else self.otherwise

    def __repr__(self) -> str:
        seed = "" if self.seed is None else f", seed={self.seed!r}"
        return f"faults.flaky({self.fault!r}, {self.rate!r}{seed}, otherwise={self.otherwise!r})"


def flaky(
    fault: Repliable, rate: float, *, seed: int | str | None = None, otherwise: Repliable = 200
) -> Flaky:
    """Let a fault happen to some calls, by chance.

    A route answers for ever, unless ``repeat=`` says how often.

    Args:
        fault: a fault, or an exception.
        rate: how often it happens: 0 never, 1 always.
        seed: makes it happen to the same calls in every run. Every route begins anew.
        otherwise: what answers the others: anything that ``reply=`` takes.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: *rate* is not from 0 to 1.
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
    _calls: Progress[Iterator[int]] = field(default_factory=_from_one, init=False, compare=False)

    is_fault = True

    @property
    def answers(self) -> int | None:  # type: ignore[override]
        """How often a route answers with it: for ever, if it says what comes then."""
        return self.times if self.then is None else None

    @property
    def replies(self) -> tuple[Reply, ...]:  # type: ignore[override]
        """The fault, and what answers then."""
        return (self.fault,) if self.then is None else (self.fault, self.then)

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Count the next call of the request's route."""
        with self._calls.of(request.route) as calls:
            call = next(calls)
        return self.fault if call <= self.times or self.then is None else self.then

    def __repr__(self) -> str:
        then = "" if self.then is None else f", then={self.then!r}"
        return f"faults.fail_times({self.times}, {self.fault!r}{then})"


def fail_times(times: int, fault: Repliable, *, then: Repliable = None) -> FailTimes:
    """Let a fault happen to the first calls, and not to those behind.

    Args:
        times: to how many calls, of which aiohttp may repeat each by itself.
        fault: a fault, or an exception.
        then: what answers the calls behind, for ever: anything that ``reply=`` takes. Without it,
            the next route does.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: *times* is less than 1.
    """
    if isinstance(times, bool) or not isinstance(times, int):
        raise TypeError(f"times must be an int, not {type(times).__name__}: {times!r}")
    if times < 1:
        raise ValueError(f"times must be at least 1, not {times}")
    return FailTimes(times, checked_fault("fault", fault), None if then is None else as_reply(then))


def checked_fault(argument: str, fault: Any) -> Reply:
    """Return the reply that *fault* is, if it is a fault, or an exception."""
    reply: Any = None
    if isinstance(fault, (BaseReply, BaseException, type)):
        reply = as_reply(fault)
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
