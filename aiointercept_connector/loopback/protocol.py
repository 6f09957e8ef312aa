"""The server's end of a wire: aiohttp's own server protocol, but for when it takes its requests.

A plain request of aiohttp's own client is told at a glance; aiohttp's ``HttpRequestParser`` parses
every other, once. They are answered in turn, each when the one before it has been. One that has
wholly arrived and whose reply is known as bytes, or is as soon as a plain function has been called,
is answered there and then: a write, and no task. Every other has a task of its own, in the context
of the client's call, where ``RequestHandler`` runs its handler and sends the response, as in
``aiohttp.web.Server``.

What is not used of aiohttp's is its task that lasts as long as the connection and takes the
requests: waking it, and a second task for each of them, costs more than most answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

from aiohttp import StreamReader, hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpVersion11, RawRequestMessage, StreamWriter
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import ERROR, PayloadAccessError, RequestHandler

from .head import HeadWriter
from .plain import read_plain

if TYPE_CHECKING:
    import contextvars
    from contextlib import AbstractContextManager
    from typing import TypeGuard

    from aiohttp.web import BaseRequest, StreamResponse, WebSocketResponse
    from aiohttp.web_protocol import _ErrInfo

    from ..journal.frames import Conversation
    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply
    from .forward import Forwarding
    from .link import Call, Link
    from .server import Server

__all__ = ("ServerProtocol",)

T = TypeVar("T")
Handler: TypeAlias = "Callable[[Any], Awaitable[StreamResponse]]"
# What the parser cannot take for a request is handed on as aiohttp's own error.
Message: TypeAlias = "RawRequestMessage | _ErrInfo"

# From aiohttp 3.14 on the parser stops at 32 requests that nobody has taken.
_COUNTS_REQUESTS: Final = hasattr(RequestHandler, "_resume_reading_if_drained")

_SECONDS_TO_LINGER: Final = 10.0


class ServerProtocol(RequestHandler):
    """One connection to a mock.

    Args:
        server: the server that the connection is made to.
        link: what joins this end to the client's.
        loop: the loop that the connection lives on.
        **options: any keyword of aiohttp's ``RequestHandler``.
    """

    # Private names of aiohttp's: `_messages`, the requests that are yet to be taken;
    # `_handle_request`, which runs a handler and sends what it returns; `_make_error_handler`, for
    # what the parser refuses; `_task_handler`, which is cancelled when the connection is lost;
    # `_close` and `_force_close`; `_paused`, of writing; and those of `_make_room`.
    # Watched by tests/loopback/test_turns.py, and by TestPipelining and TestFlowControl in
    # tests/loopback/test_http.py and tests/loopback/test_http_bodies.py.

    __slots__ = ("_at_work", "_server", "link")

    def __init__(
        self,
        server: Server,
        link: Link,
        loop: asyncio.AbstractEventLoop,
        **options: Any,
    ) -> None:
        super().__init__(server, loop=loop, **options)
        self._server = server
        self.link = link
        self._at_work = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, and start no task."""
        BaseProtocol.connection_made(self, transport)
        self._server.connection_made(self, cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """Parse, and answer what has arrived; what can be told at a glance is not parsed."""
        link, call = self.link, self.link.call
        if link.is_fresh and call is not None:
            link.is_fresh = False
            if not self._is_busy() and (plain := read_plain(data)) is not None:
                self._answer_plain(*plain, call)
                return
        super().data_received(data)
        if self._messages and not self._at_work:
            self._take_turns()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of the link, which is all that has held on to this end."""
        super().connection_lost(exc)
        self.link.protocol = None

    def forwarding(self, request: AiointerceptRequest) -> Forwarding:
        """Return the way to the real host of *request*, which is being answered."""
        # Imported at its use: few tests come this way.
        from .forward import Forwarding

        return Forwarding(request, self.link.call, self._server.let_out, self._loop)

    async def answer_on(
        self, home: asyncio.AbstractEventLoop, request: AiointerceptRequest, answer: Awaitable[T]
    ) -> T:
        """Await *answer* to *request* on another loop, from where it may write to this one."""
        # Imported at its use: few tests have clients on other loops.
        from .homing import answer_on

        return await answer_on(home, request, answer)

    def record_frames(self, socket: WebSocketResponse, conversation: Conversation) -> None:
        """Keep what goes over a WebSocket on this connection, which is prepared."""
        from .recording import record_frames

        record_frames(socket, conversation)

    def overhearing(self, request: AiointerceptRequest) -> AbstractContextManager[None]:
        """Keep what goes over a WebSocket that *request* becomes, in a block, without our help."""
        from .overhearing import overhearing

        return overhearing(request)

    def record_unread(self, socket: WebSocketResponse) -> None:
        """Keep what has come over a WebSocket that is over, and nobody took."""
        from .recording import record_unread

        record_unread(socket)

    def let_pass(self, seconds: float) -> bool:
        """Let time pass in the client's eyes, without waiting; tell whether it gave up meanwhile.

        Its own timeout is what ends it, so that it raises what it would have raised. A client that
        is not ours takes no notice.
        """
        from .expiry import let_pass

        return let_pass(self.link, seconds)

    def expire(self, timer: str) -> bool:
        """Set off a timeout of the client's, ``total`` or ``sock_read``; tell if it has that."""
        from .expiry import expire

        return expire(self.link, timer)

    def writer_for(self, message: RawRequestMessage) -> StreamWriter:
        """Return what writes the response to a request."""
        kind = HeadWriter if message.method == hdrs.METH_HEAD else StreamWriter
        return kind(self, self._loop)

    def _take_turns(self) -> None:
        """Answer the requests that have arrived, up to one that needs a task, which goes on."""
        self._at_work = True
        while self._messages and self.transport is not None and not self._close:
            message, payload = self._messages.popleft()
            if _COUNTS_REQUESTS:
                self._make_room()
            if not self._answer(message, payload):
                return
        self._at_work = False

    def _make_room(self) -> None:
        """Let the parser go on, if it has stopped at too many requests that nobody has taken."""
        cast("Any", self._parser).message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    def _is_busy(self) -> bool:
        """Tell whether an earlier request is yet to be answered, or the connection to be closed."""
        return self._at_work or bool(self._messages) or self._close or self._force_close

    def _answer_plain(self, head: bytes, body: bytes, call: Call) -> None:
        self._at_work = True
        if self._answer_whole(self._server.arrived_plain(head, body, self, call), call):
            self._at_work = False

    def _answer(self, message: Message, payload: StreamReader) -> bool:
        """Answer a request; tell whether that is done, and not left to a task."""
        call = self.link.call
        if not _has_arrived(message, payload):
            context = self._server.context_of(call)
            self._start(context, self._answer_arriving(message, payload, call))
            return False
        request = self._server.arrived(message, payload.read_nowait(), self, call)
        return self._answer_whole(request, call)

    def _answer_whole(self, request: AiointerceptRequest, call: Call | None) -> bool:
        """Do the same with a request that has arrived with all of its body."""
        # Conditions and plain callbacks are the test's, and see what the client's task sees.
        context = self._server.context_of(call)
        reply = context.run(self._reply_to, request, call)
        if self._has_written(reply, request, call):
            return True
        self._start(context, self._answer_arrived(reply, request, call))
        return False

    def _reply_to(self, request: AiointerceptRequest, call: Call | None) -> Any:
        return _begun(self._server.asked.answer(request, call), request)

    def _has_written(self, reply: Any, request: AiointerceptRequest, call: Call | None) -> bool:
        """Write what *reply* answers, if it is known as bytes and the client reads."""
        wire = _ready_answer(request, reply)
        if wire is None or self._paused or self.transport is None:
            return False
        self.transport.write(wire)
        self.link.end(call)
        _part(request)
        return True

    def _start(self, context: contextvars.Context, answering: Coroutine[Any, Any, bool]) -> None:
        task = context.run(self._loop.create_task, self._turn(answering))
        # One that has ended was made by an eager task factory.
        if not task.done():
            self._task_handler = task

    async def _turn(self, answering: Awaitable[bool]) -> None:
        """Answer a request; then go on, or close the connection if that is how it ends."""
        stays = False
        try:
            stays = await answering
        except Exception as exc:  # noqa: BLE001 - aiohttp's own server does the same
            self.log_exception("Unhandled exception", exc_info=exc)
            self.force_close()
        except BaseException:
            self.force_close()
            raise
        finally:
            self._task_handler = None
        if stays and not self._close:
            self._take_turns()
        elif self.transport is not None:
            self.transport.close()

    async def _answer_arrived(
        self, reply: Any, request: AiointerceptRequest, call: Call | None
    ) -> bool:
        if isawaitable(reply):
            request._task = _this_task()
            reply = await _settled(reply, request)
            if self._has_written(reply, request, call):
                return True
        return await self._respond(request, EMPTY_PAYLOAD, self._handler(reply, call))

    async def _answer_arriving(
        self, message: Message, payload: StreamReader, call: Call | None
    ) -> bool:
        if not isinstance(message, RawRequestMessage):
            # What the parser could not take for a request.
            request = self._server.make_request(ERROR, payload, self, call)
            return await self._respond(request, payload, self._make_error_handler(message))
        request = self._server.make_request(message, payload, self, call)
        return await self._respond(request, payload, self._handler(None, call))

    def _handler(self, reply: Reply | None, call: Call | None) -> Handler:
        return partial(self._server.handle, reply=reply, link=self.link, call=call)

    async def _respond(self, request: BaseRequest, payload: StreamReader, handler: Handler) -> bool:
        """Have *handler* answer, and tell whether the connection stays."""
        request._task = _this_task()
        try:
            response, reset = await self._handle_request(request, 0.0, handler)
        except ConnectionError:
            return False
        finally:
            _part(request)
        if reset:
            return False
        await self._skip(payload)
        return bool(response.keep_alive)

    async def _skip(self, payload: StreamReader) -> None:
        """Read what nobody wanted of a body; who still sends it would not see the answer."""
        if not payload.is_eof() and not self._force_close:
            try:
                await asyncio.wait_for(_read_to_end(payload), _SECONDS_TO_LINGER)
            except asyncio.TimeoutError:
                self.close()
        payload.set_exception(PayloadAccessError())


def _this_task() -> asyncio.Task[None]:
    return cast("asyncio.Task[None]", asyncio.current_task())


async def _read_to_end(payload: StreamReader) -> None:
    while not payload.is_eof():
        await payload.readany()


def _has_arrived(message: Message, payload: StreamReader) -> TypeGuard[RawRequestMessage]:
    """Tell whether a request is there as a whole, and nothing but its answer is to be said."""
    return (
        payload.is_eof()
        and isinstance(message, RawRequestMessage)
        and not message.upgrade
        and message.method != hdrs.METH_CONNECT
        and hdrs.EXPECT not in message.headers
    )


def _begun(reply: Any, request: AiointerceptRequest) -> Any:
    """Return the reply that *reply* comes down to, or what is to be awaited to know it."""
    try:
        while (begin := getattr(reply, "begin", None)) is not None:
            reply = begin(request)
    except BaseException as exc:  # noqa: BLE001 - raised to the client's caller
        return _raising(exc)
    return reply


async def _settled(reply: Awaitable[Any], request: AiointerceptRequest) -> Any:
    """Return the same, when nothing has to be awaited any more."""
    settled: Any = reply
    try:
        while isawaitable(settled):
            settled = _begun(await settled, request)
    except BaseException as exc:  # noqa: BLE001 - raised to the client's caller
        return _raising(exc)
    return settled


def _raising(exc: BaseException) -> Reply:
    async def reply(_request: BaseRequest) -> StreamResponse:
        raise exc

    return reply


def _ready_answer(request: AiointerceptRequest, reply: Any) -> bytes | None:
    """Return the bytes of *reply* if they answer this very request, and the connection stays."""
    wire: bytes | None = getattr(reply, "wire", None)
    if wire is None:
        return None
    # Private: the head of a request that is plain, and so neither old nor the connection's last.
    if request._head is None:
        message = request._message
        if message.should_close or message.version != HttpVersion11:
            return None
        is_head = message.method == hdrs.METH_HEAD
    else:
        is_head = request._head.startswith(b"HEAD ")
    return cast("bytes", reply.head(keep_alive=True)) if is_head else wire


def _part(request: Any) -> None:
    """Let a recorded request live on without its connection, and all that hangs on that."""
    # Private, all three. Watched by TestRecordedRequest in tests/loopback/test_http_recorded.py.
    request._protocol = request._payload_writer = request._task = None
    if request.max_body is not None:
        request.cut_body()
