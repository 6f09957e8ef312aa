"""What the replies of this package have in common: they are values, and aiohttp handlers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = ("BaseReply", "ChoosingReply", "alternatives", "check_lasting", "chosen", "in_attempt")


class BaseReply:
    """A reply: given the recorded request, it returns the response to it.

    Attributes:
        reads_body: whether the body is read and recorded before the reply is asked. Without it,
            the reply gets a request that may still be arriving.
        answers: how often a route answers with it, if neither ``repeat`` nor ``times`` says; None
            is for ever.
        serves_once: whether it can answer one request only, such as the stream of a generator.
        runs_out: how many requests it has an answer for, behind which it raises; None for any
            number.
        before_request: whether it is met before there is a connection, and so before a request.
        is_fault: whether it is a fault, or chooses among faults.
    """

    __slots__ = ()

    reads_body = True
    answers: int | None = 1
    serves_once = False
    runs_out: int | None = None
    before_request = False
    is_fault = False

    def in_attempt(self, attempt: int) -> Reply | None:
        """Return what answers this attempt of aiohttp's at one call; None for another route."""
        return self

    async def __call__(self, request: Any) -> web.StreamResponse:
        """Return the response to *request*."""
        raise NotImplementedError


class ChoosingReply(BaseReply):
    """A reply that is one of several others, chosen for each call of a client.

    aiohttp may send a call twice; both attempts meet the same choice.

    Attributes:
        replies: those that it chooses among.
    """

    __slots__ = ()
    replies: tuple[Reply, ...]

    def in_attempt(self, attempt: int) -> Reply | None:
        """Return itself, if one of its replies has an answer to this attempt."""
        answers = any(in_attempt(one, attempt) is not None for one in self.replies)
        return self if answers else None

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Return the reply to *request*; it may be another one that chooses. Never raises.

        It has an answer to the attempt that *request* is, if any of its replies has.
        """
        raise NotImplementedError

    async def __call__(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer with the reply that is chosen, where nobody has asked ``choose`` before."""
        reply = request.once(self, lambda: chosen(self, request))
        return await reply(request)


def alternatives(reply: Reply) -> Iterator[Reply]:
    """Iterate over the replies that *reply* may choose, or itself, if it chooses none."""
    if not isinstance(reply, ChoosingReply):
        yield reply
        return
    for one in reply.replies:
        yield from alternatives(one)


def in_attempt(reply: Reply, attempt: int) -> Reply | None:
    """Return what of *reply* answers this attempt of aiohttp's at one call; see ``BaseReply``."""
    # Any handler may be a reply.
    return reply.in_attempt(attempt) if isinstance(reply, BaseReply) else reply


def check_lasting(replies: Iterable[Reply]) -> None:
    """Refuse what can answer one request where it would be asked again."""
    for reply in replies:
        for one in alternatives(reply):
            if getattr(one, "serves_once", False):
                raise ValueError(
                    f"{one!r} can serve one request, and would be asked again: a generator can be "
                    f"iterated once. Give a function that returns a new one, or a list."
                )


def chosen(reply: Reply, request: AiointerceptRequest) -> Reply:
    """Return the reply that *reply* is for *request*: itself, or the one that it chooses."""
    while isinstance(reply, ChoosingReply):
        reply = reply.choose(request)
    return reply
