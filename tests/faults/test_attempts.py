"""aiohttp's silent retry, and faults that happen now and then."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession

from aiointercept_connector import UnmatchedRequestError, aiointercept, faults, replies
from tests.faults.test_connect import outcome

pytestmark = pytest.mark.anyio

URL = "http://api.example.com/x"
REPEATED = ["disconnect", "reset", "reset_request", "reset_on_accept"]


async def kinds(session: ClientSession, count: int, url: str = URL) -> list[str]:
    """Return what so many calls come to: a status, or the class of an error."""
    return [await outcome(session, "GET", url) for _ in range(count)]


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


class TestChaos:
    async def test_it_happens_to_whatever_is_registered(self, wire: Any) -> None:
        """All that a mock answers meets faults while the block lasts, and nothing after."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, repeat=True)
            with mock.chaos(rate=1, faults=[faults.refused(), faults.disconnect()], seed=3):
                assert set(await kinds(session, 20)) == {
                    "ClientConnectorError", "ServerDisconnectedError",
                }  # fmt: skip
            assert await kinds(session, 2) == ["200", "200"]

    async def test_no_route_is_used_up(self) -> None:
        """A call that meets chaos leaves its route as it was, and is recorded as chaos."""
        async with aiointercept(strict=True) as mock, mock.session() as session:
            route = mock.get(URL)
            with mock.chaos(rate=1, faults=[faults.truncated()]) as chaos:
                assert await kinds(session, 2) == ["ClientPayloadError"] * 2
            assert route.call_count == 0
            assert await kinds(session, 1) == ["200"]
            assert [call.route for call in mock.calls] == [*chaos.routes * 2, route]

    async def test_a_rate_of_0_is_no_chaos(self) -> None:
        """Nothing happens by a rate of 0."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, repeat=True)
            with mock.chaos(rate=0):
                assert set(await kinds(session, 20)) == {"200"}

    async def test_a_seed_makes_the_run_again(self) -> None:
        """The seed that a run has can be given to the next."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, repeat=True)
            with mock.chaos(rate=0.5) as chaos:
                first = await kinds(session, 30)
            with mock.chaos(rate=0.5, seed=chaos.seed):
                assert await kinds(session, 30) == first
            with chaos:
                assert await kinds(session, 30) == first

    async def test_hosts(self) -> None:
        """It may be for some hosts alone."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, repeat=True)
            mock.get("http://else.test/", repeat=True)
            with mock.chaos(rate=1, faults=[faults.refused()], hosts=["*.test"]):
                assert await kinds(session, 1) == ["200"]
                assert await kinds(session, 1, "http://else.test/") == ["ClientConnectorError"]

    async def test_faults_of_tls_are_for_https(self) -> None:
        """Of its faults, a call meets those that are of its scheme."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get("/x", repeat=True)
            with mock.chaos(rate=1, faults=[faults.expired(), faults.refused()], seed=1):
                assert set(await kinds(session, 10)) == {"ClientConnectorError"}
                secure = await kinds(session, 10, URL.replace("http", "https"))
                assert set(secure) == {"ClientConnectorError", "ClientConnectorCertificateError"}

    async def test_the_seed_is_in_the_failure(self) -> None:
        """What fails in the block tells what has happened, and how to see it again."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, repeat=True)
            chaos = mock.chaos(rate=1, faults=[faults.refused()], seed=42)
            with pytest.raises(AssertionError) as caught, chaos:
                assert await kinds(session, 3) == []
            assert caught.value.__notes__ == [  # type: ignore[attr-defined]
                "chaos: 3x faults.refused() by rate=1. chaos(rate=1, seed=42) runs the same again."
            ]

    async def test_start_and_stop(self) -> None:
        """It may be begun and ended by hand."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, repeat=True)
            chaos = mock.chaos(rate=1, faults=[faults.refused()]).start()
            with pytest.raises(RuntimeError, match="has been started already"):
                chaos.start()
            assert await kinds(session, 1) == ["ClientConnectorError"]
            chaos.stop()
            chaos.stop()
            assert await kinds(session, 1) == ["200"]
            assert repr(chaos).startswith("<chaos rate=1 seed=")


class TestSafety:
    async def test_calls_side_by_side(self) -> None:
        """Each of many calls at once takes one answer."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, exception=faults.fail_times(30, faults.refused(), then=200))
            seen = await asyncio.gather(*(kinds(session, 1) for _ in range(60)))
            assert sorted(kind for (kind,) in seen) == ["200"] * 30 + ["ClientConnectorError"] * 30
