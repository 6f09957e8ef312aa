"""What joins the two ends of a wire, and carries beside it what HTTP does not say.

The client's end is aiohttp's own protocol. Its link knows the *call* that is on the wire: the URL
as it was asked, whose context a callback runs in, the proxy that was to be used; and it is the way
back for an exception, which reaches the client's caller as the object it is.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import ClientError, ClientOSError, ServerDisconnectedError
from aiohttp.client_proto import ResponseHandler
from yarl import URL

if TYPE_CHECKING:
    import asyncio

    from aiohttp.connector import BaseConnector

    from ..faults.connecting import Attempt
    from ..journal.request import AiointerceptRequest
    from ..routing.route import Asked, Reply, Route
    from .protocol import ServerProtocol
    from .shown import ShownHead

__all__ = ("Call", "ClientEnd", "Link")

REPEATED_BY_AIOHTTP = (ClientOSError, ServerDisconnectedError)
"""The errors after which ``ClientSession._request`` sends an idempotent request once more."""

# Plain numbers: the head of every response is looked up here, and an enum takes its time.
_INTERIM = frozenset(
    int(status) for status in (HTTPStatus.CONTINUE, HTTPStatus.PROCESSING, HTTPStatus.EARLY_HINTS)
)


class Call:
    """One call of a client: what it asked, on whose behalf, and what became of it.

    aiohttp repeats an idempotent request whose connection broke; that is a second attempt of the
    same call, and meets the same reply.
    """

    # Most calls set few of these, so they are the class's.
    connector: BaseConnector | None = None
    """What connects the client's session to real hosts."""
    attempt: Attempt | None = None
    """What becomes of the connection that the client is about to get, if a fault awaits it."""
    drawn = False
    """Whether it has been drawn for, by chaos."""
    taken: tuple[Any, Route] | None = None
    """The mock and the route that answer, if that was decided before there was a connection."""
    claimant: Any = None
    timeout: aiohttp.ClientTimeout | None = None
    client_certificate: Mapping[str, Any] | None = None
    """The certificate that the client has shown, as ``getpeercert()`` returns it."""
    passed = 0.0
    """Seconds that replies let pass without waiting."""
    record: AiointerceptRequest | None = None
    reply: Reply | None = None
    shown: ShownHead | None = None
    """What the client is to see in place of the head that the wire carries."""

    def __init__(
        self, asked: Asked, client_request: aiohttp.ClientRequest, traces: object, askers: Any
    ) -> None:
        self.asked = asked
        self.url: URL = client_request.url
        self.proxy: URL | None = client_request.proxy
        self.client_request = client_request
        self.traces = traces
        self.askers = askers
        self.context = contextvars.copy_context()


class ClientEnd(ResponseHandler):
    """aiohttp's client protocol, at the end of one of our wires."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.link = link
        link.client = self
        self._failed = False
        self._promised: Call | None = None

    async def read(self) -> Any:
        """Return the head of a response, as it comes.

        An error here, and none elsewhere, is what aiohttp sends an idempotent request again after.
        """
        # What an interim response promises may have come as well, and the call be off the wire.
        call, self._promised = self._promised or self.link.call, None
        try:
            message, payload = await super().read()
        except REPEATED_BY_AIOHTTP:
            if call is not None:
                self.link.call_broke(call)
            raise
        if message.code in _INTERIM:
            self._promised = call
        elif call is not None and call.shown is not None:
            message = call.shown.instead_of(message)
        return message, payload

    def fail(self, exc: BaseException) -> None:
        """Make whoever waits for this response, or reads its body, get *exc*."""
        if self._failed:
            return
        self.set_exception(exc)
        self._failed = True
        # Private: where a body, or a WebSocket's frames, are read from once the head has arrived.
        # Forgotten, so that the end of the connection cannot replace the exception.
        # Watched by TestCallbackRaises in tests/loopback/test_raising.py, and by TestLeaving in
        # tests/loopback/test_leaving.py.
        payload, self._payload = self._payload, None
        if self.upgraded and isinstance(exc, ClientError):
            # A WebSocket takes these for its end, but then leaves its response open. The end of the
            # connection says the same to it, and does not.
            return
        if payload is not None and not payload.is_eof():
            payload.set_exception(exc)

    def set_exception(self, exc: BaseException, *args: Any, **kwargs: Any) -> None:
        """Take an exception from aiohttp, unless the call's fate is sealed.

        The client's own writer reports a broken connection too, as an error that aiohttp would
        answer by repeating the request.
        """
        if not self._failed:
            super().set_exception(exc, *args, **kwargs)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the client's call, if one is on the wire: with the exception that a reply raised."""
        if self.link.verdict is not None:
            self.fail(self.link.verdict)
        super().connection_lost(exc)
        # A mock is left after every test: what holds on to itself would be the collector's work.
        self.link.client = None


class Link:
    """One wire's two ends, and the call that is on it.

    Args:
        call_broke: is told of a call that ended in an error after which aiohttp sends it again.
        call: the call that the wire is made for; None for a client that is not ours.
    """

    __slots__ = (
        "call",
        "call_broke",
        "client",
        "client_certificate",
        "is_fresh",
        "protocol",
        "verdict",
    )

    def __init__(self, call_broke: Callable[[Call], None], call: Call | None = None) -> None:
        self.call_broke = call_broke
        self.call = call
        self.is_fresh = False
        """Whether nothing of the call has arrived yet."""
        self.client: ClientEnd | None = None
        self.protocol: ServerProtocol | None = None
        self.client_certificate: Mapping[str, Any] | None = None
        self.verdict: BaseException | None = None
        """What the client's call is to raise when it has read all that was written to it."""

    def note_certificate(self) -> None:
        """Keep the certificate that the client has shown, if the server has accepted it."""
        transport = None if self.protocol is None else self.protocol.transport
        if transport is not None:
            self.client_certificate = transport.get_extra_info("peercert") or None

    def begin(self, call: Call) -> None:
        """Put *call* on the wire."""
        self.call = call
        self.is_fresh = True
        self.verdict = None
        call.client_certificate = self.client_certificate

    def end(self, call: Call | None) -> None:
        """Take *call* off the wire, which may be kept alive without it, or have the next one."""
        if self.call is call:
            self.call = None

    def close(self, exc: BaseException) -> None:
        """Close both ends at once; a client that waits for its answer gets *exc*."""
        if self.client is not None:
            self.client.fail(exc)
        for end in (self.client, self.protocol):
            if end is not None and end.transport is not None:
                end.transport.abort()
