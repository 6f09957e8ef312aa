"""The proxy's end of a connection that is made for a tunnel, and what becomes of the tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from ..loopback.memory import memory_pair
from ..loopback.tcp import LOCALHOST, tcp_pair
from .playing import reset

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler

    from ..loopback.dialing import ResponseEnd

__all__ = ("ESTABLISHED", "to_proxy")

ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"


async def to_proxy(
    address: Any, make: Callable[[], ResponseHandler], answer: bytes | None
) -> ResponseEnd:
    """Connect to a proxy.

    Args:
        address: its address.
        make: makes the client's end.
        answer: what it says to who asks for a tunnel, before it closes the connection; None has it
            reset that instead.
    """
    loop = asyncio.get_running_loop()
    if answer == ESTABLISHED and not isinstance(loop, asyncio.BaseEventLoop):
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


class _Proxy(asyncio.Protocol):
    """Answers whatever it is asked, and ends the connection."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is None or b"\r\n\r\n" not in data:
            return
        if self._answer is None:
            reset(self._transport)
            return
        self._transport.write(self._answer)
        self._transport.close()
