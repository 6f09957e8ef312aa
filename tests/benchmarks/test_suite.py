from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks import suite
from benchmarks.child import measured
from benchmarks.environments import python_of
from benchmarks.harness import LeftOutError, Options, WrongAnswerError
from benchmarks.peers import PEERS

pytestmark = pytest.mark.anyio

THREE_TESTS = Options(scale=0.003, clock=time.process_time)


@pytest.fixture
def anyio_backend() -> str:
    """Run without debug mode, in which a child is slow to start."""
    return "asyncio"


@pytest.mark.parametrize("name", suite.SUITES)
async def test_every_suite_passes(name: str, tmp_path: Path) -> None:
    """Every suite has the tests that were asked for, and the answers that they want."""
    if name in PEERS:
        try:
            python_of(name)
        except LeftOutError as left_out:
            pytest.skip(f"{name}: {left_out}")
    assert await suite.running(name, tmp_path, THREE_TESTS)() > 0
    assert (tmp_path / "test_it.py").read_text("utf-8").count("async def test_") == 3


async def test_a_suite_that_fails_has_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that gets no answer, or a wrong one, is an error and not a fast test."""
    failing = "async def check(intercept):\n    assert await asked() == ANSWER\n"
    monkeypatch.setitem(suite.SUITES, "intercept", failing)
    with pytest.raises(WrongAnswerError, match=r" ended with 1: 3 failed in "):
        await suite.running("intercept", tmp_path, THREE_TESTS)()


async def test_a_child_s_last_line_is_its_figure(tmp_path: Path) -> None:
    """A program's figure is what it prints last, in the directory and environment it is given."""
    program = "import os, sys; print('x'); print(len(os.getcwd()) + float(os.environ[sys.argv[1]]))"
    figure = await measured(program, "ADDED", environment={"ADDED": "0.5"}, where=tmp_path)
    assert figure == len(str(tmp_path)) + 0.5


async def test_a_child_that_fails_says_what_it_printed() -> None:
    """A program that ends with another status than 0 has no figure."""
    with pytest.raises(WrongAnswerError) as caught:
        await measured("print(1); print('broken'); raise SystemExit(3)", "a", "b")
    assert str(caught.value) == "a b ended with 3: broken"
