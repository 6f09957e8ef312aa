"""A real server on loopback TCP, on a thread and a loop of its own.

So a client that blocks the test's thread (urllib, requests, a browser driver) is answered too.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

from .server import LOCALHOST, Server

__all__ = ("Listener",)

_SECONDS_TO_END = 2.0


class Listener:
    """Runs the server that *make_server* returns for the listener's loop.

    Raises:
        OSError: no port could be bound. (pytest-socket raises its own error.)
    """

    def __init__(self, make_server: Callable[[asyncio.AbstractEventLoop], Server]) -> None:
        self._make_server = make_server
        self._stop: Callable[[BaseException], None] = lambda exc: None
        bound: Future[int] = Future()
        self._thread = threading.Thread(
            target=self._main, args=(bound,), name="aiointercept-server", daemon=True
        )
        self._thread.start()
        self.host = LOCALHOST
        self.port = bound.result()

    def _main(self, bound: Future[int]) -> None:
        try:
            asyncio.run(self._serve(bound))
        except BaseException as exc:  # noqa: BLE001 - handed to the thread that waits for the port
            if not bound.done():
                bound.set_exception(exc)

    async def _serve(self, bound: Future[int]) -> None:
        loop = asyncio.get_running_loop()
        server = self._make_server(loop)
        port = await server.listen()
        stopped: asyncio.Future[BaseException] = loop.create_future()
        self._stop = lambda exc: loop.call_soon_threadsafe(stopped.set_result, exc) and None
        bound.set_result(port)
        tasks = server.close(await stopped)
        if tasks:
            await asyncio.wait(tasks, timeout=_SECONDS_TO_END)

    def stop(self, exc: BaseException) -> None:
        """Stop serving, and end the thread."""
        self._stop(exc)
        self._thread.join(_SECONDS_TO_END)
