"""The in-process server of one mock on one loop: makes the servers' ends of wires, runs replies.

It is handed one function that turns a request into a reply, and knows no route. A reply runs in
the context of the task that made the request, and what it raises is raised to that task.
"""

from __future__ import annotations

import asyncio
import contextvars
import traceback
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from aiohttp import StreamReader, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from yarl import URL

from ..errors import UnmatchedRequestError
from ..journal.request import AiointerceptRequest
from .link import Call, ClientEnd, Link
from .memory import memory_pair
from .protocol import ServerProtocol

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

    from ..routing.route import Reply

__all__ = ("Answer", "Server")

T = TypeVar("T")
Answer: TypeAlias = "Callable[[AiointerceptRequest, Call | None], Reply]"

LOCALHOST: Final = "127.0.0.1"
OPTIONS: Final[dict[str, Any]] = {
    "access_log": None,
    # A real API may take longer lines than aiohttp's server does by default.
    "max_line_size": 2**20,
    "max_field_size": 2**20,
}


class Server(web.Server):
    """Serves wires on one loop.

    Args:
        answer: turns a received request into the reply that is to be run.
        call_broke: is told of a call that ended in an error after which aiohttp sends it again.
        loop: the loop that the connections live on.
        context: what replies to clients that are not ours run in.
        home: the loop that coroutines of the test run on, if that is another one.
    """

    def __init__(
        self,
        answer: Answer,
        call_broke: Callable[[Call], None],
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context | None = None,
        home: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(
            self._handle, request_factory=self.make_request, handler_cancellation=True, loop=loop
        )
        self.call_broke = call_broke
        self._answer = answer
        self._loop = loop
        self._context = context or contextvars.copy_context()
        self._home = home
        self._links: set[Link] = set()
        self._expected: dict[Any, Link] = {}
        self._listener: asyncio.Server | None = None

    # Wires ------------------------------------------------------------------------------------

    def open_memory(self, call: Call) -> ClientEnd:
        """Return the client's end of a new wire in memory."""
        link = self._new_link(call)
        port = call.url.port
        near, far = (LOCALHOST, 0), (LOCALHOST, port)
        ours, theirs = {"peername": near, "sockname": far}, {"peername": far, "sockname": near}
        client_side, server_side = memory_pair(self._loop, theirs, ours)
        link.protocol = ServerProtocol(self, link, self._loop, **OPTIONS)
        server_side.set_protocol(link.protocol)
        link.protocol.connection_made(server_side)
        client = ClientEnd(link, self._loop)
        client_side.set_protocol(client)
        client.connection_made(client_side)
        return client

    async def open_tcp(self, call: Call) -> ClientEnd:
        """Return the client's end of a new wire over loopback TCP."""
        port = await self.listen()
        link = self._new_link(call)
        transport, client = await self._loop.create_connection(
            lambda: ClientEnd(link, self._loop), LOCALHOST, port
        )
        self._expected[transport.get_extra_info("sockname")] = link
        return client

    async def listen(self) -> int:
        """Listen on loopback TCP, if not yet, and return the port."""
        if self._listener is None:
            listener = await self._loop.create_server(self._accept, LOCALHOST, 0)
            if self._listener is None:
                self._listener = listener
            else:
                # Another task was faster.
                listener.close()
        return int(self._listener.sockets[0].getsockname()[1])

    def _accept(self) -> ServerProtocol:
        return ServerProtocol(self, None, self._loop, **OPTIONS)

    def claim(self, protocol: ServerProtocol) -> Link:
        """Return the link of a connection that came over TCP: a client's of ours, or a new one."""
        assert protocol.transport is not None
        link = self._expected.pop(protocol.transport.get_extra_info("peername"), None)
        if link is None:
            link = self._new_link(None)
        link.protocol = protocol
        return link

    def _new_link(self, call: Call | None) -> Link:
        link = Link(self, call)
        self._links.add(link)
        return link

    def connection_closed(self, link: Link | None) -> None:
        """Forget a wire whose server's end is gone."""
        if link is not None:
            self._links.discard(link)
            link.call = None

    def close(self, exc: BaseException) -> list[asyncio.Task[None]]:
        """Close every wire; clients that wait get *exc*. Return the tasks that this cancels."""
        tasks = [
            task
            for link in self._links
            if link.protocol is not None and (task := link.protocol._task_handler) is not None
        ]
        for link in tuple(self._links):
            link.close(exc)
        self._links.clear()
        if self._listener is not None:
            self._listener.close()
        return tasks

    # Requests ---------------------------------------------------------------------------------

    def make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: Any,
        writer: AbstractStreamWriter | None,
        task: asyncio.Task[None] | None,
    ) -> AiointerceptRequest:
        """Make the request, or complete the one that the express lane made."""
        request: AiointerceptRequest | None = protocol.chosen_request(message)
        if request is None:
            call = protocol.link.call
            scheme = None if call is None else "https" if call.asked.key.origin.secure else "http"
            return AiointerceptRequest(
                message,
                payload,
                protocol,
                writer,  # type: ignore[arg-type] - the express lane has neither
                task,  # type: ignore[arg-type]
                self._loop,
                client_max_size=0,
                scheme=scheme,
            )
        # Private, both: aiohttp's task has them only when it takes the request.
        request._payload_writer = writer
        request._task = task
        return request

    def receive(self, request: AiointerceptRequest, body: bytes, link: Link) -> Reply:
        """Record a request that has arrived, and return the reply to it."""
        call = link.call
        if call is None:
            origin = URL.build(scheme=request.scheme, authority=request.host)
            request.capture(origin.join(request.rel_url), body)
            request.home = self._home
        else:
            request.capture(call.url, body, call.proxy)
        # What the parser has read is captured; the emptied stream would only hold memory.
        request._payload = EMPTY_PAYLOAD
        return self._answer(request, call)

    async def _handle(self, request: BaseRequest) -> web.StreamResponse:
        assert isinstance(request, AiointerceptRequest)
        protocol = request.protocol
        assert isinstance(protocol, ServerProtocol)
        reply = protocol.chosen_reply(request)
        if reply is None:
            await _answer_expectation(request)
            body = await web.BaseRequest.read(request)
            reply = self.receive(request, body, protocol.link)
        return await self._run(reply, request, protocol.link)

    async def _run(
        self, reply: Reply, request: AiointerceptRequest, link: Link
    ) -> web.StreamResponse:
        context = self._context.copy() if link.call is None else link.call.context
        meant = getattr(reply, "exception", None)
        try:
            return await _InContext(context, lambda: reply(request))
        except web.HTTPException:
            raise
        except BaseException as exc:
            if isinstance(exc, asyncio.CancelledError) and exc is not meant:
                raise
            if link.client is not None:
                link.fail(exc)
                return _NoResponse()
            return _told(exc, request, meant=exc is meant)


async def _answer_expectation(request: BaseRequest) -> None:
    """Do for ``Expect:`` what ``web.Application`` does and ``web.Server`` leaves to its user."""
    expect = request.headers.get(hdrs.EXPECT)
    if expect is None or request.version < HttpVersion11:
        return
    if expect.lower() != "100-continue":
        raise web.HTTPExpectationFailed(text=f"Unknown Expect: {expect}")
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # aiohttp takes any output for the beginning of the response.
    request.writer.output_size = 0


def _told(exc: BaseException, request: BaseRequest, *, meant: bool) -> web.StreamResponse:
    """Tell a client that cannot be raised to, in HTTP, what happened."""
    if isinstance(exc, UnmatchedRequestError):
        return web.Response(status=404, text=str(exc))
    if meant:
        if request.transport is not None:
            request.transport.abort()
        return _NoResponse()
    text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    return web.Response(status=500, text=text)


class _NoResponse(web.StreamResponse):
    """Ends a connection without a word: the client's caller has had its exception."""

    @property
    def keep_alive(self) -> bool:
        return False

    async def prepare(self, request: BaseRequest) -> None:
        """Write nothing."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing."""


class _InContext(Awaitable[T]):
    """Awaits what a function returns, every step of it in a context of one's choice."""

    def __init__(self, context: contextvars.Context, function: Callable[[], Awaitable[T]]) -> None:
        self._context = context
        self._function = function

    def __await__(self) -> Generator[Any, Any, T]:
        run = self._context.run
        steps: Any = run(lambda: self._function().__await__())
        step, value = steps.send, None
        while True:
            try:
                waited = run(step, value)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            try:
                step, value = steps.send, (yield waited)
            except BaseException as exc:  # noqa: BLE001 - it is the awaitable's to handle
                step, value = steps.throw, exc
