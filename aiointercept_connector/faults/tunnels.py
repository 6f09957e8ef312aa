"""Faults of proxies, for requests that are to go through one.

To a proxy, an https request begins with CONNECT, which asks for a tunnel: the fault answers that.
An http request it sends on itself: the fault is what it answers in place of the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from ..errors import ImpossibleFaultError
from .connecting import Attempt, Connecting
from .playing import End, play
from .proxies import ESTABLISHED, to_proxy
from .scripts import response

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

    from ..connector import Connect
    from ..journal.request import AiointerceptRequest
    from ..loopback.dialing import ResponseEnd
    from ..loopback.link import Call
    from ..loopback.protocol import ServerProtocol
    from .kind import Fault

__all__ = ("Tunnelling",)

_LOWEST_REFUSAL = 300  # RFC 9110 section 9.3.6


class Tunnelling(Connecting):
    """A proxy that answers for itself, or lets a tunnel collapse as soon as it is there."""

    def check(self, fault: Fault) -> None:
        """Refuse an answer that is none, or by which the call would go through."""
        if _collapses(fault):
            return
        if fault["status"] < _LOWEST_REFUSAL:
            raise ValueError(
                f"status={fault['status']}: a proxy that answers so has let the call through. Take "
                f"another status, from {_LOWEST_REFUSAL} to 599."
            )
        response(fault)

    def dials(self, call: Call) -> bool:
        """Tell whether there is to be a tunnel."""
        return call.asked.key.origin.secure

    async def connect(self, attempt: Attempt, connect: Connect, traces: Any) -> Connection:
        """Have the client's connector get a connection, if it is to go through a proxy."""
        _check_proxied(attempt.fault, attempt.call)
        return await super().connect(attempt, connect, traces)

    async def dial(
        self, attempt: Attempt, address: Any, make: Callable[[], ResponseHandler]
    ) -> ResponseEnd:
        """Connect to the proxy."""
        answer = ESTABLISHED if _collapses(attempt.fault) else response(attempt.fault)
        return await to_proxy(address, make, answer)

    async def happen(self, fault: Fault, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer in place of the host; or to who has asked for no tunnel yet, as to CONNECT."""
        call = cast("ServerProtocol", request.protocol).link.call
        if call is not None and call.attempt is None:
            _check_proxied(fault, call)
            if self.dials(call):
                return await super().happen(fault, request)
        if _collapses(fault):
            return await play(iter([End.CLOSE]), request)
        return await play(iter([response(fault), End.CLOSE]), request)


def _check_proxied(fault: Fault, call: Call) -> None:
    if call.proxy is None:
        raise ImpossibleFaultError(
            f"{fault} is a fault of a proxy, and {call.asked.method} {call.url} was not to go "
            f"through one: give the client a proxy=."
        )


def _collapses(fault: Fault) -> bool:
    return "status" not in fault.kind.options
