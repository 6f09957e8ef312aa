"""What the replies of this package have in common: they are values, and aiohttp handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = ("BaseReply", "ChoosingReply", "chosen")


class BaseReply:
    """A reply: given the recorded request, it returns the response to it.

    Attributes:
        reads_body: whether the body is read and recorded before the reply is asked. Without it,
            the reply gets a request that may still be arriving.
        answers: how often a route answers with it, if neither ``repeat`` nor ``times`` says; None
            is for ever.
        serves_once: whether it can answer one request only, such as the stream of a generator.
    """

    __slots__ = ()

    reads_body = True
    answers: int | None = 1
    serves_once = False

    async def __call__(self, request: Any) -> web.StreamResponse:
        """Return the response to *request*."""
        raise NotImplementedError


class ChoosingReply(BaseReply):
    """A reply that is one of several others, chosen for each call of a client.

    aiohttp may send a call twice; both attempts meet the same choice.
    """

    __slots__ = ()

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Return the reply to *request*; it may be another one that chooses. Never raises."""
        raise NotImplementedError

    async def __call__(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer with the reply that is chosen, where nobody has asked ``choose`` before."""
        reply = request.once(self, lambda: chosen(self, request))
        return await reply(request)


def chosen(reply: Reply, request: AiointerceptRequest) -> Reply:
    """Return the reply that *reply* is for *request*: itself, or the one that it chooses."""
    while isinstance(reply, ChoosingReply):
        reply = reply.choose(request)
    return reply
