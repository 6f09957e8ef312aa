"""Entering, asking and leaving, again and again, leaves nothing.

Run as a script (``python tests/test_leaks.py 10000``) it makes as many rounds as one likes and
prints the figures.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import ClientSession, TCPConnector
from aiohttp.connector import BaseConnector

from aiointercept_connector import UnmatchedRequestError, aiointercept
from aiointercept_connector.scope import Scope
from aiointercept_connector.serving import WIRES, Wire

pytestmark = pytest.mark.anyio

SITE = "https://api.test/x"
DESCRIPTORS = Path("/proc/self/fd")
ROUNDS = 200
WARM_UP = 50


@pytest.fixture
def anyio_backend() -> str:
    """Run without debug mode, which is slow, and keeps things."""
    return "asyncio"


class Left(NamedTuple):
    """What a program holds."""

    tasks: int
    threads: int
    descriptors: int
    patches: int
    objects: int
    kilobytes: int


def held() -> Left:
    """Count what is there."""
    for _ in range(3):
        gc.collect()
    methods = ClientSession.__dict__["__init__"], BaseConnector.__dict__["connect"]
    return Left(
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
        descriptors=len(list(DESCRIPTORS.iterdir())) if DESCRIPTORS.exists() else 0,
        patches=sum(hasattr(method, "__wrapped__") for method in methods),
        objects=len(gc.get_objects()),
        kilobytes=tracemalloc.get_traced_memory()[0] // 1024,
    )


async def cycle(wire: Wire, scope: Scope, lasting: ClientSession) -> None:
    """Enter, ask from a new session and from a lasting one, be refused once, leave."""
    async with aiointercept(True, wire=wire, scope=scope) as mock:
        mock.get(SITE, json={"who": "mock"}, repeat=2)
        async with ClientSession() as session:
            for one in (session, lasting):
                async with one.get(SITE) as response:
                    await response.read()
            with pytest.raises(UnmatchedRequestError):
                await session.get(SITE)
        assert mock.call_count == 3


async def growth(rounds: int, wire: Wire, scope: Scope) -> Left:
    """Return by how much more is there after *rounds* than before."""
    tracemalloc.start()
    # aiohttp lets go of closed connections when their keep-alive has passed.
    connector = TCPConnector(keepalive_timeout=0.01)
    async with ClientSession(connector=connector) as lasting:
        counts: list[Left] = []
        for batch in (WARM_UP, rounds):
            for _ in range(batch):
                await cycle(wire, scope, lasting)
            await asyncio.sleep(0.04)
            counts.append(held())
    tracemalloc.stop()
    return Left(*(new - old for old, new in zip(*counts, strict=True)))


@pytest.mark.parametrize("scope", ["process", "task"])
async def test_rounds_leave_nothing(wire: Wire, scope: Scope) -> None:
    """Two hundred rounds leave no task, thread, descriptor or patch, and no memory."""
    grown = await growth(ROUNDS, wire, scope)
    assert grown[:4] == (0, 0, 0, 0)
    # Caches of the interpreter and of aiohttp come and go; a leak would count in hundreds.
    assert grown.objects < ROUNDS / 2
    assert grown.kilobytes < ROUNDS / 2


def test_rounds_on_loops_of_their_own_leave_nothing() -> None:
    """The same with a new loop in every round, under one mock that stays."""

    async def ask() -> None:
        async with ClientSession() as session, session.get(SITE) as response:
            await response.read()

    async def count() -> Left:
        return held()

    counts: list[Left] = []
    with aiointercept(True) as mock:
        for batch in (10, 50):
            mock.get(SITE, repeat=True)
            for _ in range(batch):
                asyncio.run(ask())
            mock.clear()
            counts.append(asyncio.run(count()))
    grown = Left(*(new - old for old, new in zip(*counts, strict=True)))
    assert grown[:4] == (0, 0, 0, 0)
    assert grown.objects < 50


if __name__ == "__main__":
    total = int(sys.argv[1])
    for way in WIRES:
        print(way, asyncio.run(growth(total, way, "process")))  # noqa: T201 - what it is run for
