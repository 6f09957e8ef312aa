"""Test cases of unittest, run as unittest runs them."""

from __future__ import annotations

import asyncio
import gc
import sys
import unittest
import warnings
from typing import Any, ClassVar

import pytest
from aiohttp import ClientError, ClientSession, web
from aiohttp.test_utils import AioHTTPTestCase

from aiointercept_connector import VerificationError, aiointercept, scope
from aiointercept_connector.unittesting import InterceptTestCase

URL = "https://api.test/x"


async def text(url: str = URL) -> str:
    """Ask *url*, as code under test does."""
    async with ClientSession() as session, session.get(url) as response:
        return await response.text()


def run(case: type[unittest.TestCase]) -> unittest.TestResult:
    """Run the tests of *case*, and see that nothing of theirs stays active."""
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert scope.active() == ()
    return result


def failures(case: type[unittest.TestCase]) -> dict[str, str]:
    """Return the tracebacks of the tests of *case* that failed, none being in error."""
    result = run(case)
    assert result.errors == []
    return {test.id().rpartition(".")[2]: shown for test, shown in result.failures}


def succeeds(case: type[unittest.TestCase], tests: int) -> bool:
    """Tell whether *case* has so many tests, and all succeed."""
    result = run(case)
    assert result.errors == result.failures == []
    return result.testsRun == tests


def test_an_async_test_case() -> None:
    """Async tests are answered, ``asyncSetUp`` and ``asyncTearDown`` included."""

    class Case(InterceptTestCase, unittest.IsolatedAsyncioTestCase):
        async def asyncSetUp(self) -> None:
            self.intercept.get(URL, body="set up", repeat=True)
            assert await text() == "set up"

        async def test_async(self) -> None:
            assert await text() == "set up"

        def test_sync(self) -> None:
            assert self.intercept.call_count == 1

        async def asyncTearDown(self) -> None:
            assert await text() == "set up"

    assert succeeds(Case, 2)


def test_in_either_order() -> None:
    """The mixin may stand first or last."""

    class Case(unittest.IsolatedAsyncioTestCase, InterceptTestCase):
        async def test_it(self) -> None:
            self.intercept.get(URL, body="mocked")
            assert await text() == "mocked"

    assert succeeds(Case, 1)


def test_a_plain_test_case() -> None:
    """Alone, it is a test case of plain tests, whose code may run loops of its own."""

    class Case(InterceptTestCase):
        def test_it(self) -> None:
            self.intercept.get(URL, body="mocked")
            assert asyncio.run(text()) == "mocked"

        def test_afresh(self) -> None:
            assert not self.intercept.called

    assert succeeds(Case, 2)


def test_aiohttp_s_test_case() -> None:
    """Beside ``AioHTTPTestCase`` the server is real, and what it asks in turn is answered."""

    class Case(InterceptTestCase, AioHTTPTestCase):
        async def get_application(self) -> web.Application:
            async def proxied(request: web.Request) -> web.Response:
                return web.Response(text=await text())

            app = web.Application()
            app.router.add_get("/", proxied)
            return app

        async def test_it(self) -> None:
            self.intercept.get(URL, body="mocked")
            async with self.client.get("/") as response:
                assert await response.text() == "mocked"
            assert self.intercept.call_count == 1

    assert succeeds(Case, 1)


class Complaints:
    """Tests that leave the mock something to complain of; no test case, or pytest would run it."""

    intercept: aiointercept

    def test_unused(self) -> None:
        """Register what is never asked."""
        self.intercept.get(URL)

    def test_unmatched(self) -> None:
        """Ask what is not registered, carelessly."""

        async def carelessly() -> None:
            with pytest.raises(ClientError):
                await text()

        asyncio.run(carelessly())

    def test_times(self) -> None:
        """Ask too seldom."""
        self.intercept.get(URL, times=2)
        asyncio.run(text())

    def test_fine(self) -> None:
        """Do it right."""
        self.intercept.get(URL)
        asyncio.run(text())


def test_a_finding_fails_its_test() -> None:
    """Unused routes, unmatched requests and unmet ``times`` are failures, at the test's line."""

    class Case(Complaints, InterceptTestCase):
        pass

    shown = failures(Case)
    assert sorted(shown) == ["test_times", "test_unmatched", "test_unused"]
    line = Complaints.test_unused.__code__.co_firstlineno
    before, _, at = shown["test_unused"].rpartition("  File ")
    assert before.count("  File ") == 1
    assert at.startswith(
        f'"{__file__}", line {line}, in test_unused\n'
        "    def test_unused(self) -> None:\n"
        "aiointercept_connector.errors.VerificationError: "
        "GET https://api.test/x was never called (registered at "
    )
    assert "GET https://api.test/x met no route of the mock" in shown["test_unmatched"]
    assert "Expected exactly 2 calls of GET https://api.test/x" in shown["test_times"]


def test_an_async_test_s_finding() -> None:
    """The same for a coroutine."""

    class Case(InterceptTestCase, unittest.IsolatedAsyncioTestCase):
        async def test_unused(self) -> None:
            self.intercept.get(URL)

    shown = failures(Case)["test_unused"]
    line = Case.test_unused.__code__.co_firstlineno
    assert f'"{__file__}", line {line}, in test_unused\n' in shown


def test_a_failing_test_gets_findings_as_notes() -> None:
    """A test that fails already keeps its own failure, and its line; there is but one."""
    raised: list[BaseException] = []

    class Result(unittest.TestResult):
        def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 - unittest's
            raised.append(err[1])
            super().addFailure(test, err)

    class Case(InterceptTestCase, unittest.IsolatedAsyncioTestCase):
        async def test_it(self) -> None:
            self.intercept.get(URL, name="never")
            raise AssertionError("own")

        def test_sync(self) -> None:
            self.intercept.get(URL, name="never")
            raise AssertionError("own")

    result = Result()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert list(map(str, raised)) == ["own", "own"]
    for error, (_, shown) in zip(raised, result.failures, strict=True):
        (note,) = error.__notes__  # type: ignore[attr-defined]  # 3.10 does not know it
        assert note.startswith("'never' (GET https://api.test/x) was never called")
        assert 'raise AssertionError("own")' in shown
        if sys.version_info >= (3, 11):
            assert note in shown


def test_expected_failures_and_skips() -> None:
    """Decorators of unittest hold: a finding can be expected, and a skipped test has none."""

    class Case(InterceptTestCase, unittest.IsolatedAsyncioTestCase):
        @unittest.expectedFailure
        async def test_expected(self) -> None:
            self.intercept.get(URL)

        @unittest.skip("not today")
        async def test_skipped(self) -> None:
            self.intercept.get(URL)

        async def test_skipping(self) -> None:
            self.intercept.get(URL)
            self.skipTest("not today")

    result = run(Case)
    assert result.wasSuccessful()
    assert len(result.expectedFailures) == 1
    assert len(result.skipped) == 2


def test_options() -> None:
    """``intercept_options`` are the mock's arguments; a subclass adds its own."""

    class Base(InterceptTestCase):
        intercept_options: ClassVar[dict[str, Any]] = {"strict": False, "wire": "tcp"}

        def test_it(self) -> None:
            self.intercept.get(URL)
            assert (self.intercept.strict, self.intercept.wire) == (False, "tcp")

    class Derived(Base):
        intercept_options: ClassVar[dict[str, Any]] = {"wire": "memory"}

        def test_it(self) -> None:
            self.intercept.get(URL)
            assert (self.intercept.strict, self.intercept.wire) == (False, "memory")

    assert succeeds(Base, 1)
    assert succeeds(Derived, 1)


def test_a_bad_option() -> None:
    """A wrong option is said by the name of the argument, and nothing stays active."""

    class Case(InterceptTestCase):
        intercept_options: ClassVar[dict[str, Any]] = {"strct": True}

        def test_it(self) -> None: ...

    with pytest.raises(TypeError, match="has no argument 'strct': did you mean 'strict'"):
        run(Case)
    assert scope.active() == ()


def test_what_is_in_flight_is_left(wire: str) -> None:
    """A test that ends while a reply is awaited leaves no task and no open transport."""

    class Case(InterceptTestCase, unittest.IsolatedAsyncioTestCase):
        intercept_options: ClassVar[dict[str, Any]] = {"wire": wire}

        async def test_it(self) -> None:
            arrived = asyncio.Event()

            async def never(url: object, **kwargs: object) -> None:
                arrived.set()
                await asyncio.Event().wait()

            async def ask() -> None:
                with pytest.raises((ClientError, asyncio.CancelledError)):
                    await text()

            self.intercept.get(URL, callback=never)
            self.asking = asyncio.ensure_future(ask())
            await arrived.wait()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert succeeds(Case, 1)
        gc.collect()
    assert caught == []


def test_debug() -> None:
    """``debug()``, for debuggers, runs a test in the mock too, and lets its findings out."""

    class Case(Complaints, InterceptTestCase):
        pass

    Case("test_fine").debug()
    with pytest.raises(VerificationError):
        Case("test_unused").debug()
    assert scope.active() == ()


def test_decorators() -> None:
    """Without the mixin: ``aiointercept`` decorates methods and classes of test cases."""

    @aiointercept(True, param="mock")
    class Case(unittest.IsolatedAsyncioTestCase):
        async def test_async(self, mock: aiointercept) -> None:
            mock.get(URL, body="mocked")
            assert await text() == "mocked"

        def test_sync(self, mock: aiointercept) -> None:
            mock.get(URL, body="mocked")
            assert asyncio.run(text()) == "mocked"

    class Strict(unittest.TestCase):
        @aiointercept(True, strict=True)
        def test_unused(self, mock: aiointercept) -> None:
            mock.get(URL)

    assert succeeds(Case, 2)
    assert "was never called" in failures(Strict)["test_unused"]
