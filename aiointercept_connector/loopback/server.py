"""The in-process server of one mock on one loop: makes the servers' ends of wires, runs replies.

It is handed what turns a request into a reply, and knows no route. A reply runs in
the context of the task that made the request, and what it raises is raised to that task.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from aiohttp import ClientConnectionError, StreamReader, hdrs, web_server
from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_exceptions import HTTPException
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse
from yarl import URL

from ..errors import UnmatchedRequestError
from ..journal.request import AiointerceptRequest
from .arriving import ArrivingBody
from .link import Call, ClientEnd, Link
from .memory import MemoryTransport, memory_pair
from .protocol import ServerProtocol
from .sent import SentResponse, send
from .tcp import LOCALHOST, tcp_pair

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp import ClientRequest

    from ..routing.route import Reply
    from .tls import Handshake

__all__ = ("LOCALHOST", "Answering", "Server")


class Answering(Protocol):
    """What a server asks, of the requests that come to it."""

    def answer(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        """Record a received request, and return the reply that is to be run."""
        ...

    def reads_body(self, request: AiointerceptRequest, call: Call | None) -> bool:
        """Tell whether the body of a request is to be read before it is answered."""
        ...

    def call_broke(self, call: Call) -> None:
        """Take note of a call that ended in an error after which aiohttp sends it again."""
        ...

    def let_out(self, request: AiointerceptRequest, call: Call | None, sent: ClientRequest) -> None:
        """Take note of what a reply sends on to a real host, or raise if it may not."""
        ...


OPTIONS: Final[dict[str, Any]] = {
    "access_log": None,
    # A real API may take longer lines than aiohttp's server does by default.
    "max_line_size": 2**20,
    "max_field_size": 2**20,
    # aiohttp's own default, which was 75 seconds before 3.12: no test should meet it.
    "keepalive_timeout": 3630.0,
}


class Server(web_server.Server):
    """Serves wires on one loop.

    Args:
        asked: what knows the replies.
        loop: the loop that the connections live on.
        context: what replies to clients that are not ours run in.
        home: tells which loop coroutines of the test run on, if that is another one.
    """

    def __init__(
        self,
        asked: Answering,
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context | None = None,
        home: Callable[[], asyncio.AbstractEventLoop | None] | None = None,
    ) -> None:
        # Its protocols know what to ask; with methods of its own here it would hold on to itself.
        super().__init__(_unasked, handler_cancellation=True, loop=loop)
        self.asked = asked
        self._loop = loop
        self._context = context or contextvars.copy_context()
        self._home = home
        self._listener: asyncio.Server | None = None

    def open_memory(self, call: Call, handshake: Handshake | None = None) -> ClientEnd:
        """Return the client's end of a new wire in memory, which begins with *handshake*."""
        link = Link(self.asked.call_broke, call)
        near, far = (LOCALHOST, 0), (LOCALHOST, call.url.port)
        ours: dict[str, Any] = {"peername": near, "sockname": far}
        theirs: dict[str, Any] = {"peername": far, "sockname": near}
        accepted = handshake is None or handshake.in_memory(theirs, ours)
        client_side, server_side = memory_pair(self._loop, theirs, ours)
        protocol = self._server_end(link) if accepted else _refusing(client_side)
        server_side.set_protocol(protocol)
        protocol.connection_made(server_side)
        client = ClientEnd(link, self._loop)
        client_side.set_protocol(client)
        client.connection_made(client_side)
        if handshake is not None:
            link.note_certificate()
        return client

    async def open_tcp(self, call: Call, handshake: Handshake | None = None) -> ClientEnd:
        """Return the client's end of a new wire over loopback TCP, encrypted by *handshake*."""
        link = Link(self.asked.call_broke, call)
        near, far = tcp_pair()
        if handshake is not None:
            client = await handshake.over_sockets(
                near, far, lambda: ClientEnd(link, self._loop), lambda: self._server_end(link)
            )
            link.note_certificate()
            return client
        try:
            await self._loop.connect_accepted_socket(lambda: self._server_end(link), far)
            _, client = await self._loop.create_connection(
                lambda: ClientEnd(link, self._loop), sock=near
            )
        except BaseException:
            # The other end is the loop's already, and will read this one's.
            near.close()
            raise
        return client

    async def listen(self, context: SSLContext | None = None) -> int:
        """Listen on loopback TCP for clients of every kind, and return the port.

        With *context*, clients begin with a handshake.
        """
        self._listener = await self._loop.create_server(
            lambda: self._server_end(Link(self.asked.call_broke)), LOCALHOST, 0, ssl=context
        )
        return int(self._listener.sockets[0].getsockname()[1])

    def _server_end(self, link: Link) -> ServerProtocol:
        link.protocol = ServerProtocol(self, link, self._loop, **OPTIONS)
        return link.protocol

    def close(self, exc: BaseException) -> list[asyncio.Task[None]]:
        """Close every wire; clients that wait get *exc*. Return the tasks that this cancels."""
        if self._listener is not None:
            self._listener.close()
        protocols = [one for one in self.connections if isinstance(one, ServerProtocol)]
        # Private: the task of a connection that answers a request, cancelled when that is lost.
        # Watched by TestLeaving in tests/loopback/test_link.py.
        tasks = [one._task_handler for one in protocols if one._task_handler is not None]
        for one in protocols:
            # An exception of its own for everyone: its traceback grows wherever it is raised.
            one.link.close(copy.copy(exc))
        return tasks

    def context_of(self, call: Call | None) -> contextvars.Context:
        """Return the context in which a request is answered."""
        return self._context.copy() if call is None else call.context

    def arrived(
        self, message: RawRequestMessage, body: bytes, protocol: ServerProtocol, call: Call | None
    ) -> AiointerceptRequest:
        """Make a request that has wholly arrived, with as little as its answer needs."""
        if call is None:
            # What it asked is known to its connection alone, which it will not have for long.
            request = self.make_request(message, EMPTY_PAYLOAD, protocol, call)
            self._capture(request, body, call)
            return request
        request = self._unmade(body, protocol, call)
        # Private: where aiohttp has it too.
        request._message = message
        return request

    def arrived_plain(
        self, head: bytes, body: bytes, protocol: ServerProtocol, call: Call
    ) -> AiointerceptRequest:
        """Make a request of which not even the head has been parsed."""
        request = self._unmade(body, protocol, call)
        # Private: for those who look at it first.
        request._head = head
        return request

    def _unmade(self, body: bytes, protocol: ServerProtocol, call: Call) -> AiointerceptRequest:
        request = AiointerceptRequest.__new__(AiointerceptRequest)
        # Private, both: where aiohttp has them too. The rest is made when somebody looks.
        # Watched by TestArrived in tests/journal/test_request.py.
        request._loop = self._loop
        request._protocol = protocol
        self._capture(request, body, call)
        return request

    def make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: ServerProtocol,
        call: Call | None,
    ) -> AiointerceptRequest:
        """Make a request, whole; its task is whichever comes to answer it."""
        return AiointerceptRequest(
            message,
            payload,
            protocol,
            protocol.writer_for(message),
            cast("asyncio.Task[None]", None),
            self._loop,
            client_max_size=0,
            scheme=None if call is None else "https" if call.asked.key.origin.secure else "http",
        )

    def let_out(self, request: AiointerceptRequest, call: Call | None, sent: ClientRequest) -> None:
        """Ask whether a reply may send *sent* on to its real host; raise if it may not."""
        self.asked.let_out(request, call, sent)

    def _capture(self, request: AiointerceptRequest, body: bytes, call: Call | None) -> None:
        if call is None:
            request.capture(_url_on_the_wire(request), body)
            request.home = None if self._home is None else self._home()
            return
        request.capture(call.url, body, call.proxy)
        if call.client_certificate is not None:
            request.client_certificate = call.client_certificate

    async def handle(
        self, request: AiointerceptRequest, reply: Reply | None, link: Link, call: Call | None
    ) -> StreamResponse:
        """Return the response to a request; *reply* is None if its body may still be arriving."""
        try:
            if reply is None:
                reply = await self._receive_rest(request, call)
            return await self._run(reply, request, link, call)
        finally:
            request.end_arrival()
            link.end(call)

    async def _receive_rest(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        """Choose the reply to a request whose head alone has arrived."""
        # Private: a request that is recorded has its body under `content`, and this one is not yet.
        body = ArrivingBody(request._payload, request)
        # The emptied stream would only hold memory.
        request._payload = EMPTY_PAYLOAD
        self._capture(request, b"", call)
        if self.asked.reads_body(request, call):
            request.captured_body = await body.whole() or None
        else:
            request.begin_arrival(body)
        return self.asked.answer(request, call)

    async def _run(
        self, reply: Reply, request: AiointerceptRequest, link: Link, call: Call | None
    ) -> StreamResponse:
        try:
            response: Any = await reply(request)
            if not isinstance(response, StreamResponse):
                # For aiohttp to complain of.
                return cast("StreamResponse", response)
            return await send(response, request)
        except BaseException as exc:
            meant = exc is getattr(reply, "exception", None)
            if isinstance(exc, HTTPException) and not meant and not request.writer.output_size:
                raise
            if request.transport is None:
                # The client has gone: this is our own cancellation, or what it led to.
                raise
            if call is None or link.call is not call:
                # A client of another make, or one that has its answer and is on to the next call.
                return _told(exc, request, meant=meant)
            link.verdict = exc if meant else _for_caller(exc, request)
            if request.is_arriving:
                # aiohttp would wait for the rest of the body before it ends the connection.
                request.protocol.force_close()
            return SentResponse(keep_alive=False)


def _for_caller(exc: BaseException, request: AiointerceptRequest) -> BaseException:
    """Return what the client's caller is to get for *exc*, which a reply has raised.

    It is that very object, but for the cancellation of something that the reply has waited for: the
    client's task would take it for its own, which nobody has asked for.
    """
    if not isinstance(exc, asyncio.CancelledError):
        return exc
    route = request.route
    what = "the reply" if route is None else f"{route.reply!r:.60}, of {route},"
    error = ClientConnectionError(
        f"{request.method} {request.url}: {what} ended in a CancelledError: something that it "
        f"awaited was cancelled. The client was not. Catch it in the reply, or to cancel the "
        f"client's call, register exception=asyncio.CancelledError()."
    )
    error.__cause__ = exc
    return error


async def _unasked(request: BaseRequest) -> StreamResponse:
    """Stand for the handler that aiohttp's server would ask."""
    raise NotImplementedError


def _refusing(client: MemoryTransport) -> asyncio.Protocol:
    # Imported at its use: few tests come this way.
    from .tls import Refusing

    return Refusing(client)


def _url_on_the_wire(request: AiointerceptRequest) -> URL:
    """Return the URL that a client asked which is not ours, and so has told us nothing beside."""
    asked = request._message.url
    if request.method == hdrs.METH_CONNECT and asked.host is not None:
        # It names a host and a port alone, for a tunnel; what goes through tunnels is https.
        return URL.build(scheme="https", host=asked.host, port=asked.port)
    if asked.absolute and asked.scheme:
        # It takes the server for its proxy. aiohttp's own `host` would lose the port.
        return asked
    here = request.get_extra_info("sockname", (LOCALHOST, 0))
    try:
        origin = URL.build(scheme=request.scheme, authority=request.headers[hdrs.HOST])
    except (KeyError, ValueError):
        # HTTP/1.0 needs no Host, and nobody checks what one says.
        origin = URL.build(scheme=request.scheme, host=here[0], port=here[1])
    return origin.join(request.rel_url)


def _told(exc: BaseException, request: BaseRequest, *, meant: bool) -> StreamResponse:
    """Tell a client that cannot be raised to, in HTTP, what happened."""
    if isinstance(exc, UnmatchedRequestError):
        return Response(status=404, text=str(exc))
    if meant:
        return SentResponse(keep_alive=False)
    if request.writer.output_size > 0:
        # A second response would be taken for the body of the first.
        request.protocol.log_exception("Error in the middle of a response", exc_info=exc)
        return SentResponse(keep_alive=False)
    text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    return Response(status=500, text=text)
