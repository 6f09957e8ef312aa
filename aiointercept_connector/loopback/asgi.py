"""Mounted ASGI applications: they run in uvicorn's own protocol class, with their lifespan.

uvicorn listens nowhere. Of its parts these are used: the configuration, the lifespan, and the
protocol, whose ``on_response_complete`` tells when a response has been written.
"""

from __future__ import annotations

import asyncio
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from .hosting import Host
from .passage import Passage

if TYPE_CHECKING:
    from aiohttp import web
    from uvicorn import Config, Server

    from ..journal.request import AiointerceptRequest
    from ..routing.prefix import PathPrefix

__all__ = ("AsgiHost",)


class AsgiHost(Host):
    """An ASGI application.

    Raises:
        ImportError: uvicorn is not installed.
    """

    __slots__ = (
        "_config",
        "_failure",
        "_lifespan",
        "_living",
        "_make_server",
        "_protocol_class",
        "_server",
    )

    kind = "ASGI application"

    def __init__(self, app: Any, prefix: PathPrefix, *, strip_prefix: bool) -> None:
        uvicorn = _uvicorn()
        super().__init__(app, prefix, strip_prefix=strip_prefix)
        self._failure: BaseException | None = None
        self._living: asyncio.Task[Any] | None = None
        # Here and not in `start`, for the time that its imports take: nobody waits for them yet.
        self._config: Config = uvicorn.Config(
            self._watched,
            access_log=False,
            interface="asgi3",
            log_config=None,
            # It would believe the client, which is on this very machine.
            proxy_headers=False,
            root_path=prefix.path if strip_prefix else "",
        )
        self._config.load()
        self._protocol_class = _telling(self._config)
        self._make_server = uvicorn.Server

    async def start(self) -> None:
        """Begin the application's lifespan.

        Raises:
            RuntimeError: the application says that it cannot start; or what it raised.
        """
        self._server: Server = self._make_server(self._config)
        # Sets the headers of every response, Date and Server.
        await self._server.on_tick(0)
        self._lifespan = self._config.lifespan_class(self._config)
        try:
            await self._lifespan.startup()
        except asyncio.CancelledError:
            await self._cut_lifespan()
            raise
        self._check_lifespan("startup")

    async def stop(self) -> None:
        """End the application's lifespan; what it still does for requests is cancelled."""
        tasks = tuple(self._server.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self._lifespan.shutdown()
        except asyncio.CancelledError:
            await self._cut_lifespan()
            raise
        self._check_lifespan("shutdown")

    def _check_lifespan(self, phase: str) -> None:
        if self._lifespan.should_exit:
            raise self._failure or RuntimeError(
                f"The {phase} of {self!r} failed; its reason is in the log of 'uvicorn.error'."
            )

    async def _cut_lifespan(self) -> None:
        """Cancel the application where its lifespan waits; uvicorn keeps no task to do so."""
        if self._living is not None:
            self._living.cancel()
            await asyncio.wait({self._living})

    async def _watched(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the application; keep what its lifespan raises, which uvicorn only logs."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        self._living = asyncio.current_task()
        try:
            await self.app(scope, partial(_received, receive), send)
        except BaseException as exc:
            self._failure = exc
            raise

    def protocol(self) -> asyncio.Protocol:
        """Return uvicorn's end of a new connection."""
        protocol = self._protocol_class(
            config=self._config,
            server_state=self._server.server_state,
            app_state=self._lifespan.state,
        )
        return cast("asyncio.Protocol", protocol)

    async def serve(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Lead *request* through uvicorn."""
        loop = asyncio.get_running_loop()
        return await Passage(request, loop, self.own_path(request)).carry(self.protocol)


async def _received(receive: Any) -> Any:
    """Return an event of the lifespan; a loop that ends, and cancels all, is the end of it."""
    try:
        return await receive()
    except asyncio.CancelledError:
        return {"type": "lifespan.shutdown"}


def _telling(config: Config) -> Any:
    """Return uvicorn's protocol class, such that its transport hears when a response is done."""
    base: Any = config.http_protocol_class

    class Telling(base):  # type: ignore[misc]  # a class of uvicorn's choice
        def on_response_complete(self) -> None:
            base.on_response_complete(self)
            self.transport.response_done()

    return Telling


def _uvicorn() -> Any:
    try:
        return import_module("uvicorn")
    except ImportError as exc:
        raise ImportError(
            "To mount an ASGI application, install uvicorn: "
            "pip install 'aiointercept-connector[asgi]'"
        ) from exc
