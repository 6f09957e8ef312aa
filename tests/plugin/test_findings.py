"""What the fixture's mock has to complain of: where it is reported, and how."""

from __future__ import annotations

import pytest

from tests.plugin.running import PRELUDE, Run, run_pytest

SOURCE = """
import unittest
from aiointercept_connector.unittesting import InterceptTestCase

def test_unused(intercept):
    intercept.get(URL)

def test_unmatched(intercept):
    asyncio.run(ask_carelessly())

def test_times(intercept):
    intercept.get(URL, times=2)
    asyncio.run(ask())

def test_failing(intercept):
    intercept.get(URL)
    assert 1 == 2

def test_told_to_fail(intercept):
    intercept.get(URL)
    pytest.fail("said so")

def test_asked_a_lot(intercept):
    intercept.post(URL, json={"id": 7}, status=201, name="create")
    intercept.post(URL, exception=True)
    asyncio.run(ask(method="POST", json={"text": "x" * 500}))
    asyncio.run(ask_carelessly(URL + "/9"))
    assert False

class TestClass:
    @pytest.mark.parametrize("number", [1])
    def test_method(self, intercept, number):
        intercept.get(URL)

@pytest.mark.xfail(strict=True)
def test_expected_to_fail(intercept):
    intercept.get(URL)

def test_skipped(intercept):
    intercept.get(URL)
    pytest.skip("not today")

def test_passes(intercept):
    intercept.get(URL, json=[])
    assert asyncio.run(ask()) == []

def test_asked_late(request):
    request.getfixturevalue("intercept").get(URL)

def test_raising(intercept):
    asyncio.run(ask())

def test_wrapping(intercept):
    try:
        asyncio.run(ask())
    except aiohttp.ClientError as error:
        raise RuntimeError("no users") from error

class TestOfMixin(InterceptTestCase):
    def test_mixin(self):
        self.intercept.get(URL)

    def test_passing_mixin(self):
        self.intercept.get(URL, json=[])
        assert asyncio.run(ask()) == []

class TestOfUnittest(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def mock(self, intercept):
        intercept.get(URL)

    def test_unittest(self):
        pass

    def test_failing_unittest(self):
        self.fail("said so")

    def test_skipped_unittest(self):
        self.skipTest("not today")

@pytest.fixture
def login(intercept):
    asyncio.run(ask_carelessly(URL + "/login"))
    raise RuntimeError("no login")

def test_never_run(intercept, login):
    intercept.get(URL)

@pytest.fixture
def careless(intercept):
    yield
    asyncio.run(ask_carelessly(URL + "/logout"))

def test_left_carelessly(careless):
    pass

@pytest.fixture
def logged_in(intercept):
    intercept.get(URL + "/logout", json=[], times=(0, 1))
    yield
    asyncio.run(ask(URL + "/logout"))

def test_left_properly(logged_in):
    pass
"""


def line_of(text: str) -> int:
    """Return the number of the line of the tests that *text* stands in."""
    return (PRELUDE + SOURCE).split(text)[0].count("\n") + 1


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run them all once."""
    return run_pytest(tmp_path_factory.mktemp("findings"), SOURCE)


def test_what_a_mock_finds_fails_the_test_itself(run: Run) -> None:
    """Findings are failures, not errors; skips and expected failures stay what they are."""
    assert run.outcomes == {"failed": 13, "passed": 4, "skipped": 2, "xfailed": 1, "errors": 2}


def test_a_finding_is_shown_at_the_line_of_its_test(run: Run) -> None:
    """The report has the test's first line and our message, and no frame of our own."""
    line = line_of("def test_unused")
    shown = run.report("test_unused").strip()
    assert shown == (
        ">   def test_unused(intercept):\n"
        "E   aiointercept_connector.errors.VerificationError: GET https://api.test/users was never "
        f"called (registered at test_it.py:{line + 1}).\n\n"
        f"test_it.py:{line}: VerificationError\n"
        "----------------------------- intercepted requests -----------------------------\n"
        "No request was made."
    )


def test_a_method_is_found_too(run: Run) -> None:
    """The line is the one that names a parametrized method, below its decorators."""
    line = line_of("    def test_method(")
    assert f"\ntest_it.py:{line}: VerificationError\n" in run.report("TestClass.test_method[1]")


def test_a_swallowed_unmatched_request_fails_the_test(run: Run) -> None:
    """The code under test may catch the error: the test fails with its explanation."""
    assert run.errors("test_unmatched") == (
        "aiointercept_connector.errors.VerificationError: GET https://api.test/users met no route "
        "of the mock, and is not allowed to reach the network.\n"
        "It had no body.\n"
        "No routes are registered.\n"
        "To answer it: mock.get('https://api.test/users')"
    )


def test_unmet_times_fail_the_test(run: Run) -> None:
    """A route called less often than ``times`` asks is a finding."""
    line = line_of("intercept.get(URL, times=2)")
    assert run.errors("test_times") == (
        "aiointercept_connector.errors.VerificationError: Expected exactly 2 calls of "
        f"GET https://api.test/users (registered at test_it.py:{line}), got 1 call.\n"
        "1. GET https://api.test/users"
    )


def test_a_failing_test_gets_the_findings_as_notes(run: Run) -> None:
    """What the test itself said comes first, at its own line."""
    line = line_of("def test_failing")
    assert run.errors("test_failing") == (
        "assert 1 == 2\n"
        f"GET https://api.test/users was never called (registered at test_it.py:{line + 1})."
    )
    assert f"test_it.py:{line + 2}: AssertionError" in run.report("test_failing")
    assert "was never called" in run.report("test_told_to_fail")


def test_an_error_that_says_it_already_is_not_repeated(run: Run) -> None:
    """A request that met no route, and whose error is what failed the test, is explained once."""
    for test in ("test_raising", "test_wrapping"):
        shown = run.report(test)
        assert "UnmatchedRequestError: GET https://api.test/users met no route" in shown
        assert shown.count("To answer it: mock.get('https://api.test/users')") == 1


def test_a_fixture_asked_for_in_the_test_is_verified(run: Run) -> None:
    """``request.getfixturevalue("intercept")`` gives the same mock."""
    assert "was never called" in run.errors("test_asked_late")


def test_a_test_case_of_unittest_may_use_the_fixture(run: Run) -> None:
    """It is verified, unless it failed by itself."""
    assert "was never called" in run.errors("TestOfUnittest.test_unittest")
    assert run.errors("TestOfUnittest.test_failing_unittest") == "AssertionError: said so"


def test_the_mixin_s_findings_are_shown_alike(run: Run) -> None:
    """A test of an ``InterceptTestCase`` fails at its own line, without a frame of ours."""
    line = line_of("    def test_mixin")
    shown = run.report("TestOfMixin.test_mixin").strip().splitlines()
    assert shown[0].startswith(">   ")
    assert shown[-1] == f"test_it.py:{line}: VerificationError"


def test_a_failure_shows_what_was_asked_and_answered(run: Run) -> None:
    """Request by request, with bodies shortened."""
    shown = run.report("test_asked_a_lot").split(" intercepted requests ")[1].splitlines()[1:]
    line = line_of("intercept.post(URL, json=")
    assert shown[0] == "1. POST https://api.test/users"
    assert shown[1].startswith('   asked with a body of application/json, 512 bytes: b\'{"text"')
    assert len(shown[1]) < 200
    assert shown[2:] == [
        f"   answered by 'create' (POST https://api.test/users), registered at test_it.py:{line}",
        "   with 201 Created, application/json, 9 bytes: b'{\"id\": 7}'",
        "2. GET https://api.test/users/9",
        "   met no route",
    ]


def test_a_test_that_could_not_start_is_not_verified(run: Run) -> None:
    """A failing fixture is the only error, with what was asked up to then."""
    shown = run.report("ERROR at setup of test_never_run")
    assert "RuntimeError: no login" in shown
    assert "1. GET https://api.test/users/login\n   met no route" in shown
    assert "was never called" not in shown


def test_what_a_fixture_asks_afterwards_is_the_fixture_s(run: Run) -> None:
    """A request that meets no route when the test is over is an error at teardown."""
    heading = "ERROR at teardown of test_left_carelessly"
    assert "GET https://api.test/users/logout met no route of the mock" in run.errors(heading)
    assert "intercepted requests" not in run.report(heading)
