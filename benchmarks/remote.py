"""Other libraries as subjects: each in a process of its own, which is asked for every sample."""

from __future__ import annotations

import asyncio
import json
import pickle
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from .environments import python_of
from .harness import LeftOutError, Sample, WrongAnswerError
from .peers import ONE_AT_A_TIME, PEERS
from .worker import Task

__all__ = ("peers",)

ROOT: Final = Path(__file__).parents[1]
_PROGRAM: Final = "import sys; from benchmarks.worker import serve; serve(*sys.argv[1:])"


@asynccontextmanager
async def peers(task: Task) -> AsyncGenerator[Mapping[str, Sample]]:
    """Yield a sample of *task* for each peer; none if they are not wanted."""
    remotes = {name: Remote(name, task) for name in PEERS if task.options.peers}
    try:
        yield {name: remote.sample for name, remote in remotes.items()}
    finally:
        for remote in remotes.values():
            await remote.close()


class Remote:
    """A peer in a process of its own, which is started when it is first asked.

    Args:
        name: the peer's.
        task: what it is asked, over and over.
    """

    def __init__(self, name: str, task: Task) -> None:
        self._name = name
        self._task = task
        self._process: Process | None = None

    async def sample(self) -> float:
        """Take a sample.

        Raises:
            LeftOutError: it is not installed, or known not to do this.
            WrongAnswerError: it failed.
        """
        if self._task.at_once > 1 and self._name in ONE_AT_A_TIME:
            raise LeftOutError(ONE_AT_A_TIME[self._name])
        if self._process is None:
            self._process = await _started(self._name)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(pickle.dumps(self._task))
        line = await self._process.stdout.readline()
        outcome = json.loads(line or '"its process has ended"')
        if isinstance(outcome, str):
            raise WrongAnswerError(outcome)
        return float(outcome)

    async def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()


async def _started(name: str) -> Process:
    uvloop = type(asyncio.get_running_loop()).__module__.startswith("uvloop")
    return await asyncio.create_subprocess_exec(
        python_of(name),
        "-c",
        _PROGRAM,
        name,
        "uvloop" if uvloop else "asyncio",
        stdin=PIPE,
        stdout=PIPE,
        cwd=ROOT,
    )
