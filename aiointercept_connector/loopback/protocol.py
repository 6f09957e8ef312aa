"""The server's end of a wire: aiohttp's own server protocol, with an express lane in front.

aiohttp's ``HttpRequestParser`` parses every request, once. One that has wholly arrived and whose
reply is known as bytes is answered there and then: a write, and no task. Every other goes the way
it would in ``aiohttp.web.Server``, on the same connection, and finds its reply chosen already.
The express lane serves only while the long way is idle, so that answers keep the order of requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from aiohttp import StreamReader, hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply
    from .link import Link
    from .server import Server

__all__ = ("ServerProtocol",)

Message: TypeAlias = "tuple[RawRequestMessage, StreamReader]"

# Private: where RequestHandler keeps its parser (BaseProtocol does from aiohttp 3.14 on).
# Watched by every test of tests/loopback/test_http.py.
_PARSER = "_request_parser" if "_request_parser" in RequestHandler.__slots__ else "_parser"

# From aiohttp 3.14 on the parser stops at 32 requests that nobody has taken, and it is the long
# way that lets it go on. A longer train of requests is left to it whole.
_LONGEST_TRAIN = 16


class ServerProtocol(RequestHandler):
    """One connection to a mock.

    Args:
        server: the server that the connection is made to.
        link: what joins this end to the client's.
        loop: the loop that the connection lives on.
        **options: any keyword of aiohttp's ``RequestHandler``.
    """

    # Private names of aiohttp's, beside the parser: `_messages`, the requests that its task has yet
    # to take; `_waiter`, the future on which that task waits for one; `_paused`, of writing.
    # Watched by TestPipelining and TestFlowControl in tests/loopback/test_http.py.

    __slots__ = ("_chosen", "_server", "_started", "link")

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
        self._started = False
        self._chosen: tuple[AiointerceptRequest, Reply] | None = None
        setattr(self, _PARSER, _FrontParser(getattr(self, _PARSER), self))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; aiohttp's own task is started when there is something for it."""
        BaseProtocol.connection_made(self, transport)
        self._server.connection_made(self, cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """Parse; what the express lane leaves over is for aiohttp's task."""
        super().data_received(data)
        if self._messages and not self._started and self.transport is not None:
            self._started = True
            super().connection_made(self.transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of the link, which is all that has held on to this end."""
        super().connection_lost(exc)
        self.link.protocol = None

    async def finish_response(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer, and part with the request, which the journal keeps."""
        try:
            return await super().finish_response(request, *args, **kwargs)
        finally:
            _part(request)

    def serve_at_once(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Answer what can be answered by a write; return the rest."""
        if len(messages) > _LONGEST_TRAIN:
            return messages
        for served, (message, payload) in enumerate(messages):
            if not self._idle() or not payload.is_eof() or hdrs.EXPECT in message.headers:
                return messages[served:]
            body = payload.read_nowait()
            call = self.link.call
            request = self._server.arrived(message, self, call)
            reply = self._server.receive(request, body, call)
            wire = _ready_answer(message, reply)
            if wire is None or self.transport is None:
                self._chosen = request, reply
                return messages[served:]
            self.transport.write(wire)
            self.link.end(call)
            if call is None:
                _part(request)
            getattr(self, _PARSER).message_consumed()
        return ()

    def _idle(self) -> bool:
        """Tell whether aiohttp's task is waiting for a request, and the client reads answers."""
        if self._messages or self._paused:
            return False
        return not self._started or (self._waiter is not None and not self._waiter.done())

    def chosen_request(self, message: RawRequestMessage) -> AiointerceptRequest | None:
        """Return the request that was made for *message* already, if one was."""
        if self._chosen is not None and self._chosen[0]._message is message:
            return self._chosen[0]
        return None

    def chosen_reply(self, request: AiointerceptRequest) -> Reply | None:
        """Return the reply that was chosen for *request* already, if one was."""
        if self._chosen is None or self._chosen[0] is not request:
            return None
        reply, self._chosen = self._chosen[1], None
        return reply


class _FrontParser:
    """aiohttp's parser, seen by ``RequestHandler``; the express lane takes its share first."""

    __slots__ = ("_parser", "_protocol", "message_consumed")

    def __init__(self, parser: Any, protocol: ServerProtocol) -> None:
        self._parser = parser
        self._protocol = protocol
        # From aiohttp 3.14 on the parser counts the messages that nobody has taken yet.
        self.message_consumed = getattr(parser, "message_consumed", _nothing)

    def feed_data(self, data: bytes) -> tuple[Sequence[Message], bool, bytes]:
        messages, upgraded, tail = self._parser.feed_data(data)
        if messages and not upgraded:
            messages = self._protocol.serve_at_once(messages)
        return messages, upgraded, tail

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


def _nothing() -> None:
    """Do nothing."""


def _ready_answer(message: RawRequestMessage, reply: Any) -> bytes | None:
    """Return the bytes of *reply* if they answer this very request, and the connection stays."""
    wire: bytes | None = getattr(reply, "wire", None)
    if wire is None or message.should_close:
        return None
    if message.method == hdrs.METH_HEAD:
        wire = reply.head(keep_alive=True)
    return wire


def _part(request: Any) -> None:
    """Let a recorded request live on without its connection, and all that hangs on that."""
    # Private, all three. Watched by TestRecordedRequest in tests/loopback/test_http.py.
    request._protocol = request._payload_writer = request._task = None
