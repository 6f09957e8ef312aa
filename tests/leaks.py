"""Finds what a test has left behind: patches, mocks, threads, tasks, transports and descriptors.

Tasks are looked for when a mock has been left, where each must have ended or been cancelled, and
when their loop ends, before its runner cancels them all and hides that they were left. *Ours* are
those that run this package's code or serve its connections; callbacks of the test's own run within
these. Leaving waits for no callback that refuses to end, so this must end before its loop does.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import anyio._backends._asyncio as anyio_runner
from aiohttp import ClientSession
from aiohttp.connector import BaseConnector

import aiointercept_connector
from aiointercept_connector import scope
from aiointercept_connector.interceptor import Interceptor
from aiointercept_connector.loopback.memory import MemoryTransport
from aiointercept_connector.loopback.protocol import ServerProtocol
from aiointercept_connector.loopback.server import Server

__all__ = ("watching",)

PACKAGE = Path(aiointercept_connector.__file__).parent
AROUND_TESTS = {str(PACKAGE / "decorating.py"), str(PACKAGE / "unittesting.py")}
DESCRIPTORS = Path("/proc/self/fd")  # where there is none, this is not looked for
TURNS = 20

Loop = asyncio.AbstractEventLoop


@contextlib.contextmanager
def watching() -> Generator[Callable[[], list[str]]]:
    """Watch what is made from here on; what is yielded tells what of it is still there."""
    watch = _Watch()
    watches.append(watch)
    try:
        yield watch.left
    finally:
        watches.remove(watch)


class _Watch:
    def __init__(self) -> None:
        self.mocks: WeakSet[Interceptor] = WeakSet()
        self.transports: WeakSet[MemoryTransport] = WeakSet()
        self.loops: set[Loop] = set()
        self.tasks: list[str] = []
        self._before = set(_held())

    def left(self) -> list[str]:
        """Return what is left, a line each."""
        found = [*self.tasks, *self._now()]
        if found and not self.tasks:
            # Garbage is no leak, but too dear to be collected after every test.
            gc.collect()
            found = self._now()
        return found

    def _now(self) -> list[str]:
        return [
            *(what for what in _held() if what not in self._before),
            *(f"mock: {mock!r}" for mock in self.mocks if mock.is_open),
            *(f"transport: {one!r}" for one in self.transports if not one.is_closing()),
            *(line for loop in self.loops for line in _tasks_of(loop)),
        ]

    def look(self, loop: Loop, *, cancelled: bool = True) -> None:
        """Take down the tasks of ours on *loop*, unless a mock is there that they may be of."""
        if not any(mock.is_open for mock in self.mocks):
            found = _tasks_of(loop, cancelled=cancelled)
            self.tasks += [line for line in found if line not in self.tasks]


watches: list[_Watch] = []


def _held() -> Iterator[str]:
    """Tell what the process holds, but for what belongs to a loop."""
    for method in (ClientSession.__dict__["__init__"], BaseConnector.__dict__["connect"]):
        # By identity: a wrapper equals what it wraps.
        yield f"patch: {method.__name__} is {type(method).__name__} {id(method)}"
    for mock in scope.active():
        yield f"active: {mock!r}"
    for thread in threading.enumerate():
        if thread.name == "aiointercept-server":
            yield f"thread: {thread!r}"
    yield from _descriptors()


def _descriptors() -> Iterator[str]:
    """Name the sockets and selectors that are open; files and pipes may be anybody's caches."""
    for link in DESCRIPTORS.iterdir() if DESCRIPTORS.exists() else ():
        with contextlib.suppress(FileNotFoundError):  # the one that the directory is read by
            target = os.readlink(link)  # noqa: PTH115 - of what is no path
            if target.startswith(("socket:", "anon_inode:")):
                yield f"descriptor: {link.name} {target}"


def _tasks_of(loop: Loop, *, cancelled: bool = True) -> list[str]:
    tasks = [task for task in asyncio.all_tasks(loop) if _is_ours(task)]
    return [f"task: {task.get_coro()!r}" for task in tasks if cancelled or not _cancelled(task)]


def _cancelled(task: asyncio.Task[Any]) -> bool:
    # Python 3.10 does not tell: there, only the end of the loop does.
    return sys.version_info < (3, 11) or task.cancelling() > 0


def _is_ours(task: asyncio.Task[Any]) -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    if frame is None:
        return False
    if isinstance(frame.f_locals.get("self"), ServerProtocol):
        return True
    file = frame.f_code.co_filename
    return file.startswith(str(PACKAGE)) and file not in AROUND_TESTS


async def _settle(loop: Loop) -> None:
    """Give what is cancelled the turns that it needs to end."""
    for _ in range(TURNS):
        if not _tasks_of(loop):
            break
        await asyncio.sleep(0)


def _before_cancelling(cancel_all: Callable[[Loop], None]) -> Callable[[Loop], None]:
    @functools.wraps(cancel_all)
    def looked(loop: Loop) -> None:
        if watches and loop in watches[-1].loops:
            loop.run_until_complete(_settle(loop))
            watches[-1].look(loop)
            watches[-1].loops.remove(loop)
        cancel_all(loop)

    return looked


class _Left(Awaitable[None]):
    """Looks at the loop once leaving a mock has been awaited."""

    def __init__(self, ending: Awaitable[None]) -> None:
        self._ending = ending

    def __await__(self) -> Generator[Any, None, None]:
        yield from self._ending.__await__()
        loop = asyncio.get_running_loop()
        yield from _settle(loop).__await__()
        watches[-1].look(loop, cancelled=False)


def _told(owner: type, name: str, tell: Callable[[_Watch, Any], object]) -> None:
    """Have *tell* called with the innermost watch whenever the method has been."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def telling(self: Any, *args: Any, **kwargs: Any) -> None:
        method(self, *args, **kwargs)
        if watches:
            tell(watches[-1], self)

    setattr(owner, name, telling)


def _looked_at(close: Callable[[Interceptor], Awaitable[None]]) -> Any:
    @functools.wraps(close)
    def closing(self: Interceptor) -> Awaitable[None]:
        ending = close(self)
        return _Left(ending) if watches else ending

    return closing


_told(Interceptor, "open", lambda watch, mock: watch.mocks.add(mock))
_told(Server, "__init__", lambda watch, server: watch.loops.add(server._loop))
_told(MemoryTransport, "__init__", lambda watch, transport: watch.transports.add(transport))
Interceptor.close = _looked_at(Interceptor.close)  # type: ignore[method-assign]
# Private: what every runner calls last. Watched by tests/test_leak_checker.py.
for runners in (asyncio.runners.__dict__, anyio_runner.__dict__):
    if "_cancel_all_tasks" in runners:
        runners["_cancel_all_tasks"] = _before_cancelling(runners["_cancel_all_tasks"])
