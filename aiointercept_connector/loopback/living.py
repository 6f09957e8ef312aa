"""A mounted application's time on one loop: one task starts it, waits, and stops it.

It waits until the mock is left, or the loop ends: ``asyncio.run`` and the runners of pytest's
plugins cancel what is left on their loop, and await that.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .hosting import Host

__all__ = ("Life",)

_SECONDS_TO_END = 10.0
# A loop may end right after the mock was left by a plain `with`, and cancels what it finds. So
# nothing is begun before that which it could cut short.
_TURNS_TO_LEAVE = 10


class Life:
    """The time of *host* on the loop that is running; it begins at once.

    Attributes:
        started: done when the application has started, or has failed to.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._leaving = asyncio.Event()
        self._bell: asyncio.TimerHandle | None = None
        self._is_late = False
        self.started: asyncio.Future[None] = self._loop.create_future()
        self._task: asyncio.Task[None] = self._loop.create_task(self._live())
        # Private: a loop that is closed and has ended nothing drops this task too. The mock says so
        # when it is left, in words. Watched by TestLoopThatEnds in tests/loopback/test_living.py.
        task: Any = self._task
        task._log_destroy_pending = False

    @property
    def is_over(self) -> bool:
        """Whether the application has stopped, or failed to start."""
        return self._task.done()

    async def end(self) -> None:
        """Stop the application; called on its loop.

        Raises:
            RuntimeError: it took too long, and was cancelled; or whatever it raised.
        """
        self._leaving.set()
        if not self.started.done():
            self._set_bell()
            self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()

    async def _live(self) -> None:
        try:
            if await self._has_started():
                await self._left()
                self._set_bell()
                await self._host.stop()
        except asyncio.CancelledError:
            if not self._is_late:
                raise
        finally:
            if self._bell is not None:
                self._bell.cancel()
        if self._is_late:
            raise RuntimeError(
                f"{self._host!r}, which was mounted, has not ended within {_SECONDS_TO_END:g} "
                f"seconds of being stopped, and was cancelled. See what its shutdown waits for: "
                f"on_cleanup, or the end of its lifespan."
            )

    async def _has_started(self) -> bool:
        try:
            await self._host.start()
        except asyncio.CancelledError:
            self.started.cancel()
            return False
        except BaseException as exc:  # noqa: BLE001 - raised to every client that asks
            self.started.set_exception(exc)
            # Whoever asked may have given up.
            self.started.exception()
            return False
        self.started.set_result(None)
        return True

    async def _left(self) -> None:
        """Wait until the mock is left, or the loop ends."""
        with suppress(asyncio.CancelledError):
            await self._leaving.wait()
            for _ in range(_TURNS_TO_LEAVE):
                await asyncio.sleep(0)

    def _set_bell(self) -> None:
        if self._bell is None:
            self._bell = self._loop.call_later(_SECONDS_TO_END, self._ring)

    def _ring(self) -> None:
        self._is_late = True
        self._task.cancel()
