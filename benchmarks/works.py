"""Where works are put down, and what several of them need."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from aiointercept_connector import aiointercept

from .exchange import URL, Exchange, Opened, Stack, calling
from .harness import Options, Sample, Work, timed
from .stacks import explicit, installed, server_for_tests

__all__ = ("OURS", "TEST_SERVER", "WORKS", "Subjects", "requests", "session_of", "work")

Subjects: TypeAlias = "Mapping[str, Sample]"

OURS: Final[dict[str, Stack]] = {"explicit": explicit, "install()": installed}
TEST_SERVER: Final[dict[str, Stack]] = {"TestServer": server_for_tests}

WORKS: Final[dict[str, Work]] = {}
"""Every work, by its name."""


def work(
    title: str, unit: str = "µs", rounds: float = 1.0
) -> Callable[[Callable[[Options], AsyncGenerator[Subjects]]], None]:
    """Add the decorated function's work to ``WORKS``, under the function's name."""

    def add(function: Callable[[Options], AsyncGenerator[Subjects]]) -> None:
        name = function.__name__.replace("_", "-")
        WORKS[name] = Work(name, title, unit, asynccontextmanager(function), rounds)

    return add


def requests(
    exchange: Exchange, stacks: Mapping[str, Stack], options: Options, calls: int, at_once: int = 1
) -> dict[str, Sample]:
    """Return the time of one request, for each of *stacks*."""
    return {
        name: timed(calling(stack, exchange), options, calls, at_once)
        for name, stack in stacks.items()
    }


def session_of(mock: aiointercept) -> Stack:
    """Return what opens a session to a mock that lasts."""

    @asynccontextmanager
    async def opened(exchange: Exchange) -> AsyncGenerator[Opened]:
        before = mock.call_count
        async with mock.session() as session:
            yield Opened(session, URL, lambda: mock.call_count - before)

    return opened
