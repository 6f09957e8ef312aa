"""Rounds, samples and statistics: how a figure is come by, whatever it measures.

A *work* is one thing to do; its *subjects* are those who do it. Every round takes one sample of
each subject, in an order that turns from round to round, so that a busy machine disturbs all alike.
A ratio is the median of the ratios of each round, never the ratio of two medians. The first round
is warm-up, and is thrown away.

A subject that answers wrongly has no time: it gets an error, and no further samples.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = (
    "Call",
    "LeftOutError",
    "Options",
    "Result",
    "Sample",
    "Spread",
    "Work",
    "WrongAnswerError",
    "run",
)

Call: TypeAlias = "Callable[[], Awaitable[None]]"
"""Does the work once, and raises ``WrongAnswerError`` if the answer is not the right one."""

Sample: TypeAlias = "Callable[[], Awaitable[float]]"
"""Measures a subject once, in the unit of the work."""

MICROSECONDS = 1e6


class WrongAnswerError(Exception):
    """A subject did not do the work that it was to be timed for."""


class LeftOutError(Exception):
    """A subject is not there to be measured, or is known not to do this work; its text says why."""


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        rounds: how often each subject is measured, the warm-up not counted.
        scale: what the number of calls in a sample is multiplied by.
        clock: the seconds that have passed: of the wall, or of the process's own work.
        peers: whether other libraries are measured too, where they are installed.
        full: whether to take the time for what is large: 100 MB, and a million requests.
    """

    rounds: int = 25
    scale: float = 1.0
    clock: Callable[[], float] = time.perf_counter
    peers: bool = True
    full: bool = False

    def calls(self, usual: int) -> int:
        """Return the number of calls in a sample that has *usual* ones by default."""
        return max(1, round(usual * self.scale))


@dataclass(frozen=True)
class Work:
    """One thing to do.

    Attributes:
        name: what the command line calls it.
        title: what a reader calls it.
        unit: of the samples.
        subjects: sets up whoever does the work: a sample for each name.
        rounds: what the number of rounds is multiplied by, where differences are small.
    """

    name: str
    title: str
    unit: str
    subjects: Callable[[Options], AbstractAsyncContextManager[Mapping[str, Sample]]]
    rounds: float = 1.0


@dataclass(frozen=True)
class Spread:
    """A median, and the quartiles around it."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Return the spread of *values*, of which there must be one at least."""
        lower, median, upper = (
            statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
        )
        return cls(median, lower, upper)


@dataclass
class Result:
    """What a work came to: a sample a round of each subject, or its error, or why it has none."""

    work: Work
    samples: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    errors: dict[str, str] = field(default_factory=dict[str, str])
    left_out: dict[str, str] = field(default_factory=dict[str, str])

    def has(self, subject: str) -> bool:
        """Tell whether *subject* was there to be measured."""
        return subject in self.samples or subject in self.errors

    def spread(self, subject: str) -> Spread | None:
        """Return what *subject* was measured at; None if it was not, or answered wrongly."""
        values = self.samples.get(subject)
        return Spread.of(values) if values and subject not in self.errors else None

    def ratio(self, subject: str, to: str) -> Spread | None:
        """Return how many times *to* the subject is, round by round."""
        return self._compared(subject, to, lambda one, other: one / other)

    def excess(self, subject: str, over: str) -> Spread | None:
        """Return how much more than *over* the subject is, round by round."""
        return self._compared(subject, over, lambda one, other: one - other)

    def _compared(
        self, subject: str, other: str, compare: Callable[[float, float], float]
    ) -> Spread | None:
        if self.spread(subject) is None or self.spread(other) is None:
            return None
        return Spread.of(list(map(compare, self.samples[subject], self.samples[other])))


async def run(work: Work, options: Options) -> Result:
    """Measure every subject of *work*, in interleaved rounds."""
    result = Result(work)
    rounds = max(1, round(options.rounds * work.rounds))
    async with work.subjects(options) as subjects:
        for number in range(rounds + 1):
            for name in _turned(list(subjects), number):
                if name not in result.errors and name not in result.left_out:
                    await _measure(result, name, subjects[name], keep=number > 0)
    result.samples = {name: result.samples[name] for name in subjects if name in result.samples}
    return result


async def _measure(result: Result, name: str, sample: Sample, *, keep: bool) -> None:
    try:
        value = await sample()
    except LeftOutError as exc:
        result.left_out[name] = str(exc)
        return
    except Exception as exc:  # noqa: BLE001 - a subject's failure, of any kind, is its result
        result.errors[name] = f"{type(exc).__name__}: {exc}"
        return
    if keep:
        result.samples.setdefault(name, []).append(value)


def _turned(names: list[str], by: int) -> list[str]:
    by %= len(names) or 1
    return names[by:] + names[:by]


def timed(
    opened: Callable[[], AbstractAsyncContextManager[Call]],
    options: Options,
    calls: int,
    concurrency: int = 1,
) -> Sample:
    """Return the sample that is the time of one call, in microseconds.

    Args:
        opened: sets up what is called; neither that nor its end is in the time.
        options: the clock, and how many calls there are in all.
        calls: how many calls there are in a sample by default.
        concurrency: how many of them are on their way at a time.
    """
    each = max(1, options.calls(calls) // concurrency)

    async def sample() -> float:
        async with opened() as call:
            await _repeat(call, 2, concurrency)
            with settled_gc():
                began = options.clock()
                await _repeat(call, each, concurrency)
                ended = options.clock()
        return (ended - began) / (each * concurrency) * MICROSECONDS

    return sample


async def _repeat(call: Call, times: int, concurrency: int) -> None:
    async def one_after_the_other() -> None:
        for _ in range(times):
            await call()

    if concurrency == 1:
        await one_after_the_other()
    else:
        await asyncio.gather(*(one_after_the_other() for _ in range(concurrency)))


@contextlib.contextmanager
def settled_gc() -> Generator[None]:
    """Let the collector see only what is made within; that costs what it costs."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.asynccontextmanager
async def same(subjects: Mapping[str, Sample]) -> AsyncGenerator[Mapping[str, Sample]]:
    """Yield *subjects*, which need no setting up together."""
    yield subjects
