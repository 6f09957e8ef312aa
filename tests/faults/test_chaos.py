"""Chaos: what happens to whom, and who is told of it."""

from __future__ import annotations

import io
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from aiointercept_connector import VerificationError, aiointercept, faults
from aiointercept_connector.unittesting import InterceptTestCase
from tests.faults.calling import URL, kinds
from tests.plugin.running import ROOT, run_pytest

pytestmark = pytest.mark.anyio

STORY = "3x faults.refused() by rate=1. chaos(rate=1, seed=42) runs the same again."


def noted(exc: BaseException) -> list[str]:
    """Return the notes of an exception, on every Python."""
    return getattr(exc, "__notes__", [])


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

    async def test_stopping_leaves_no_trace(self) -> None:
        """A call behind it pays nothing for it; one that may fail by its route is still asked."""
        async with aiointercept() as mock:
            mock.get(URL, repeat=True)
            chaos, other = mock.chaos(rate=1).start(), mock.chaos(rate=1).start()
            asked = [mock.interceptor.fails_early]
            for one in (chaos, other):
                one.stop()
                asked.append(mock.interceptor.fails_early)
            mock.get("/y", reply=faults.fail_times(1, faults.refused()))
            chaos.start().stop()
            asked.append(mock.interceptor.fails_early)
            assert asked == [True, True, False, True]

    async def test_leaving_the_mock_ends_it(self) -> None:
        """Chaos that nobody has ended does not come again when the mock is entered again."""
        mock = aiointercept()
        async with mock:
            chaos = mock.chaos(rate=1, faults=[faults.refused()]).start()
        async with mock, mock.session() as session:
            mock.get(URL, repeat=True)
            assert await kinds(session, 2) == ["200", "200"]
            with chaos:
                assert await kinds(session, 1) == ["ClientConnectorError"]


FIRST_ALONE = [
    faults.drop_idle(),
    faults.reset_on_accept(attempts=1),
    faults.disconnect(attempts=1),
    faults.reset_request(attempts=1),
]


class TestAttempts:
    @pytest.mark.parametrize("fault", FIRST_ALONE, ids=str)
    async def test_a_call_is_drawn_for_once(self, wire: Any, fault: Any, session_of: Any) -> None:
        """What happens to the first attempt alone is healed by the second, at any rate."""
        async with aiointercept(True, wire=wire) as mock, session_of(mock) as session:
            route = mock.get(URL, repeat=True)
            with mock.chaos(rate=1, faults=[fault]) as chaos:
                assert await kinds(session, 3) == ["200"] * 3
            assert [call.attempts for call in mock.calls] == [2, 2, 2]
            assert route.calls == chaos.routes[0].calls == mock.calls

    @pytest.mark.parametrize("name", ["reset_on_accept", "disconnect"])
    async def test_a_second_attempt_meets_it_again(self, wire: Any, name: str) -> None:
        """What happens to a call happens to both attempts, and counts once."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(URL, repeat=True)
            fault = getattr(faults, name)()
            with mock.chaos(rate=0.5, seed=7, faults=[fault]) as chaos:
                seen = await kinds(session, 20)
            assert [call.attempts for call in mock.calls] == [1 + (one != "200") for one in seen]
            assert chaos.routes[0].call_count == 20 - seen.count("200")

    async def test_second_attempts_draw_nothing(self) -> None:
        """The seed tells which calls it happens to, however often aiohttp repeats them."""
        runs = []
        for fault in (faults.disconnect(attempts=1), faults.refused()):
            async with aiointercept() as mock, mock.session() as session:
                mock.get(URL, repeat=True)
                with mock.chaos(rate=0.5, seed=7, faults=[fault]) as chaos:
                    await kinds(session, 20)
                met = chaos.routes[0].calls
                runs.append([call in met for call in mock.calls])
        assert runs[0] == runs[1]
        assert {True, False} == set(runs[0])

    async def test_a_route_s_own_fault_is_no_second_chance(self) -> None:
        """A call that chaos has spared is spared in its second attempt too."""
        async with aiointercept() as mock, mock.session() as session:
            for _ in range(20):
                mock.get(URL, exception=faults.disconnect(attempts=1))
            mock.get(URL, repeat=True)
            with mock.chaos(rate=0.5, seed=7, faults=[faults.refused()]) as chaos:
                await kinds(session, 20)
            for call in mock.calls:
                assert call.attempts == (1 if call in chaos.routes[0].calls else 2)


async def shaken(mock: aiointercept, session: ClientSession, **kwargs: Any) -> None:
    """Let three calls meet chaos, with a seed that is known."""
    mock.get(URL, repeat=True)
    with mock.chaos(rate=1, faults=[faults.refused()], seed=42):
        await kinds(session, 3)


class TestTelling:
    async def test_what_fails_in_the_block(self) -> None:
        """What fails in the block tells what has happened, and how to see it again."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, repeat=True)
            chaos = mock.chaos(rate=1, faults=[faults.refused()], seed=42)
            with pytest.raises(AssertionError) as caught, chaos:
                assert await kinds(session, 3) == []
            assert noted(caught.value) == [f"chaos: {STORY}"]

    async def test_what_fails_behind_the_block(self) -> None:
        """What fails later, in the mock's block, tells too, and once."""
        with pytest.raises(ZeroDivisionError) as caught:  # noqa: PT012 - leaving is what is tested
            async with aiointercept() as mock, mock.session() as session:
                await shaken(mock, session)
                raise ZeroDivisionError
        assert noted(caught.value) == [f"chaos: {STORY}"]

    def test_what_fails_in_a_plain_block(self) -> None:
        """So it is where nothing is awaited."""
        with pytest.raises(ZeroDivisionError) as caught, aiointercept() as mock:  # noqa: PT012
            mock.chaos(rate=0.1, seed=42).start()
            raise ZeroDivisionError
        assert noted(caught.value) == [
            "chaos: no fault by rate=0.1. chaos(rate=0.1, seed=42) runs the same again."
        ]

    async def test_what_a_mock_finds(self) -> None:
        """What leaving the mock complains of ends with the seed."""
        with pytest.raises(VerificationError) as caught:
            async with aiointercept(strict=True) as mock, mock.session() as session:
                await shaken(mock, session)
        assert str(caught.value).startswith(f"GET {URL} was never called")
        assert str(caught.value).endswith(f"\nchaos: {STORY}")

    async def test_chaos_alone_is_no_failure(self) -> None:
        """Leaving a mock that has nothing to complain of raises nothing."""
        async with aiointercept() as mock, mock.session() as session:
            await shaken(mock, session)

    async def test_stopping_while_something_fails(self) -> None:
        """``stop()`` in a ``finally`` tells what is on its way."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(URL, repeat=True)
            chaos = mock.chaos(rate=1, faults=[faults.refused()], seed=42).start()
            with pytest.raises(ZeroDivisionError) as caught:  # noqa: PT012 - the `finally` is it
                try:
                    await kinds(session, 3)
                    raise ZeroDivisionError
                finally:
                    chaos.stop()
            assert noted(caught.value) == [f"chaos: {STORY}"]

    async def test_stopping_the_mock_while_something_fails(self) -> None:
        """So does that of the mock, where both were started by hand."""
        mock = aiointercept()
        mock.start()
        mock.get(URL, repeat=True)
        mock.chaos(rate=1, faults=[faults.refused()], seed=42).start()
        with pytest.raises(ZeroDivisionError) as caught:  # noqa: PT012 - the `finally` is it
            try:
                async with mock.session() as session:
                    await kinds(session, 3)
                raise ZeroDivisionError
            finally:
                await mock.stop()
        assert noted(caught.value) == [f"chaos: {STORY}"]

    async def test_another_run_tells_its_own(self) -> None:
        """What happened before the mock was entered again is over."""
        mock = aiointercept()
        async with mock, mock.session() as session:
            await shaken(mock, session)
        with pytest.raises(ZeroDivisionError) as caught:
            async with mock:
                raise ZeroDivisionError
        assert noted(caught.value) == []

    def test_every_python_shows_it(self) -> None:
        """Without a test runner it is in the traceback; where that shows no notes, before it."""
        failing = (
            "from aiointercept_connector import aiointercept\n"
            "with aiointercept() as mock, mock.chaos(rate=0.1, seed=42):\n"
            "    raise ZeroDivisionError"
        )
        # A program of its own: what pytest brings along shows notes on Python 3.10 too.
        run = subprocess.run(
            [sys.executable, "-c", failing], capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert run.stderr.count("chaos(rate=0.1, seed=42) runs the same again.") == 1
        assert "ZeroDivisionError" in run.stderr

    @pytest.mark.parametrize("fails", [True, False])
    def test_test_cases(self, fails: bool, capsys: pytest.CaptureFixture[str]) -> None:
        """The mixin for unittest tells what has happened in a test, if it fails by itself or not.

        A route that chaos has kept from being called is a failure too.
        """

        class Case(InterceptTestCase, unittest.TestCase):
            def test_it(self) -> None:
                self.intercept.get(URL)
                self.intercept.chaos(rate=0.1, seed=42).start()
                if fails:
                    self.fail()

        assert "chaos(rate=0.1, seed=42) runs" in ran(Case) + capsys.readouterr().err


def ran(case: type[unittest.TestCase]) -> str:
    """Return what unittest says of a test case."""
    said = io.StringIO()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    unittest.TextTestRunner(said).run(suite)
    return said.getvalue()


SUITE = """
from aiointercept_connector import aiointercept, faults

async def shaken(mock, session):
    mock.get(URL, repeat=True)
    for _ in range(3):
        try:
            await session.get(URL)
        except aiohttp.ClientError:
            pass

async def run(mock, stop=True):
    chaos = mock.chaos(rate=1, faults=[faults.refused()], seed=42).start()
    async with mock.session() as session:
        await shaken(mock, session)
    if stop:
        chaos.stop()

@pytest.fixture
def mock():
    with aiointercept() as mock:
        yield mock

def test_in_the_middle(mock):
    asyncio.run(run(mock, stop=False))
    assert False

def test_behind(mock):
    asyncio.run(run(mock))
    assert False

def test_behind_it_all():
    with aiointercept() as mock:
        asyncio.run(run(mock))
    assert False

def test_passing(mock):
    asyncio.run(run(mock))

def test_of_none():
    assert False

def test_ended_and_kept(mock):
    chaos = mock.chaos(rate=0, seed=6).start()
    chaos.stop()
    assert chaos is None

@pytest.fixture(scope="module")
def lasting():
    with aiointercept() as mock, mock.chaos(rate=0, seed=5):
        yield mock

def test_calm(lasting):
    pass

def test_under_lasting_chaos(lasting):
    assert False
"""


def test_pytest_shows_it(tmp_path: Path) -> None:
    """A failed test has what happened by chance in a section of its own, whoever holds the mock."""
    run = run_pytest(tmp_path, SUITE)
    assert run.outcomes == {"failed": 6, "passed": 2}
    for name in ("in_the_middle", "behind", "behind_it_all"):
        shown = run.report(f"test_{name}").split("- chaos -")[1].strip("- \n")
        assert shown == STORY
    assert "- chaos -" not in run.report("test_of_none")
    assert run.report("test_ended_and_kept").count("chaos(rate=0, seed=6) runs") == 1
    assert "chaos(rate=0, seed=5) runs" in run.report("test_under_lasting_chaos")
