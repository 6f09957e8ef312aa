"""Faults of proxies, for requests that are to go through one.

To a proxy, an https request begins with CONNECT, which asks for a tunnel: the fault answers that.
An http request it sends on itself: the fault is what it answers in place of the host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from ..loopback.memory import memory_pair
from ..loopback.tcp import LOCALHOST, tcp_pair
from .connecting import Attempt, Connecting
from .scripts import End, play, response

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.client_proto import ResponseHandler

    from ..journal.request import AiointerceptRequest
    from ..loopback.dialing import ResponseEnd
    from ..loopback.link import Call
    from .kind import Fault

__all__ = ("Tunnelling",)

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Tunnelling(Connecting):
    """A proxy that answers for itself, or lets a tunnel collapse as soon as it is there."""

    def dials(self, call: Call) -> bool:
        """Tell whether there is to be a tunnel."""
        if call.proxy is None:
            raise RuntimeError(
                f"{call.reply} is a fault of a proxy, and {call.asked.method} {call.url} was not "
                f"to go through one: give the client a proxy=."
            )
        return call.asked.key.origin.secure

    async def dial(
        self, attempt: Attempt, address: Any, make: Callable[[], ResponseHandler]
    ) -> ResponseEnd:
        """Connect to the proxy."""
        answer = _ESTABLISHED if _collapses(attempt.fault) else response(attempt.fault)
        loop = asyncio.get_running_loop()
        if _collapses(attempt.fault) and not isinstance(loop, asyncio.BaseEventLoop):
            # uvloop begins TLS on its own transports only.
            near, far = tcp_pair()
            await loop.connect_accepted_socket(lambda: _Proxy(answer), far)
            return await loop.create_connection(make, sock=near)
        known = {"peername": address, "sockname": (LOCALHOST, 0)}
        client_side, proxy_side = memory_pair(loop, known)
        client, proxy = make(), _Proxy(answer)
        proxy_side.set_protocol(proxy)
        proxy.connection_made(proxy_side)
        client_side.set_protocol(client)
        client.connection_made(client_side)
        return client_side, client

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer in place of the host."""
        if _collapses(fault):
            return await play(iter([End.CLOSE]), request)
        return await play(iter([response(fault), End.CLOSE]), request)


def _collapses(fault: Fault) -> bool:
    return "status" not in fault.kind.options


class _Proxy(asyncio.Protocol):
    """Answers whatever it is asked, and closes the connection."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None and b"\r\n\r\n" in data:
            self._transport.write(self._answer)
            self._transport.close()
