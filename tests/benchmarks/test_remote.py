from __future__ import annotations

import subprocess
from asyncio import to_thread
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks import environments, worker
from benchmarks.environments import HOMES, Home, python_of
from benchmarks.exchange import Exchange, Opened
from benchmarks.floor import memory_floor
from benchmarks.harness import LeftOutError, Options, Work, WrongAnswerError, run
from benchmarks.peers import ONE_AT_A_TIME, PEERS
from benchmarks.remote import Remote, peers
from benchmarks.worker import Task

pytestmark = pytest.mark.anyio

GET = Exchange()
FEW = Options(scale=0.02)


@pytest.fixture
def anyio_backend() -> str:
    """Run without debug mode, in which a child is slow to start."""
    return "asyncio"


@pytest.mark.parametrize("exchange", [GET, Exchange("POST", sent={"a": [1]})], ids=["get", "post"])
@pytest.mark.parametrize("name", PEERS)
async def test_peers_answer(name: str, exchange: Exchange) -> None:
    """Other libraries are used as they want to be, so that their figures are fair."""
    try:
        python_of(name)
    except LeftOutError as left_out:
        pytest.skip(f"{name}: {left_out}")
    remote = Remote(name, Task(exchange, FEW, 100))
    try:
        assert await remote.sample() > 0
        assert await remote.sample() > 0
    finally:
        await remote.close()


@asynccontextmanager
async def forgetful(exchange: Exchange) -> AsyncGenerator[Opened]:
    """Answer rightly, and record nothing."""
    async with memory_floor(exchange) as opened:
        yield Opened(opened.session, opened.url, lambda: 0)


async def test_a_peer_that_answers_wrongly_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a peer in a process of its own does wrong is told by its process, in place of a time."""
    monkeypatch.setitem(PEERS, "aresponses", forgetful)
    outcome = await to_thread(_outcome_of, "aresponses", Task(GET, FEW, 100))
    assert outcome == "WrongAnswerError: 0 requests recorded, not 4"


def _outcome_of(name: str, task: Task) -> float | str:
    """Return what the process of a peer tells, which has a loop of its own."""
    loop = worker._new_loop("asyncio")
    try:
        return worker._outcome(loop, name, task)
    finally:
        loop.close()


async def test_what_a_process_tells_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that tells an error, or ends, gives its subject that error and no time."""
    for name, told in (("nobody", "KeyError: 'nobody'"), ("", "KeyError: ''")):
        monkeypatch.setitem(HOMES, name, Home("none", "nothing", "json"))
        remote = Remote(name, Task(GET, FEW, 1))
        with pytest.raises(WrongAnswerError) as failed:
            await remote.sample()
        assert str(failed.value) == told
        await remote.close()


async def test_who_is_not_there_is_left_out_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that is not installed has no bar and no error: it has a reason."""
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr("benchmarks.remote.PEERS", {"gone": memory_floor})
    monkeypatch.setitem(HOMES, "gone", Home("newest", "gone", "no_such_module"))
    work = Work("get", "GET", "µs", lambda options: peers(Task(GET, options, 1)))
    result = await run(work, Options(rounds=1))
    assert result.left_out == {"gone": "not installed: `python -m benchmarks.environments` does it"}
    assert (result.samples, result.errors) == ({}, {})


@pytest.mark.parametrize("name", ONE_AT_A_TIME)
async def test_who_cannot_do_the_work_is_left_out(name: str) -> None:
    """A library that is known not to answer concurrent requests is not asked for them."""
    with pytest.raises(LeftOutError) as left_out:
        await Remote(name, Task(GET, FEW, 50, at_once=50)).sample()
    assert str(left_out.value) == ONE_AT_A_TIME[name]


def test_what_cannot_be_installed_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One library that cannot be installed does not keep the others from it."""
    tried: list[str] = []

    def pip(command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        tried.append(command[-1])
        return subprocess.CompletedProcess(command, int(command[-1] == "broken"))

    def create(where: Path, **options: bool) -> None:
        (where / "bin").mkdir(parents=True)
        (where / "bin" / "python").touch()

    homes = {name: Home("newest", name, name) for name in ("broken", "fine")}
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments, "HOMES", homes)
    monkeypatch.setattr("benchmarks.environments.subprocess.run", pip)
    monkeypatch.setattr("benchmarks.environments.venv.create", create)
    environments.make()
    assert tried[-2:] == ["broken", "fine"]
    assert "broken is left out: pip could not install it." in capsys.readouterr().out
    assert python_of("fine") == str(tmp_path / "newest" / "bin" / "python")
    with pytest.raises(LeftOutError, match="`pip install broken` failed"):
        python_of("broken")
