"""The pytest plugin: the fixture ``intercept``, its marker, and the options of a whole suite.

pytest loads it in every run, so what the fixtures need is imported when a test asks for them.

A mock is verified when its test has returned, before anything is torn down: what it finds fails the
test itself, at its own line.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

if TYPE_CHECKING:
    from .errors import VerificationError
    from .mock import aiointercept

__all__ = ("intercept", "watched")

_BLOCK = "--block-network"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what a suite can set in its ini file."""
    for name, kind, default, text in _INI:
        parser.addini(name, text, kind, default=default)


_INI: Final[tuple[tuple[str, Any, Any, str], ...]] = (
    ("intercept_strict", "bool", True, "fail tests for unused routes and unmatched requests"),
    ("intercept_wire", "string", "memory", "what connections to mocks are made of: memory or tcp"),
    ("intercept_passthrough", "linelist", [], "hosts that tests may reach for real"),
    ("intercept_block_network", "bool", False, f"the same as {_BLOCK}"),
    ("intercept_allow_network", "linelist", [], f"what may be reached in spite of {_BLOCK}"),
)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> None:
    """Add the command line option, once every installed plugin has added its own."""
    # pytest-recording has an option of this name, with this meaning: one flag is for both.
    with suppress(ValueError):
        parser.getgroup("aiointercept_connector").addoption(
            _BLOCK, action="store_true", help="forbid real connections of aiohttp clients"
        )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, add the fixtures of the seed's names, and block the network if asked."""
    config.addinivalue_line(
        "markers",
        "intercept(**options): arguments of aiointercept() for the fixture `intercept`.",
    )
    manager = config.pluginmanager
    taking_over = sys.modules.get(f"{__package__}.takeover")
    if taking_over is not None:
        # A conftest may have called it, after pytest had loaded the original's plugin.
        taking_over.take_fixtures(manager)
    # A suite that has aiointercept installed keeps the fixtures that it knows.
    known = [manager.get_plugin(name) for name in ("aiointercept", "aiointercept.pytest_plugin")]
    if not any(hasattr(plugin, "aiointercept_mock") for plugin in known):
        from . import seed_fixtures

        manager.register(seed_fixtures, seed_fixtures.__name__)
    if config.getoption("block_network", False) or config.getini("intercept_block_network"):
        _block_network(config)


def _block_network(config: pytest.Config) -> None:
    from .blocking import block_network

    blocked = block_network(allow=config.getini("intercept_allow_network"))
    blocked.__enter__()
    config.add_cleanup(lambda: blocked.__exit__(None, None, None))


@pytest.fixture
def intercept(request: pytest.FixtureRequest) -> Iterator[aiointercept]:
    """Intercept every aiohttp client while the test runs; the mock is strict.

    The test fails if a route that it registered was never called, or a request met no route.
    ``@pytest.mark.intercept(...)`` takes arguments of ``aiointercept``.
    """
    with _made_for(request.node) as mock, watched(request.node, mock):
        yield mock


@contextmanager
def _made_for(item: pytest.Item) -> Generator[aiointercept]:
    """Run the mock that *item* asks for."""
    options = _options(item)
    try:
        mock = _new_mock(options)
    except (TypeError, ValueError) as exc:
        given = ", ".join(f"{name}={value!r}" for name, value in options.items())
        text = (
            f"{item.nodeid} asks for a mock that cannot be made: {exc}\n"
            f"Its options, from the marker `intercept` and the ini file: {given}"
        )
        raise pytest.fail.Exception(text, pytrace=False) from None
    mock.start()
    try:
        yield mock
    finally:
        mock.stop()


def _new_mock(options: dict[str, Any]) -> aiointercept:
    from .mock import aiointercept

    if options.get("scope") == "task":
        raise ValueError(_NO_TASK_SCOPE)
    return aiointercept(**options)


_NO_TASK_SCOPE: Final = (
    "scope='task' is seen by what is started from where it was entered, and a fixture is entered "
    "elsewhere: use `with aiointercept(True, scope='task') as mock:` in the test"
)


def _options(item: pytest.Item) -> dict[str, Any]:
    """Return the arguments of the mock of *item*: the nearest marker has the last word."""
    options: dict[str, Any] = {"mock_external_urls": True}
    for name in ("strict", "wire", "passthrough"):
        options[name] = item.config.getini(f"intercept_{name}")
    for marker in reversed(list(item.iter_markers("intercept"))):
        if marker.args:
            pytest.fail(
                f"{item.nodeid}: @pytest.mark.intercept takes keyword arguments, "
                f"not {', '.join(map(repr, marker.args))}",
                pytrace=False,
            )
        options.update(marker.kwargs)
    return options


class _Watch:
    """A mock that a test uses, and how many of its unmatched requests the test is answerable for.

    That is told once the test has returned. What comes later is of the fixtures' making.
    """

    def __init__(self, mock: aiointercept) -> None:
        self.mock = mock
        self.unmatched: int | None = None

    def problems(self) -> list[str]:
        self.unmatched = len(self.mock.unmatched)
        return self.mock.problems()

    def later_problems(self) -> list[str]:
        """Return what happened after the test, if it ever ran."""
        if self.unmatched is None or not self.mock.strict:
            return []
        return [self.mock.explain(request) for request in self.mock.unmatched[self.unmatched :]]


_WATCHES: Final = pytest.StashKey["list[_Watch]"]()


@contextmanager
def watched(item: pytest.Item, mock: aiointercept) -> Generator[None]:
    """Verify *mock* when *item* has run, and show what it was asked if that failed.

    Raises:
        VerificationError: a request of a strict mock met no route after the test had returned.
    """
    from .verifying import report

    watches = item.stash.setdefault(_WATCHES, [])
    watch = _Watch(mock)
    watches.append(watch)
    yield
    watches.remove(watch)
    report(watch.later_problems(), None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test for what its mocks have to complain of; if it fails already, say that too."""
    try:
        result = yield
    except (Exception, pytest.fail.Exception) as exc:
        if problems := _problems(item):
            from .verifying import report

            report(problems, exc)
        raise
    if problems := _problems(item):
        raise _placed_error(item, problems)
    return result


def _watches_of(item: pytest.Item) -> list[_Watch]:
    return item.stash.get(_WATCHES, None) or []


def _problems(item: pytest.Item) -> list[str]:
    return [problem for watch in _watches_of(item) for problem in watch.problems()]


def _placed_error(item: pytest.Item, problems: list[str]) -> VerificationError:
    from .errors import VerificationError
    from .placing import placed_at

    error = VerificationError("\n".join(problems))
    if not isinstance(item, pytest.Function):
        return error
    return placed_at(cast("Any", item).function, error)  # a property without a type


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Forget the chaos of the tests before."""
    if (chaos := _chaos()) is not None:
        chaos.forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show in the report of a failure what was asked and answered, and what happened by chance."""
    report = yield
    if not report.failed:
        return report
    if watches := _watches_of(item):
        from .reporting import transcript

        report.sections += [("intercepted requests", transcript(w.mock)) for w in watches]
    if (chaos := _chaos()) is not None:
        report.sections += [("chaos", story) for story in chaos.stories()]
    return report


def _chaos() -> Any:
    """Return the module that knows of chaos, if there was any."""
    return sys.modules.get(f"{__package__}.faults.chaos")
