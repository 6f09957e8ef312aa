from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from benchmarks.harness import (
    Call,
    Options,
    Result,
    Sample,
    Spread,
    Work,
    WrongAnswerError,
    run,
    same,
    timed,
)

pytestmark = pytest.mark.anyio


class FakeClock:
    """Goes on only when somebody works."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Return the seconds that were worked."""
        return self.seconds

    def work(self, seconds: float) -> None:
        """Let so much time pass."""
        self.seconds += seconds


def work_of(**subjects: Sample) -> Work:
    """Return a work that these samples measure."""
    return Work("work", "some work", "µs", lambda options: same(subjects))


def values(*sequence: float) -> Sample:
    """Return a sample that measures one value after the other."""
    rest = iter(sequence)

    async def sample() -> float:
        return next(rest)

    return sample


def opening(clock: FakeClock, call: Call) -> Callable[[], AbstractAsyncContextManager[Call]]:
    """Return what takes very long to open and to close, and yields *call*."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Call]:
        clock.work(1000)
        yield call
        clock.work(1000)

    return opened


async def test_rounds_are_interleaved_and_begin_with_another_subject_each() -> None:
    """In every round each subject has its turn, and the order turns."""
    turns: list[str] = []

    def noting(name: str) -> Sample:
        async def sample() -> float:
            turns.append(name)
            return 1.0

        return sample

    await run(work_of(a=noting("a"), b=noting("b")), Options(rounds=2))
    assert turns == ["a", "b", "b", "a", "a", "b"]


async def test_the_first_round_is_thrown_away() -> None:
    """What is measured while everything warms up counts for nothing."""
    result = await run(work_of(ours=values(1000, 1, 2)), Options(rounds=2))
    assert result.samples == {"ours": [1, 2]}


async def test_a_work_may_ask_for_more_rounds() -> None:
    """Small differences are measured in more rounds."""
    work = Work("w", "w", "µs", lambda options: same({"ours": values(*[1] * 7)}), rounds=3)
    result = await run(work, Options(rounds=2))
    assert len(result.samples["ours"]) == 6


async def test_a_wrong_answer_is_an_error_and_not_a_time() -> None:
    """A subject that answers wrongly once has no figure at all, and the others go on."""

    async def wrong() -> float:
        raise WrongAnswerError("status 500, not 200")

    result = await run(work_of(peer=wrong, ours=values(1, 1, 1)), Options(rounds=2))
    assert result.errors == {"peer": "WrongAnswerError: status 500, not 200"}
    assert result.spread("peer") is None
    assert result.ratio("ours", "peer") is None
    assert result.samples == {"ours": [1, 1]}


async def test_a_subject_that_fails_late_loses_the_times_it_had() -> None:
    """A wrong answer in the last round takes away the figure of the earlier ones."""
    result = await run(work_of(peer=values(1, 1)), Options(rounds=2))
    assert set(result.errors) == {"peer"}
    assert result.spread("peer") is None


async def test_a_subject_that_failed_is_not_asked_again() -> None:
    """After its first error a subject has no further turn."""
    turns = 0

    async def wrong() -> float:
        nonlocal turns
        turns += 1
        raise WrongAnswerError

    await run(work_of(peer=wrong), Options(rounds=5))
    assert turns == 1


def test_a_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    """A round in which the machine was slow for all changes no ratio."""
    work = work_of()
    result = Result(work, {"ours": [2, 20, 2, 3], "floor": [1, 10, 1, 1]})
    assert result.ratio("ours", "floor") == Spread(2, 2, 2.25)


def test_an_excess_is_the_median_of_the_differences_of_each_round() -> None:
    """How much more than another a subject is, is told in the unit of the work."""
    result = Result(work_of(), {"ours": [3, 4, 30], "other": [1, 2, 1]})
    excess = result.excess("ours", "other")
    assert excess is not None
    assert excess.median == 2


def test_one_round_has_a_spread_too() -> None:
    """A single value is its own median and quartiles."""
    assert Spread.of([3.0]) == Spread(3.0, 3.0, 3.0)


async def test_only_the_calls_are_in_the_time() -> None:
    """Opening, warming up and closing are not measured; a call's time is in microseconds."""
    clock = FakeClock()
    calls = 0

    async def call() -> None:
        nonlocal calls
        calls += 1
        clock.work(500 if calls <= 2 else 0.25)

    sample = timed(opening(clock, call), Options(clock=clock), 10)
    assert await sample() == 250_000
    assert calls == 12


async def test_calls_at_once_are_on_their_way_together() -> None:
    """With a concurrency, so many calls are begun before the first has ended."""
    begun = most = 0

    async def call() -> None:
        nonlocal begun, most
        begun += 1
        most = max(most, begun)
        await asyncio.sleep(0)
        begun -= 1

    clock = FakeClock()
    sample = timed(opening(clock, call), Options(clock=clock), 20, 5)
    await sample()
    assert most == 5


@pytest.mark.parametrize(("scale", "calls"), [(1.0, 200), (0.5, 100), (0.0001, 1)])
def test_the_scale_sets_the_number_of_calls(scale: float, calls: int) -> None:
    """A sample has the usual number of calls times the scale, and one at least."""
    assert Options(scale=scale).calls(200) == calls
