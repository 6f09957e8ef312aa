"""Faults of TLS: real handshakes that fail, each for a reason of its own.

OpenSSL on both sides judges. A client that does not mind, because it verifies nothing, has its
connection, and an empty response.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import ImpossibleFaultError
from ..extras import extra
from ..loopback.tls import handshake_for, server_name
from ..replies.static import StaticReply
from .connecting import Attempt, Connecting
from .proxies import ESTABLISHED, to_proxy

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest
    from ..loopback.link import Call
    from ..loopback.tls import Handshake, ServerSide
    from .kind import Fault

__all__ = ("Aborting", "Shaking")


class Shaking(Connecting):
    """A handshake with a server that the client refuses, or that refuses the client.

    Args:
        server: the server, by its name in ``servers``.
    """

    def __init__(self, server: str) -> None:
        self._server = server

    def check(self, fault: Fault) -> None:
        """See that there can be certificates."""
        if find_spec("trustme") is None:
            extra("trustme", "tls")

    def dials(self, call: Call) -> bool:
        """Tell that the handshake is made on a wire of the mock's."""
        return False

    def handshake(self, attempt: Attempt) -> Handshake | None:
        """Return the handshake."""
        if not attempt.call.asked.key.origin.secure:
            raise ImpossibleFaultError(_no_tls(attempt.fault, attempt.call))
        return handshake_for(attempt.call, self._side(attempt.call))

    def _side(self, call: Call) -> ServerSide:
        # Imported at its use: cryptography takes long.
        from . import servers

        side: ServerSide = getattr(servers, self._server)(server_name(call))
        return side

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer a client that does not mind, or make it meet the fault after all."""
        protocol: Any = request.protocol
        call: Call | None = protocol.link.call
        if call is not None and call.attempt is None:
            attempt = Attempt(fault, call)
            handshake = self.handshake(attempt)
            if handshake is not None:
                handshake.in_memory({}, {})
        return await StaticReply(200, headers={"Connection": "close"})(request)


class Aborting(Shaking):
    """A connection that the server closes in the middle of the handshake."""

    def __init__(self) -> None:
        super().__init__("")

    def check(self, fault: Fault) -> None:
        """Nothing is needed: no certificate is shown."""

    def dials(self, call: Call) -> bool:
        """Tell that there is no wire of the mock's."""
        return True

    def handshake(self, attempt: Attempt) -> Handshake | None:
        """Return nothing: the connection is never made."""
        return None

    async def dial(self, attempt: Attempt, address: Any, make: Any) -> Any:
        """Connect to an address: the handshake does not end."""
        if not attempt.call.asked.key.origin.secure:
            raise ImpossibleFaultError(_no_tls(attempt.fault, attempt.call))
        if attempt.call.proxy is not None:
            # The tunnel is there, and what comes through it ends.
            return await to_proxy(address, make, ESTABLISHED)
        # asyncio has nothing to say of it, either.
        raise ConnectionResetError

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Make the client meet it after all."""
        return await Connecting.happen(self, fault, request)


def _no_tls(fault: Fault, call: Call) -> str:
    return (
        f"{fault} is a fault of TLS, and {call.asked.method} {call.url} is asked without: register "
        f"it for an https URL."
    )
