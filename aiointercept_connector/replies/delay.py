"""Latency: how long a reply waits, and the reply that waits before it answers.

A delay is a number of seconds, or a distribution of them. It may be *virtual*: then nothing waits,
and a client whose own timeout would have expired meanwhile raises what it would have raised.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, cast

from .checked import SECONDS, checked_flag, checked_seconds
from .conversion import Repliable, as_reply
from .progress import Progress
from .reply import BaseReply, in_attempt

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply, Route

__all__ = (
    "Delay",
    "Delayed",
    "LogNormal",
    "Pace",
    "Uniform",
    "delayed",
    "lognormal",
    "uniform",
)

# A client does within a few of these what it would have done while a virtual delay lasted.
_TURNS: Final = 20
# Through sockets, what was sent before is on its way for a moment.
_SECONDS_UNDER_WAY: Final = 0.005

_LARGEST_SIGMA: Final = 10
_SIGMA: Final = "a number from 0 to 10"


@dataclass(frozen=True)
class Uniform:
    """Seconds between *low* and *high*, all equally likely."""

    low: float
    high: float
    seed: int | str | None = None

    def draw(self, random: Random) -> float:
        """Return one delay."""
        return random.uniform(self.low, self.high)

    def __str__(self) -> str:
        return f"uniform({self.low!r}, {self.high!r})"


@dataclass(frozen=True)
class LogNormal:
    """Seconds as real latencies are: half of them below *median*, a few of them far above."""

    median: float
    sigma: float
    seed: int | str | None = None

    def draw(self, random: Random) -> float:
        """Return one delay."""
        return self.median * random.lognormvariate(0, self.sigma)

    def __str__(self) -> str:
        return f"lognormal({self.median!r}, {self.sigma!r})"


Delay: TypeAlias = "float | Uniform | LogNormal"
"""Seconds, or a distribution of them."""


def uniform(low: float, high: float, *, seed: int | str | None = None) -> Uniform:
    """Return a delay between two numbers of seconds, drawn anew for each wait.

    Args:
        low: the shortest, in seconds.
        high: the longest, in seconds.
        seed: makes the delays the same in every run. Every route begins anew.

    Raises:
        TypeError: an argument is no number.
        ValueError: an argument is negative or not finite, or *low* exceeds *high*.
    """
    checked_seconds("low", low)
    checked_seconds("high", high)
    if low > high:
        raise ValueError(f"low must not exceed high, but {low!r} exceeds {high!r}")
    return Uniform(low, high, _checked_seed(seed))


def lognormal(median: float, sigma: float, *, seed: int | str | None = None) -> LogNormal:
    """Return a delay with the long tail that latencies have, drawn anew for each wait.

    Args:
        median: half of the delays are shorter, in seconds.
        sigma: how far they spread: 0 not at all; with 1, one in six is longer than 2.7 medians.
        seed: makes the delays the same in every run. Every route begins anew.

    Raises:
        TypeError: an argument is no number.
        ValueError: an argument is negative or not finite, or *sigma* is above 10.
    """
    checked_seconds("median", median)
    if checked_seconds("sigma", sigma, _SIGMA) > _LARGEST_SIGMA:
        raise ValueError(f"sigma must be {_SIGMA}, not {sigma!r}")
    return LogNormal(median, sigma, _checked_seed(seed))


def _checked_seed(seed: Any) -> int | str | None:
    if seed is None or isinstance(seed, (int, str)):
        return seed
    raise TypeError(f"seed must be an int or a str, not {type(seed).__name__}: {seed!r:.60}")


class Pace:
    """How long to wait, over and over.

    Args:
        argument: what messages call the delay.
        delay: seconds, or a distribution.
        virtual: whether to wait in the client's eyes only.

    Raises:
        TypeError: the delay is no such thing.
        ValueError: it is negative or not finite.
    """

    __slots__ = ("_randoms", "delay", "virtual")

    def __init__(self, argument: str, delay: Delay, *, virtual: bool = False) -> None:
        seed = None
        if isinstance(delay, (Uniform, LogNormal)):
            seed = delay.seed
        else:
            checked_seconds(argument, delay, f"{SECONDS}, or a distribution")
        self.delay = delay
        self.virtual = checked_flag("virtual", virtual)
        self._randoms = Progress(partial(Random, seed))

    async def wait(self, request: AiointerceptRequest) -> None:
        """Wait once; if it is virtual, and the client would have given up meanwhile, for ever."""
        seconds = self._next(request.route)
        if seconds <= 0:
            return
        if self.virtual:
            await _pass_virtually(seconds, request)
        else:
            await asyncio.sleep(seconds)

    def _next(self, route: Route | None) -> float:
        if not isinstance(self.delay, (Uniform, LogNormal)):
            return self.delay
        with self._randoms.of(route) as random:
            return self.delay.draw(random)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pace):
            return NotImplemented
        return (self.delay, self.virtual) == (other.delay, other.virtual)

    def __hash__(self) -> int:
        return hash((self.delay, self.virtual))

    def __str__(self) -> str:
        kind = "virtual " if self.virtual else ""
        unit = "" if isinstance(self.delay, (Uniform, LogNormal)) else " s"
        return f"{kind}{self.delay}{unit}"


async def _pass_virtually(seconds: float, request: AiointerceptRequest) -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    if request.get_extra_info("socket") is not None:
        await asyncio.sleep(_SECONDS_UNDER_WAY)
    if cast("_Clock", request.protocol).let_pass(seconds):
        # The client is about to hang up, which cancels this.
        await asyncio.get_running_loop().create_future()


class _Clock(Protocol):
    """What knows the client's timeouts: the connection that its request came by."""

    def let_pass(self, seconds: float) -> bool:
        """Let time pass in the client's eyes, and tell whether it gave up meanwhile."""
        ...


class Delayed(BaseReply):
    """A reply that waits before it answers as another one does."""

    __slots__ = ("answers", "pace", "reads_body", "reply", "runs_out", "serves_once")

    def __init__(self, reply: Reply, pace: Pace) -> None:
        self.reply = reply
        self.pace = pace
        self.reads_body = getattr(reply, "reads_body", True)
        self.answers = getattr(reply, "answers", 1)
        self.runs_out = getattr(reply, "runs_out", None)
        self.serves_once = getattr(reply, "serves_once", False)

    @property
    def exception(self) -> BaseException | None:
        """The exception that the other reply stands for, if it is one."""
        return getattr(self.reply, "exception", None)

    def in_attempt(self, attempt: int) -> Reply | None:
        """Return what the other reply has for this attempt, which waits if it is that reply."""
        inner = in_attempt(self.reply, attempt)
        return self if inner is self.reply else inner

    async def __call__(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Wait, then answer."""
        await self.pace.wait(request)
        return await self.reply(request)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Delayed):
            return NotImplemented
        return (self.reply, self.pace) == (other.reply, other.pace)

    def __hash__(self) -> int:
        return hash((self.reply, self.pace))

    def __repr__(self) -> str:
        return f"<Delayed {self.reply!r} by {self.pace}>"


def delayed(reply: Repliable, delay: Delay, *, virtual: bool = False) -> Delayed:
    """Return a reply that waits before it answers.

    Args:
        reply: what answers: anything that ``as_reply`` takes.
        delay: seconds, or a distribution of them, such as ``uniform(0.1, 0.3)``.
        virtual: do not wait. A client whose own timeout (``ClientTimeout(total=, sock_read=)``)
            would have expired raises what it would have raised, at once; any other is answered.

    Raises:
        TypeError: *reply* or *delay* is of a wrong type.
        ValueError: the delay is negative or not finite.
    """
    return Delayed(as_reply(reply), Pace("delay", delay, virtual=virtual))
