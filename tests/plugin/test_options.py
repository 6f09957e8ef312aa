"""The options of the fixture's mock: the ini file's, the marker's, and those that are refused."""

from __future__ import annotations

import pytest

from tests.plugin.running import Run, run_pytest

SOURCE = """
pytestmark = pytest.mark.intercept(passthrough=["module.test"])

def test_defaults(intercept):
    assert intercept.mock_external_urls
    assert (intercept.strict, intercept.wire) == (False, "tcp")
    intercept.get(URL)

@pytest.mark.intercept(strict=True)
class TestMarked:
    def test_class(self, intercept):
        assert (intercept.strict, intercept.wire) == (True, "tcp")
        assert intercept.passthrough == ("module.test",)

    @pytest.mark.intercept(strict=False, wire="memory", passthrough=["function.test"])
    def test_function(self, intercept):
        assert (intercept.strict, intercept.wire) == (False, "memory")
        assert intercept.passthrough == ("function.test",)

@pytest.mark.intercept(strct=True)
def test_unknown(intercept):
    pass

@pytest.mark.intercept("api.test")
def test_positional(intercept):
    pass

@pytest.mark.intercept(scope="task")
def test_task_scope(intercept):
    pass
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run them all once."""
    return run_pytest(
        tmp_path_factory.mktemp("options"),
        SOURCE,
        intercept_strict="false",
        intercept_wire="tcp",
        intercept_passthrough="ini.test",
    )


def test_the_nearest_marker_has_the_last_word(run: Run) -> None:
    """A test's options are its own, then its class's, its module's, and the ini file's."""
    assert run.outcomes == {"passed": 3, "errors": 3}


def test_an_unknown_option_is_refused_by_the_test_s_name(run: Run) -> None:
    """The error says which test, which option, and what else it could have been."""
    shown = run.report("ERROR at setup of test_unknown").splitlines()
    assert shown[1].startswith(
        "test_it.py::test_unknown asks for a mock that cannot be made: "
        "aiointercept() has no argument 'strct': did you mean 'strict'? It has: "
    )
    assert shown[2] == (
        "Its options, from the marker `intercept` and the ini file: mock_external_urls=True, "
        "strict=False, wire='tcp', passthrough=['module.test'], strct=True"
    )


def test_a_positional_option_is_refused(run: Run) -> None:
    """The marker's arguments have names."""
    shown = run.report("ERROR at setup of test_positional")
    assert shown.strip().splitlines()[0] == (
        "test_it.py::test_positional: @pytest.mark.intercept takes keyword arguments, "
        "not 'api.test'"
    )


def test_a_task_scope_is_refused(run: Run) -> None:
    """A fixture is not entered in the test's task, so its mock would be seen by nobody."""
    assert run.report("ERROR at setup of test_task_scope").splitlines()[1] == (
        "test_it.py::test_task_scope asks for a mock that cannot be made: scope='task' is seen by "
        "what is started from where it was entered, and a fixture is entered elsewhere: "
        "use `with aiointercept(True, scope='task') as mock:` in the test"
    )
