"""What joins the two ends of a wire, and carries beside it what HTTP does not say.

The client's end is aiohttp's own protocol. Its link knows the *call* that is on the wire: the URL
as it was asked, whose context a callback runs in, the proxy that was to be used; and it is the way
back for an exception, which reaches the client's caller as the object it is.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import ClientOSError, ServerDisconnectedError
from aiohttp.client_proto import ResponseHandler
from yarl import URL

if TYPE_CHECKING:
    import asyncio

    from aiohttp.web_protocol import RequestHandler

    from ..journal.request import AiointerceptRequest
    from ..routing.route import Asked, Reply
    from .server import Server

__all__ = ("Call", "ClientEnd", "Link")

REPEATED_BY_AIOHTTP = (ClientOSError, ServerDisconnectedError)
"""The errors after which ``ClientSession._request`` sends an idempotent request once more."""


class Call:
    """One call of a client: what it asked, on whose behalf, and what became of it.

    aiohttp repeats an idempotent request whose connection broke; that is a second attempt of the
    same call, and meets the same reply.
    """

    __slots__ = (
        "asked",
        "askers",
        "claimant",
        "client_request",
        "context",
        "proxy",
        "record",
        "reply",
        "traces",
        "url",
    )

    def __init__(
        self, asked: Asked, client_request: aiohttp.ClientRequest, traces: object, askers: Any
    ) -> None:
        self.asked = asked
        self.url: URL = client_request.url
        self.proxy: URL | None = client_request.proxy
        self.client_request = client_request
        self.traces = traces
        self.askers = askers
        self.claimant: Any = None
        self.context = contextvars.copy_context()
        self.record: AiointerceptRequest | None = None
        self.reply: Reply | None = None


class ClientEnd(ResponseHandler):
    """aiohttp's client protocol, at the end of one of our wires."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.link = link
        link.client = self
        self._verdict: BaseException | None = None

    def fail(self, exc: BaseException) -> None:
        """Make whoever waits for this response, or reads its body, get *exc*."""
        if self._verdict is not None:
            return
        self.set_exception(exc)
        self._verdict = exc
        # Private: where a body, or a WebSocket's frames, are read from once the head has arrived.
        # Watched by tests/loopback/test_link.py.
        payload = self._payload
        if payload is not None and not payload.is_eof():
            payload.set_exception(exc)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Take an exception from aiohttp, unless the call's fate is sealed.

        The client's own writer reports a broken connection too, as an error that aiohttp would
        answer by repeating the request.
        """
        if self._verdict is None:
            super().set_exception(exc, *cause)

    def close(self) -> None:
        """Close the connection at the client's own wish: what follows is no fault of ours."""
        self.link.given_up = True
        super().close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let the link know with what error the client's call ended, if one was on the wire."""
        super().connection_lost(exc)
        self.link.client_lost(self.exception())


class Link:
    """One wire's two ends, and the call that is on it."""

    __slots__ = ("_server", "call", "client", "given_up", "protocol")

    def __init__(self, server: Server, call: Call | None = None) -> None:
        self._server = server
        self.call = call
        self.client: ClientEnd | None = None
        self.protocol: RequestHandler | None = None
        self.given_up = False

    def begin(self, call: Call) -> None:
        """Put *call* on the wire."""
        self.call = call
        self.given_up = False

    def fail(self, exc: BaseException) -> None:
        """Make the client's call raise *exc*."""
        if self.client is not None:
            self._note_break(exc)
            self.client.fail(exc)

    def client_lost(self, exc: BaseException | None) -> None:
        """Hear of the client's end, which is closed, and what error its call ended with."""
        if not self.given_up:
            self._note_break(exc)

    def _note_break(self, exc: BaseException | None) -> None:
        if self.call is not None and isinstance(exc, REPEATED_BY_AIOHTTP):
            self._server.call_broke(self.call)

    def close(self, exc: BaseException) -> None:
        """Close both ends at once; a client that waits for its answer gets *exc*."""
        self.fail(exc)
        for end in (self.client, self.protocol):
            if end is not None and end.transport is not None:
                end.transport.abort()
