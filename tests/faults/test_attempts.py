"""aiohttp's silent retry, and faults that happen now and then."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from aiointercept_connector import (
    ImpossibleFaultError,
    Match,
    UnmatchedRequestError,
    aiointercept,
    faults,
    replies,
)
from tests.faults.calling import URL, kinds

pytestmark = pytest.mark.anyio

REPEATED = ["disconnect", "reset", "reset_request", "reset_on_accept"]


class TestAttempts:
    @pytest.mark.parametrize("name", REPEATED)
    async def test_both_attempts_meet_a_fault(self, wire: Any, name: str) -> None:
        """One fault is for one call: aiohttp's repetition meets it too, in the same record."""
        async with aiointercept(wire=wire, strict=True) as mock, mock.session() as session:
            route = mock.get(URL, exception=getattr(faults, name)())
            mock.get(URL)
            seen = await kinds(session, 2)
            assert seen[0] != "200"
            assert seen[1] == "200"
            assert [call.attempts for call in mock.calls] == [2, 1]
            assert route.call_count == 1

    @pytest.mark.parametrize("name", REPEATED)
    async def test_the_first_attempt_alone(self, wire: Any, name: str) -> None:
        """With ``attempts=1`` the second attempt heals: the next route answers it."""
        async with aiointercept(wire=wire, strict=True) as mock, mock.session() as session:
            fault = mock.get(URL, exception=getattr(faults, name)(attempts=1))
            healed = mock.get(URL, status=201)
            assert await kinds(session, 1) == ["201"]
            (call,) = mock.calls
            assert call.attempts == 2
            assert call.route is healed
            assert fault.calls == healed.calls == [call]

    async def test_what_answers_then(self, wire: Any) -> None:
        """``then=`` answers the second attempt, and no other route is used."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, exception=faults.reset(attempts=1, then=202))
            mock.get(URL)
            assert await kinds(session, 2) == ["202", "200"]

    async def test_a_post_is_not_repeated(self, wire: Any) -> None:
        """What aiohttp does not repeat fails with ``attempts=1`` too."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.post(URL, exception=faults.disconnect(attempts=1), repeat=True)
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await session.post(URL)
            assert mock.calls[0].attempts == 1

    async def test_nothing_is_there_to_heal_it(self) -> None:
        """A second attempt that no route is left for says so, and is no record of its own."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.disconnect(attempts=1))
            with pytest.raises(UnmatchedRequestError):
                await session.get(URL)
            assert [call.attempts for call in mock.calls] == [2]

    async def test_a_fault_heals_into_a_fault(self) -> None:
        """The route behind a fault may be another fault, on the way to the host too."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.disconnect(attempts=1))
            mock.get(URL, exception=faults.refused())
            assert await kinds(session, 1) == ["ClientConnectorError"]
            assert [call.attempts for call in mock.calls] == [2]

    async def test_a_caller_s_own_retry_is_a_new_call(self) -> None:
        """Only aiohttp's own repetition is an attempt."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.reset())
            mock.get(URL)
            assert await kinds(session, 2) == ["ClientOSError", "200"]
            assert [call.attempts for call in mock.calls] == [2, 1]


class TestHealing:
    """What is for the first attempt alone is one call's, whatever else stands behind it."""

    @pytest.mark.parametrize("name", REPEATED)
    async def test_two_in_a_row(self, wire: Any, name: str) -> None:
        """A second attempt leaves a fault that it cannot meet to the next call."""
        async with aiointercept(wire=wire, strict=True) as mock, mock.session() as session:
            first = mock.get(URL, exception=getattr(faults, name)(attempts=1))
            second = mock.get(URL, exception=getattr(faults, name)(attempts=1))
            healed = mock.get(URL, repeat=True)
            assert await kinds(session, 3) == ["200"] * 3
            one, two, three = mock.calls
            assert [call.attempts for call in mock.calls] == [2, 2, 1]
            assert (first.calls, second.calls) == ([one], [two])
            assert healed.calls == [one, two, three]

    @pytest.mark.parametrize("name", [*REPEATED, "drop_idle"])
    async def test_fail_times(self, wire: Any, name: str) -> None:
        """So many calls meet it in their first attempt, and ``then=`` answers the second."""
        fault = getattr(faults, name)(attempts=1)
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            route = mock.get(URL, reply=faults.fail_times(2, fault, then=204))
            assert await kinds(session, 3) == ["204"] * 3
            assert [call.attempts for call in mock.calls] == [2, 2, 1]
            assert route.calls == mock.calls

    async def test_fail_times_before_a_route(self, wire: Any) -> None:
        """Without ``then=`` the next route answers the second attempts."""
        fault = faults.disconnect(attempts=1)
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            route = mock.get(URL, reply=faults.fail_times(2, fault))
            mock.get(URL, repeat=True)
            assert await kinds(session, 3) == ["200"] * 3
            assert [call.attempts for call in mock.calls] == [2, 2, 1]
            assert route.used_up

    async def test_fail_times_behind_another(self, wire: Any) -> None:
        """A second attempt that comes to it uses up none of its times."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, exception=faults.reset(attempts=1))
            mock.get(URL, reply=faults.fail_times(1, faults.reset(attempts=1), then=204))
            assert await kinds(session, 3) == ["204"] * 3
            assert [call.attempts for call in mock.calls] == [2, 2, 1]

    async def test_flaky(self, wire: Any) -> None:
        """What answers otherwise answers the second attempt, and a call is drawn for once."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            fault = faults.disconnect(attempts=1)
            mock.get(URL, reply=faults.flaky(fault, 0.5, seed=7, otherwise=203))
            mock.get(URL + "y", reply=faults.flaky(faults.disconnect(), 0.5, seed=7))
            assert set(await kinds(session, 20)) == {"203"}
            await kinds(session, 20, URL + "y")
            attempts = [call.attempts for call in mock.calls]
            assert set(attempts) == {1, 2}
            assert attempts[:20] == attempts[20:]

    async def test_flaky_behind_another(self) -> None:
        """A second attempt that comes to it is not drawn for."""
        runs = []
        for before in (0, 10):
            async with aiointercept() as mock, mock.session() as session:
                for _ in range(before):
                    mock.get(URL, exception=faults.reset(attempts=1))
                fault = faults.reset(attempts=1)
                mock.get(URL, reply=faults.flaky(fault, 0.5, seed=7, otherwise=203))
                assert set(await kinds(session, before + 20)) == {"203"}
                runs.append([call.attempts for call in mock.calls[before:]])
        assert runs[0] == runs[1]

    @pytest.mark.parametrize(
        "fault",
        [faults.reset(attempts=1), faults.fail_times(1, faults.reset(attempts=1), then=204)],
    )
    async def test_both_attempts_are_one_answer(self, fault: Any) -> None:
        """A call that heals counts once for its route, however often that answers."""
        async with aiointercept() as mock, mock.session() as session:
            route = mock.get(URL, reply=faults.fail_times(2, fault, then=204), repeat=3)
            assert await kinds(session, 2) == ["204", "204"]
            assert route.remaining == 1

    async def test_one_within_another(self) -> None:
        """The reply nearest to the fault heals it."""
        inner = faults.flaky(faults.disconnect(attempts=1), 1, otherwise=203)
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, reply=faults.fail_times(1, inner, then=204))
            assert await kinds(session, 2) == ["203", "204"]
            assert [call.attempts for call in mock.calls] == [2, 1]

    @pytest.mark.parametrize("sequence", [replies.sequence, replies.cycle])
    @pytest.mark.parametrize("name", REPEATED)
    async def test_sequence(self, wire: Any, name: str, sequence: Any) -> None:
        """The second attempt is the next step that has an answer; those before it stay."""
        steps = [getattr(faults, name)(attempts=1), faults.reset(attempts=1), 201, 202]
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            route = mock.get(URL, reply=sequence(steps))
            assert await kinds(session, 2) == ["201", "202"]
            assert [call.attempts for call in mock.calls] == [2, 2]
            assert route.calls == mock.calls

    async def test_choice(self) -> None:
        """The second attempt gets one of the replies that have an answer."""
        among = {faults.disconnect(attempts=1): 9, 202: 1}
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, reply=replies.choice(among, seed=1))
            assert set(await kinds(session, 20)) == {"202"}

    async def test_delayed(self, wire: Any) -> None:
        """A fault that comes late is one call's too."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, exception=faults.disconnect(attempts=1), delay=0.001)
            mock.get(URL)
            assert await kinds(session, 1) == ["200"]
            assert [call.attempts for call in mock.calls] == [2]

    async def test_conditions_that_are_awaited(self) -> None:
        """So is one whose route has a condition that is a coroutine function."""

        async def holds(request: Any) -> bool:
            return True

        async with aiointercept() as mock, mock.session() as session:
            for _ in range(2):
                mock.get(URL, exception=faults.disconnect(attempts=1), match=Match(predicate=holds))
            mock.get(URL, repeat=True)
            assert await kinds(session, 3) == ["200"] * 3
            assert [call.attempts for call in mock.calls] == [2, 2, 1]

    async def test_what_a_callback_returns(self) -> None:
        """A fault that a callback returns is healed by its ``then=``."""
        fault = faults.disconnect(attempts=1, then=207)
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, callback=lambda request: fault)
            assert await kinds(session, 1) == ["207"]

    async def test_nothing_heals_what_a_callback_returns(self) -> None:
        """Without ``then=`` nobody else is asked, and that is said."""
        fault = faults.disconnect(attempts=1)
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, callback=lambda request: fault)
            with pytest.raises(ImpossibleFaultError) as caught:
                await session.get(URL)
            assert str(caught.value) == (
                f"GET {URL} met faults.disconnect(attempts=1) in its first attempt, and nothing "
                f"answers the second: no route is asked again for what a function returns, or a "
                f"sequence ends with. Give it then=..., the reply to the second."
            )

    async def test_then_may_be_a_fault(self) -> None:
        """``then=`` may be another fault, which is met if it is not for the first attempt alone."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.reset(attempts=1, then=faults.refused()))
            mock.get(URL, exception=faults.reset(attempts=1, then=faults.reset(attempts=1)))
            mock.get(URL, status=201)
            assert await kinds(session, 2) == ["ClientConnectorError", "201"]


class TestFailTimes:
    async def test_then_it_works(self, wire: Any) -> None:
        """So many calls fail, and all behind them are answered."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, reply=faults.fail_times(2, faults.refused(), then=204))
            assert await kinds(session, 4) == ["ClientConnectorError"] * 2 + ["204"] * 2

    async def test_calls_are_counted_not_attempts(self) -> None:
        """What aiohttp repeats counts once."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.fail_times(2, faults.disconnect(), then=204))
            assert await kinds(session, 3) == ["ServerDisconnectedError"] * 2 + ["204"]

    async def test_the_next_route_goes_on(self) -> None:
        """Without ``then=`` the route is used up, and the next one answers."""
        async with aiointercept() as mock, mock.session() as session:
            route = mock.get(URL, exception=faults.fail_times(2, faults.dns_failure()))
            mock.get(URL)
            assert route.remaining == 2
            assert await kinds(session, 3) == ["ClientConnectorDNSError"] * 2 + ["200"]

    @pytest.mark.parametrize(
        ("kwargs", "calls"),
        [({"repeat": True}, "any number of"), ({"repeat": 3}, "3"), ({"times": (1, 4)}, "4"),
         ({"repeat": 3, "delay": 1}, "3")],
    )  # fmt: skip
    def test_a_route_that_answers_more(self, kwargs: Any, calls: str) -> None:
        """Without ``then=`` a route that is to answer the calls behind too is refused."""
        twice = faults.fail_times(2, faults.refused())
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is below
            aiointercept().get(URL, exception=twice, **kwargs)
        text = (
            f"{twice} fails 2 and leaves the calls behind to the next route; this route is to "
            f"answer {calls} calls. Leave out repeat= and times=, or say what comes then: "
            f"faults.fail_times(2, faults.refused(), then=...)"
        )
        assert str(caught.value) == text

    async def test_a_route_that_answers_less(self) -> None:
        """One that is to answer fewer calls does that."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.fail_times(2, faults.refused()), repeat=1)
            mock.get(URL)
            assert await kinds(session, 2) == ["ClientConnectorError", "200"]

    async def test_every_route_counts_for_itself(self) -> None:
        """One value may stand for many routes."""
        once = faults.fail_times(1, faults.refused(), then=200)
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, reply=once)
            mock.get(URL + "y", reply=once)
            assert await kinds(session, 2) == ["ClientConnectorError", "200"]
            assert await kinds(session, 2, URL + "y") == ["ClientConnectorError", "200"]


class TestFlaky:
    async def flaky(self, rate: float, count: int = 20, **kwargs: Any) -> list[str]:
        """Return what calls of a flaky host come to."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.flaky(faults.refused(), rate, **kwargs))
            return await kinds(session, count)

    async def test_never_and_always(self) -> None:
        """A rate of 0 never fires, and one of 1 always does."""
        assert set(await self.flaky(0)) == {"200"}
        assert set(await self.flaky(1)) == {"ClientConnectorError"}

    async def test_a_seed_makes_the_run_again(self) -> None:
        """The same seed is the same run, and another one is another."""
        run = await self.flaky(0.5, seed=7)
        assert set(run) == {"200", "ClientConnectorError"}
        assert await self.flaky(0.5, seed=7) == run
        assert await self.flaky(0.5, seed=8) != run

    async def test_otherwise(self) -> None:
        """What answers the other calls may be any reply."""
        assert set(await self.flaky(0.5, seed=7, otherwise=replies.json({}, 201))) == {
            "201", "ClientConnectorError",
        }  # fmt: skip

    async def test_an_exception_for_a_fault(self) -> None:
        """An exception will do for a fault."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, reply=faults.flaky(aiohttp.ClientError("mine"), 1))
            with pytest.raises(aiohttp.ClientError, match="mine"):
                await session.get(URL)


class TestSafety:
    async def test_calls_side_by_side(self) -> None:
        """Each of many calls at once takes one answer."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.fail_times(30, faults.refused(), then=200))
            seen = await asyncio.gather(*(kinds(session, 1) for _ in range(60)))
            assert sorted(kind for (kind,) in seen) == ["200"] * 30 + ["ClientConnectorError"] * 30
