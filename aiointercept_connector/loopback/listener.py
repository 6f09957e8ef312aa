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
_TURNS_TO_CONNECT = 10


class Listener:
    """Runs the server that *make_server* returns for the listener's loop.

    Raises:
        OSError: no port could be bound. (pytest-socket raises its own error.)
    """

    def __init__(self, make_server: Callable[[asyncio.AbstractEventLoop], Server]) -> None:
        self._make_server = make_server
        self._bound: Future[int] = Future()
        self._leaving: Future[BaseException] = Future()
        self._thread = threading.Thread(target=self._main, name="aiointercept-server", daemon=True)
        self._thread.start()
        self.host = LOCALHOST
        self.port = self._bound.result()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as exc:
            if self._bound.done():
                raise
            self._bound.set_exception(exc)

    async def _serve(self) -> None:
        server = self._make_server(asyncio.get_running_loop())
        self._bound.set_result(await server.listen())
        exc = await asyncio.wrap_future(self._leaving)
        # asyncio forgets a socket that it has accepted, but not yet made a connection of.
        for _ in range(_TURNS_TO_CONNECT):
            await asyncio.sleep(0)
        tasks = server.close(exc)
        if tasks:
            await asyncio.wait(tasks, timeout=_SECONDS_TO_END)

    def is_current(self) -> bool:
        """Tell whether this is called on the listener's own thread."""
        return threading.current_thread() is self._thread

    def stop(self, exc: BaseException) -> None:
        """Stop serving, and end the thread; replies in flight are cancelled.

        A reply that blocks the thread is not waited for longer than two seconds. Does nothing if
        stopped already.
        """
        if not self._leaving.done():
            self._leaving.set_result(exc)
        self._thread.join(_SECONDS_TO_END)
