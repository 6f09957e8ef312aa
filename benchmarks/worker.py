"""One other library in a process of its own, which lasts as long as a work does.

It reads pickled tasks on its input, and writes their outcomes to its output, in JSON: a number, or
the text of an error. The process that measures gives every subject its turn, and this one sleeps
between its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import sys
import warnings
from dataclasses import dataclass
from typing import Final

from .exchange import Exchange, calling, living
from .harness import Options, timed
from .peers import PEERS

__all__ = ("Task", "serve")

SECONDS_FOR_A_SAMPLE: Final = 60


@dataclass(frozen=True)
class Task:
    """A sample to be taken.

    Attributes:
        exchange: what is asked and answered.
        options: how to measure.
        calls: how many calls there are by default.
        at_once: how many of them are on their way at a time.
        lives: whether a call is the whole life of a mock and a session.
    """

    exchange: Exchange
    options: Options
    calls: int
    at_once: int = 1
    lives: bool = False


async def sample(name: str, task: Task) -> float:
    """Take a sample of a peer."""
    opened = (living if task.lives else calling)(PEERS[name], task.exchange)
    taken = timed(opened, task.options, task.calls, task.at_once)()
    return await asyncio.wait_for(taken, SECONDS_FOR_A_SAMPLE)


def serve(name: str, loop: str) -> None:
    """Take samples until there are no more tasks."""
    tasks, outcomes = sys.stdin.buffer, os.fdopen(os.dup(1), "w", 1)
    # What libraries print is not to be taken for an outcome.
    os.dup2(2, 1)
    warnings.simplefilter("ignore", DeprecationWarning)
    runner = _new_loop(loop)
    while True:
        try:
            # Written by the process that has started this one.
            task: Task = pickle.load(tasks)  # noqa: S301
        except EOFError:
            return
        print(json.dumps(_outcome(runner, name, task)), file=outcomes)


def _outcome(runner: asyncio.AbstractEventLoop, name: str, task: Task) -> float | str:
    try:
        return runner.run_until_complete(sample(name, task))
    except Exception as exc:  # noqa: BLE001 - a subject's failure, of any kind, is its result
        return f"{type(exc).__name__}: {exc}"


def _new_loop(loop: str) -> asyncio.AbstractEventLoop:
    if loop == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()
