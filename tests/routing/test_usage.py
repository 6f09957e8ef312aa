from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest

from aiointercept_connector.routing.route import Route
from tests.support import recorded, route

pytestmark = pytest.mark.anyio

URL_A = "https://h/a"


def called(*requests: Any, **kwargs: Any) -> Route:
    """Return a route that has answered *requests*."""
    one = route(URL_A, **kwargs)
    for request in requests:
        one.record(request)
    return one


def calls(number: int, **kwargs: Any) -> Route:
    """Return a route that has answered so many requests."""
    return called(*(recorded(url=f"{URL_A}?n={n}") for n in range(number)), **kwargs)


def message_of(assertion: Any, *args: Any, **kwargs: Any) -> str:
    """Return what an assertion that fails says."""
    with pytest.raises(AssertionError) as failed:
        assertion(*args, **kwargs)
    return str(failed.value)


class TestRecord:
    """The calls of a route."""

    def test_calls(self) -> None:
        """A route keeps the requests it answered, in order of arrival."""
        first, last = recorded(), recorded("POST")
        one = called(first, last)
        assert (one.called, one.call_count) == (True, 2)
        assert one.calls[0] is first
        assert one.last_call is last

    def test_none(self) -> None:
        """A route that was not called has no calls."""
        one = route(URL_A)
        assert (one.called, one.call_count, one.calls, one.last_call) == (False, 0, [], None)


class TestTimes:
    """``times=``."""

    @pytest.mark.parametrize(
        ("times", "met"),
        [
            (2, {2}),
            (0, {0}),
            (range(1, 3), {1, 2}),
            (range(0, 4, 2), {0, 2}),
            (range(3, 0, -1), {1, 2, 3}),
            ((1, 3), {1, 2, 3}),
            ((2, None), {2, 3}),
            (None, {0, 1, 2, 3}),
        ],
    )
    def test_met(self, times: Any, met: set[int]) -> None:
        """A route is called often enough, or there is a sentence that says it is not."""
        unmet = [calls(n, times=times).unmet_times() for n in range(4)]
        assert {n for n in range(4) if unmet[n] is None} == met

    @pytest.mark.parametrize(
        ("times", "expected"),
        [
            (1, "exactly 1 call"),
            (3, "exactly 3 calls"),
            (range(3, 5), "3 to 4 calls"),
            ((3, 3), "exactly 3 calls"),
            ((3, None), "at least 3 calls"),
            ((3, 7), "3 to 7 calls"),
            (range(3, 8, 2), "3, 5 or 7 calls"),
        ],
    )
    def test_sentence(self, times: Any, expected: str) -> None:
        """The sentence names what was expected and what came."""
        one = calls(0, times=times, name="login", registered_at="tests/test_x.py:7")
        assert one.unmet_times() == (
            f"Expected {expected} of 'login' (GET https://h/a) "
            f"(registered at tests/test_x.py:7), got no calls."
        )

    def test_sentence_with_calls(self) -> None:
        """The sentence lists the calls that came, up to ten of them."""
        assert calls(1, times=0).unmet_times() == (
            "Expected no calls of GET https://h/a, got 1 call.\n  1. GET https://h/a?n=0"
        )
        lines = str(calls(12, times=1).unmet_times()).splitlines()
        assert lines[0] == "Expected exactly 1 call of GET https://h/a, got 12 calls."
        assert lines[10:] == ["  10. GET https://h/a?n=9", "  … and 2 more"]

    @pytest.mark.parametrize(
        "times", ["2", 2.0, True, (1,), (1, 2, 3), [1, 2], (True, 2), ("1", 2)]
    )
    def test_wrong_types(self, times: Any) -> None:
        """What is no number of calls is refused."""
        message = f"times must be an int, a range or a (min, max) tuple, not {times!r}"
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            route(URL_A, times=times)

    @pytest.mark.parametrize("times", [-1, (3, 1), (-1, 2), range(0), range(-1, 2), (None, 2)])
    def test_wrong_numbers(self, times: Any) -> None:
        """Numbers that no route can be called are refused."""
        message = f"times must allow a number of calls, 0 or more: {times!r} does not"
        with pytest.raises((ValueError, TypeError)) as refused:
            route(URL_A, times=times)
        assert str(refused.value) in {
            message,
            f"times must be an int, a range or a (min, max) tuple, not {times!r}",
        }


class TestAssertCalled:
    """``assert_called`` and ``assert_not_called``."""

    def test_called(self) -> None:
        """Without ``times`` any call will do."""
        calls(1).assert_called()
        calls(3).assert_called()
        assert message_of(calls(0).assert_called) == (
            "Expected at least 1 call of GET https://h/a, got no calls."
        )

    def test_times(self) -> None:
        """``times`` says how often."""
        calls(2).assert_called(times=2)
        calls(2).assert_called(times=(1, None))
        calls(2).assert_called(times=range(3))
        assert message_of(calls(1).assert_called, times=2) == (
            "Expected exactly 2 calls of GET https://h/a, got 1 call.\n  1. GET https://h/a?n=0"
        )

    def test_not_called(self) -> None:
        """``assert_not_called`` lists the calls that came."""
        calls(0).assert_not_called()
        assert message_of(calls(1).assert_not_called) == (
            "Expected no calls of GET https://h/a, got 1 call.\n  1. GET https://h/a?n=0"
        )


class TestAssertCalledWith:
    """``assert_called_with``."""

    @pytest.mark.parametrize(
        ("request_", "right", "wrong"),
        [
            (recorded(json={"a": 1}), {"json": {"a": 1}}, {"json": {"a": True}}),
            (recorded(json=None), {"json": None}, {"json": 0}),
            (recorded(form=[("a", "")]), {"form": {"a": ""}}, {"form": {}}),
            (recorded(headers={"X": "1"}), {"headers": {"x": "1"}}, {"headers": {"X": "2"}}),
            (recorded(url="http://h/?a=1&b=2"), {"query": {"a": 1}}, {"query": {"a": 2}}),
            (recorded(body=b"x"), {"body": b"x"}, {"body": "y"}),
        ],
    )
    def test_fields(self, request_: Any, right: Any, wrong: Any) -> None:
        """Each argument is compared as ``Match`` does."""
        called(request_).assert_called_with(**right)
        with pytest.raises(AssertionError):
            called(request_).assert_called_with(**wrong)

    def test_message(self) -> None:
        """The message has a line for each field."""
        one = called(recorded(json={"a": 2}, headers={"X": "1"}), name="login")
        assert message_of(one.assert_called_with, json={"a": 1}, headers={"X": "1"}) == (
            "The last call of 'login' (GET https://h/a) is not as expected:\n"
            "  ✓ headers\n"
            "  ✗ json: $.a: expected 1, got 2"
        )

    @pytest.mark.parametrize(
        ("bodies", "note"),
        [
            ([1, 2], "It is the last of 2 calls; only call 1 is as expected."),
            ([1, 1, 2], "It is the last of 3 calls; only calls 1, 2 are as expected."),
            ([3, 2], "It is the last of 2 calls; none of them is as expected."),
        ],
    )
    def test_other_calls(self, bodies: list[int], note: str) -> None:
        """The last call counts; of others that would be right the message tells."""
        one = called(*(recorded(json=body) for body in bodies))
        assert message_of(one.assert_called_with, json=1).splitlines()[-1] == note

    def test_last_call_counts(self) -> None:
        """Earlier calls may be wrong."""
        called(recorded(json=2), recorded(json=1)).assert_called_with(json=1)

    def test_not_called(self) -> None:
        """A route that was not called at all is told so."""
        assert message_of(calls(0).assert_called_with, json=1) == (
            "Expected at least 1 call of GET https://h/a, got no calls."
        )


class TestWaitCalled:
    """``wait_called``."""

    async def test_called_already(self) -> None:
        """What has happened is not waited for."""
        await asyncio.wait_for(calls(2).wait_called(2, timeout=60), 1)

    async def test_waits(self) -> None:
        """The wait ends with the call that was missing."""
        one = calls(1)
        waiting = asyncio.ensure_future(one.wait_called(times=3, timeout=60))
        for _ in range(2):
            await asyncio.sleep(0)
            assert not waiting.done()
            one.record(recorded())
        await waiting

    async def test_calls_of_another_thread(self) -> None:
        """A call that is recorded by another thread ends the wait."""
        one = route(URL_A)
        waiting = asyncio.ensure_future(one.wait_called(timeout=60))
        await asyncio.sleep(0)
        thread = threading.Thread(target=one.record, args=(recorded(),))
        thread.start()
        await waiting
        thread.join()

    async def test_several_wait(self) -> None:
        """Every one who waits is woken."""
        one = route(URL_A)
        waiting = [asyncio.ensure_future(one.wait_called(timeout=60)) for _ in range(3)]
        await asyncio.sleep(0)
        one.record(recorded())
        await asyncio.gather(*waiting)

    async def test_runs_out(self) -> None:
        """A wait that runs out fails, and says what came."""
        with pytest.raises(AssertionError) as failed:
            await calls(1).wait_called(2, timeout=0.01)
        assert str(failed.value) == (
            "Expected at least 2 calls of GET https://h/a, got 1 call.\n"
            "  1. GET https://h/a?n=0\n"
            "Waited for 0.01 seconds."
        )

    async def test_cancelled(self) -> None:
        """A wait that is cancelled leaves nothing behind."""
        one = route(URL_A)
        waiting = asyncio.ensure_future(one.wait_called(timeout=60))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert one._waiters == []

    def test_loop_closed_meanwhile(self) -> None:
        """Who waited on a loop that is gone is no trouble to the next call."""
        one = route(URL_A)
        loop = asyncio.new_event_loop()
        task = loop.create_task(one.wait_called(timeout=60))
        loop.run_until_complete(asyncio.sleep(0))
        waiters = list(one._waiters)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()
        one._waiters.extend(waiters)
        one.record(recorded())
        assert one.call_count == 1


def test_repr() -> None:
    """A route prints what it is for, how often it was called and may still be."""
    assert repr(calls(1, repeat=3, name="login")) == (
        "<Route 'login' (GET https://h/a): called 1x, 3 left>"
    )
    assert repr(route("/a", "*", repeat=True)) == "<Route * /a: called 0x, for ever>"
