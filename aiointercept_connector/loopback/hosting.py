"""A mounted application, from its start to its end.

It lives on one loop: that of the first request to it, or the test's for a client that is not ours.
It is started by its first request. Requests that come on other loops are handed over to its own.
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from ..replies.reply import BaseReply
from .living import Life
from .passage import Passage

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest
    from ..routing.prefix import PathPrefix

__all__ = ("Host",)

_SECONDS_TO_END = 2.0
# A loop holds its tasks weakly, and a mock that is left by a plain `with` awaits none.
_stopping: set[asyncio.Task[None]] = set()


class Host(BaseReply):
    """A reply that an application gives.

    Args:
        app: the application.
        prefix: what its requests' paths begin with.
        strip_prefix: whether its own paths are those behind the prefix.
    """

    __slots__ = ("_life", "_lock", "_loop", "_up_on", "app", "prefix", "strip_prefix")

    reads_body = False
    has_end: ClassVar[bool] = True
    """Whether anybody would miss its being stopped."""
    kind: ClassVar[str]

    def __init__(self, app: Any, prefix: PathPrefix, *, strip_prefix: bool) -> None:
        self.app = app
        self.prefix = prefix
        self.strip_prefix = strip_prefix
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._life: Life | None = None
        # The same loop, once the application has started: most requests need to know no more.
        self._up_on: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Start the application, on its loop."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop what ``start`` has started; called on the same loop."""
        raise NotImplementedError

    async def serve(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer a request of the application's own loop."""
        raise NotImplementedError

    def protocol(self) -> asyncio.Protocol:
        """Return the application's end of a new connection; called on its loop."""
        raise NotImplementedError

    def own_path(self, request: AiointerceptRequest) -> str | None:
        """Return the path and query as the application is to see them, if that is not as sent."""
        if not self.strip_prefix or not self.prefix.path:
            return None
        url = request.rel_url
        query = f"?{url.raw_query_string}" if url.raw_query_string else ""
        return self.prefix.rest_of(url.raw_path) + query

    async def __call__(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Let the application answer *request*, started if it is not."""
        with request.overhearing():
            return await self._answer(request)

    async def _answer(self, request: AiointerceptRequest) -> web.StreamResponse:
        here = asyncio.get_running_loop()
        if here is self._up_on:
            return await self.serve(request)
        loop = self._loop_for(request, here)
        if loop is here:
            await self._started()
            return await self.serve(request)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._started(), loop))
        return await Passage(request, loop, self.own_path(request)).carry(self.protocol)

    def _loop_for(
        self, request: AiointerceptRequest, here: asyncio.AbstractEventLoop
    ) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                home = request.home
                self._loop = here if home is None or not home.is_running() else home
                self._life = None
            if not self._loop.is_running():
                raise RuntimeError(
                    f"{self!r} was started on a loop that is not running, so it cannot answer "
                    f"{request.method} {request.url}. Run that loop, or mount another one."
                )
            return self._loop

    async def _started(self) -> None:
        life = self._life
        if life is None:
            life = self._life = Life(self)
        if not life.started.done() or life.started.exception() is not None:
            # A client that gives up is no reason for the application to stop starting.
            await asyncio.shield(life.started)
        self._up_on = self._loop

    def close(self) -> asyncio.Task[None] | None:
        """Stop the application; return the task that does, if it does so on the current loop.

        Where no loop runs here, its own is run for it. If that is closed, the application has been
        stopped by it, or never will be.
        """
        with self._lock:
            self._up_on = None
            loop, self._loop = self._loop, None
            life, self._life = self._life, None
        if loop is None or life is None:
            return None
        if loop.is_closed():
            self._check_end(life)
            return None
        here = _running_loop()
        if loop is here:
            task = loop.create_task(life.end())
            _stopping.add(task)
            task.add_done_callback(_stopping.discard)
            return task
        if loop.is_running():
            _wait_for(asyncio.run_coroutine_threadsafe(life.end(), loop))
        elif here is None:
            loop.run_until_complete(life.end())
        return None

    def _check_end(self, life: Life) -> None:
        if self.has_end and not life.is_over:
            warnings.warn(
                f"{self!r}, which was mounted, was never stopped: its loop had been closed before "
                f"the mock was left, and had not cancelled its tasks. Leave the mock on that loop, "
                f"or run the loop by asyncio.run().",
                ResourceWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"<{self.kind} {self.app!r:.60}>"


def _wait_for(ending: Future[None]) -> None:
    """Wait for an application that ends in another thread, whose loop may end right after."""
    with suppress(TimeoutError):
        ending.result(_SECONDS_TO_END)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
