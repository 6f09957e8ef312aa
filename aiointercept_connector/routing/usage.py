"""How a route was used: the requests it answered, and what a test may assert of them."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..unset import UNSET

if TYPE_CHECKING:
    from ..journal.journal import Journal
    from ..journal.request import AiointerceptRequest
    from ..replies.steps import Step
    from .matchers import Match

__all__ = ("Times", "Usage", "checked_times", "upper_bound")

Times: TypeAlias = "int | range | tuple[int, int | None]"
"""How often: exactly so many times, one of a range, or from a minimum to a maximum."""

_LISTED = 10
_NO_END: Final = sys.maxsize
_NOT_GIVEN: Any = UNSET  # a default for arguments of every type
_AT_LEAST_ONCE: Final = (1, None)


def checked_times(times: Times, argument: str = "times") -> range:
    """Return the numbers of calls that *times* allows.

    Raises:
        TypeError: it is no int, range or pair.
        ValueError: it allows no number, or a negative one.
    """
    allowed = _allowed(times)
    if allowed is None:
        raise TypeError(f"{argument} must be an int, a range or a (min, max) tuple, not {times!r}")
    if not allowed or min(allowed[0], allowed[-1]) < 0:
        raise ValueError(f"{argument} must allow a number of calls, 0 or more: {times!r} does not")
    return allowed if allowed.step > 0 else allowed[::-1]


def _allowed(times: Times) -> range | None:
    if isinstance(times, range):
        return times
    pair: Any = times if isinstance(times, tuple) else (times, times)
    if len(pair) != 2:
        return None
    low, high = pair
    high = _NO_END - 1 if high is None else high
    if not _is_number(low) or not _is_number(high):
        return None
    return range(low, high + 1)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def upper_bound(allowed: range) -> int | None:
    """Return the greatest number of *allowed*; None if there is none."""
    return None if allowed.stop == _NO_END else allowed[-1]


class Usage:
    """The calls of a route.

    Attributes:
        calls: the requests it answered, in order of arrival; those that the journal still keeps.
        times: how often it is to be called, or None if that was not said.
        registered_at: ``file:line`` of the call that registered it.
    """

    __slots__ = ("_forgotten", "_journal", "_waiters", "calls", "registered_at", "times")

    def __init__(self, times: Times | None, registered_at: str | None) -> None:
        self.calls: list[AiointerceptRequest] = []
        self._forgotten = 0
        self._journal: Journal | None = None
        self.times = None if times is None else checked_times(times)
        self.registered_at = registered_at
        self._waiters: list[_Waiter] = []

    @property
    def call_count(self) -> int:
        """How many requests the route has answered, kept or not."""
        return self._forgotten + len(self.calls)

    @property
    def called(self) -> bool:
        """Whether the route has answered any request."""
        return self.call_count > 0

    @property
    def last_call(self) -> AiointerceptRequest | None:
        """The last request that the route answered; None if there is none, or it is not kept."""
        return self.calls[-1] if self.calls else None

    def record(self, request: AiointerceptRequest) -> None:
        """Add *request* to the calls. Safe to call from any thread."""
        self.calls.append(request)
        if self._waiters:
            for waiter in tuple(self._waiters):
                waiter.wake(self.call_count)

    def forget(self, request: AiointerceptRequest, journal: Journal) -> None:
        """Keep *request* no longer, as *journal* does not; it counts all the same."""
        for at, call in enumerate(self.calls):  # it is the first, but for threads
            if call is request:
                del self.calls[at]
                self._forgotten += 1
                self._journal = journal
                return

    @property
    def _missing(self) -> str:
        """Which requests are not kept, in words; nothing if all are."""
        return "" if self._journal is None else f"of all requests {self._journal.missing}"

    def _last(self) -> AiointerceptRequest:
        """Return the last call, of which something is to be asserted."""
        self.assert_called()
        if not self.calls:
            raise AssertionError(
                f"{self} was called, but its last call is not there: {self._missing}."
            )
        return self.calls[-1]

    def unmet_times(self) -> str | None:
        """Say that the route was not called as often as ``times`` asks; None if it was."""
        if self.times is None or self.call_count in self.times:
            return None
        return self._miscounted(self.times)

    def assert_called(self, times: Times = _AT_LEAST_ONCE) -> None:
        """Assert that the route was called.

        Args:
            times: how often; an int, a range or a ``(min, max)`` tuple, whose ``max`` may be None.
        """
        allowed = checked_times(times)
        if self.call_count not in allowed:
            raise AssertionError(self._miscounted(allowed))

    def assert_not_called(self) -> None:
        """Assert that the route was not called."""
        self.assert_called(0)

    def assert_called_with(
        self,
        *,
        json: Any = UNSET,
        form: Mapping[str, Any] | Iterable[tuple[str, Any]] = _NOT_GIVEN,
        headers: Mapping[str, Any] = _NOT_GIVEN,
        query: Mapping[str, Any] = _NOT_GIVEN,
        body: bytes | str | re.Pattern[str] | re.Pattern[bytes] = _NOT_GIVEN,
    ) -> None:
        """Assert what the last call carried; the arguments are those of ``Match``."""
        from .matchers import Match

        wanted = Match(json=json, form=form, headers=headers, query=query, body=body)
        last = self._last()
        if last.cut and wanted.reads_body:
            raise AssertionError(f"The last call of {self} cannot be compared: {last.cut}")
        explanation = wanted.explain(last)
        if not explanation.matches:
            raise AssertionError(
                f"The last call of {self} is not as expected:\n"
                f"{_indented(explanation)}{self._other_calls(wanted)}"
            )

    def assert_frames(self, expected: Iterable[Step]) -> None:
        """Assert what went over the WebSocket of the last call; see the request's own."""
        self._last().assert_frames(expected)

    async def wait_called(self, times: int = 1, timeout: float = 1.0) -> None:
        """Wait until the route has been called.

        Args:
            times: how often, at least.
            timeout: how long to wait, in seconds.

        Raises:
            AssertionError: it was called less often within that time.
        """
        waiter = _Waiter(asyncio.get_running_loop(), times)
        # Put there before the calls are counted: a call of another thread is seen here, or wakes.
        self._waiters.append(waiter)
        try:
            waiter.wake(self.call_count)
            await asyncio.wait([waiter.future], timeout=timeout)
        finally:
            self._waiters.remove(waiter)
        if self.call_count < times:
            unit = "second" if timeout == 1 else "seconds"
            raise AssertionError(
                f"{self._miscounted(checked_times((times, None)))}\nWaited for {timeout:g} {unit}."
            )

    def _miscounted(self, allowed: range) -> str:
        where = f" (registered at {self.registered_at})" if self.registered_at else ""
        came = _count(self.call_count) if self.called else "no calls"
        return f"Expected {_phrase(allowed)} of {self}{where}, got {came}.{self._listed()}"

    def _listed(self) -> str:
        shown = self.calls[:_LISTED]
        lines = [f"\n  … {self._missing}"] if self._forgotten else []
        lines += [
            f"\n  {n}. {call.method} {call.url}"
            for n, call in enumerate(shown, self._forgotten + 1)
        ]
        if len(self.calls) > _LISTED:
            lines.append(f"\n  … and {len(self.calls) - _LISTED} more")
        return "".join(lines)

    def _other_calls(self, wanted: Match) -> str:
        """Say which of the earlier calls would have been right; the last is the one that counts."""
        if self.call_count == 1:
            return ""
        kept = enumerate(self.calls, self._forgotten + 1)
        right = [str(n) for n, call in kept if not call.cut and wanted.matches(call)]
        if not right:
            note = "none of those kept is" if self._forgotten else "none of them is"
            note += " as expected"
        elif len(right) == 1:
            note = f"only call {right[0]} is as expected"
        else:
            note = f"only calls {', '.join(right)} are as expected"
        return f"\nIt is the last of {self.call_count} calls; {note}."


class _Waiter:
    """Somebody on some loop who waits for a number of calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, times: int) -> None:
        self._loop = loop
        self._times = times
        self.future: asyncio.Future[None] = loop.create_future()

    def wake(self, call_count: int) -> None:
        """End the wait if there were calls enough. Safe to call from any thread."""
        if call_count >= self._times:
            with suppress(RuntimeError):  # the loop may have been closed meanwhile
                self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


def _phrase(allowed: range) -> str:
    if allowed.stop == _NO_END:
        return f"at least {_count(allowed.start)}"
    if len(allowed) == 1:
        return f"exactly {_count(allowed[0])}" if allowed[0] else "no calls"
    if allowed.step == 1:
        return f"{allowed[0]} to {_count(allowed[-1])}"
    return f"{', '.join(map(str, allowed[:-1]))} or {_count(allowed[-1])}"


def _count(number: int) -> str:
    return f"{number} call" if number == 1 else f"{number} calls"


def _indented(text: object) -> str:
    return "\n".join(f"  {line}" for line in str(text).splitlines())
