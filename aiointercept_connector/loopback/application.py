"""Mounted applications of aiohttp's: they answer on the request's own connection.

On their own loop they need none of theirs: their request is made of what the server has parsed, and
written to by what would write to ours.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import StreamReader, hdrs, web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler

from .arriving import ArrivingBody
from .hosting import Host
from .passage import AppTransport
from .sent import SentResponse, send

if TYPE_CHECKING:
    from aiohttp.test_utils import BaseTestServer

    from ..journal.request import AiointerceptRequest

__all__ = ("ApplicationHost", "HandlerHost", "TestServerHost")


# As under a TestServer, a handler ends with its client.
_OPTIONS: Final[dict[str, Any]] = {"access_log": None, "handler_cancellation": True}


class _AiohttpHost(Host):
    """What runs in a ``web.Server``."""

    __slots__ = ()

    @property
    def server(self) -> web.Server:
        """The server, while the application runs."""
        raise NotImplementedError

    def protocol(self) -> asyncio.Protocol:
        """Return an end that aiohttp serves, on another loop than the client's."""
        server = self.server
        # Private: what the server makes its connections with, besides itself and the loop.
        return _ServerEnd(server, loop=asyncio.get_running_loop(), **server._kwargs)

    async def serve(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer on the connection of *request*, as the server would on one of its own."""
        server = self.server
        own = self._own_request(server, request)
        response: Any = await _response(server, own)
        if not isinstance(response, web.StreamResponse):
            # For aiohttp to complain of.
            return cast("web.StreamResponse", response)
        return await _send(response, own)

    def _own_request(self, server: web.Server, request: AiointerceptRequest) -> web.BaseRequest:
        payload: Any = request.content if request.can_read_body else EMPTY_PAYLOAD
        if isinstance(payload, ArrivingBody) and hdrs.EXPECT in request.headers:
            self._leave_expectation(payload)
        made = server.request_factory(
            request._message,
            cast("StreamReader", payload),
            request.protocol,
            request.writer,
            request.task,
        )
        path = self.own_path(request)
        if path is not None:
            made = made.clone(rel_url=path, scheme=request.scheme)
        elif request.secure and not made.secure:
            made = made.clone(scheme="https")
        return made

    def _leave_expectation(self, body: ArrivingBody) -> None:
        """Leave it to the application to let a client send its body, if it does that."""


class ApplicationHost(_AiohttpHost):
    """An ``aiohttp.web.Application``, in an ``AppRunner`` of its own."""

    __slots__ = ("_runner",)

    kind = "Application"

    @property
    def server(self) -> web.Server:
        """The runner's server."""
        return cast("web.Server", self._runner.server)

    async def start(self) -> None:
        """Set a runner up."""
        self._runner = web.AppRunner(self.app, shutdown_timeout=0.0, **_OPTIONS)
        try:
            await self._runner.setup()
        except BaseException:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """Clean the runner up, and the application with it."""
        await self._runner.cleanup()

    def _leave_expectation(self, body: ArrivingBody) -> None:
        body.leave_expectation()

    def __repr__(self) -> str:
        return f"<Application of {len(self.app.router.resources())} resources>"


class HandlerHost(_AiohttpHost):
    """A handler, in a ``web.Server`` of its own."""

    __slots__ = ("_server",)

    has_end = False
    kind = "handler"

    @property
    def server(self) -> web.Server:
        """The server made for the handler."""
        return self._server

    async def start(self) -> None:
        """Make a server."""
        self._server = web.Server(self.app, **_OPTIONS)

    async def stop(self) -> None:
        """Close the connections that other loops have made."""
        await self._server.shutdown(0.0)


class TestServerHost(_AiohttpHost):
    """A ``TestServer`` or ``RawTestServer``, which is started if it is not."""

    __slots__ = ("_is_ours",)

    __test__ = False  # for pytest, which takes it for a test class by its name
    kind = "TestServer"

    @property
    def server(self) -> web.Server:
        """The server's own."""
        test_server: BaseTestServer = self.app
        runner = test_server.runner
        if runner is None or runner.server is None:
            raise RuntimeError(f"The mounted {type(self.app).__name__} has been closed.")
        return runner.server

    async def start(self) -> None:
        """Start the server."""
        self._is_ours = not self.app.started
        if self._is_ours:
            await self.app.start_server()

    async def stop(self) -> None:
        """Close the server, unless somebody else has started it."""
        if self._is_ours:
            await self.app.close()


class _ServerEnd(RequestHandler):
    """aiohttp's own end of a connection that is led through another loop's request."""

    __slots__ = ()

    async def finish_response(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer, and say when that is done."""
        response, reset = await super().finish_response(request, *args, **kwargs)
        transport = cast("AppTransport | None", self.transport)
        if transport is not None and response.keep_alive:
            transport.response_done()
        return response, reset


async def _response(server: web.Server, request: web.BaseRequest) -> web.StreamResponse:
    """Return what the server's handler answers, in whatever way it does."""
    try:
        return await server.request_handler(request)
    except web.HTTPException as exc:
        return exc
    except Exception as exc:  # noqa: BLE001 - as in production: it is logged, and answered by 500
        status = 504 if isinstance(exc, asyncio.TimeoutError) else 500
        if request.writer.output_size > 0:
            request.protocol.log_exception("Error in the middle of a response", exc_info=exc)
            return SentResponse(keep_alive=False)
        return request.protocol.handle_error(request, status, exc)


async def _send(response: web.StreamResponse, request: web.BaseRequest) -> SentResponse:
    # Private: ends what a request holds open for its handler, which have had their time now.
    request._finish()
    return await send(response, request)
