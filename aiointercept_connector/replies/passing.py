"""The reply that the real host gives: the request is sent on to it as it arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .reply import BaseReply

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest

__all__ = ("Passthrough", "passthrough")


@dataclass(frozen=True)
class Passthrough(BaseReply):
    """Asks the real host, and streams its answer; neither is changed."""

    reads_body = False

    async def __call__(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer with what the real host answers."""
        with request.overhearing():
            return await request.real_host.pass_through()

    def __repr__(self) -> str:
        return "passthrough()"


def passthrough() -> Passthrough:
    """Make the reply that the real host gives.

    Request and answer are streamed as they come, WebSockets too. The connection is made as the
    client's own session would have made it, and its errors reach the client's caller.
    """
    return Passthrough()
