"""What the tests of links share: exceptions to raise, and how they reach the caller."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from aiohttp import ClientOSError, ClientSession, ServerDisconnectedError, ServerTimeoutError

from aiointercept_connector import CallbackResult
from tests.loopback.http_support import URL


class BoomError(Exception):
    """What a callback under test raises."""


class OddOne(BaseException):
    """An exception that `except Exception` does not catch."""


RAISED = [
    BoomError("x"),
    OddOne("x"),
    AssertionError("x"),
    ValueError("x"),
    KeyError("x"),
    asyncio.TimeoutError("x"),
    KeyboardInterrupt("x"),
    SystemExit(3),
    aiohttp.ClientConnectionError("x"),
    aiohttp.ClientPayloadError("x"),
    aiohttp.InvalidURL("x"),
    ServerTimeoutError("x"),
    ServerDisconnectedError("x"),
    ClientOSError(104, "x"),
]


async def ask(session: ClientSession, method: str = "GET", **kwargs: Any) -> str:
    """Ask, and return the body."""
    async with session.request(method, URL, **kwargs) as response:
        return await response.text()


async def raised_by(session: ClientSession, method: str = "GET", **kwargs: Any) -> BaseException:
    """Ask, and return what that raises; it is caught here, as no runner would like some of it."""
    try:
        await ask(session, method, **kwargs)
    except BaseException as exc:  # noqa: BLE001 - any of them may come
        return exc
    raise AssertionError("nothing was raised")


async def wait_for_cancelled() -> None:
    """Await something that is cancelled."""
    inner = asyncio.ensure_future(asyncio.sleep(10))
    inner.cancel()
    await inner


class Waiting:
    """A callback that waits for ever, and writes down what becomes of it."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.task: asyncio.Task[Any] | None = None

    async def __call__(self, url: object, **_: Any) -> CallbackResult:
        """Wait until cancelled."""
        self.log.append("started")
        self.task = asyncio.current_task()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            self.log.append("ended")
        raise AssertionError

    @property
    def started(self) -> bool:
        """Whether it has been called."""
        return bool(self.log)

    @property
    def ended(self) -> bool:
        """Whether it was cancelled and has run its `finally`."""
        return self.log == ["started", "cancelled", "ended"]
