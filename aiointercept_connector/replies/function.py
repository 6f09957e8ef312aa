"""The reply that a function of the test gives: a callback, or a handler."""

from __future__ import annotations

from collections.abc import Awaitable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from .reply import BaseReply

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = ("FunctionReply",)


class FunctionReply(BaseReply):
    """A reply that asks a function, plain or coroutine function, for another reply.

    A plain function can be asked without awaiting anything: ``begin`` does, and so need not wait
    for a task.
    """

    __slots__ = ()

    def ask(self, request: AiointerceptRequest) -> Any:
        """Call the function, and return what it returns; that may have to be awaited."""
        raise NotImplementedError

    def reply_to(self, result: Any) -> Reply:
        """Return the reply that the function asked for by returning *result*."""
        raise NotImplementedError

    def begin(self, request: AiointerceptRequest) -> Reply | Awaitable[Reply]:
        """Call the function; return the reply it asked for, or what to await for that."""
        result = self.ask(request)
        return self._awaited(result, request) if isawaitable(result) else self.reply_to(result)

    async def _awaited(self, result: Awaitable[Any], request: AiointerceptRequest) -> Reply:
        if request.home is not None:
            result = request.answer_at_home(result)
        return self.reply_to(await result)

    async def __call__(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer with what the function asked for."""
        with request.overhearing():
            reply = self.begin(request)
            settled: Reply = await reply if isawaitable(reply) else reply
        return await settled(request)
