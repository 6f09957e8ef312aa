"""The reply that is yet to be chosen: a condition of some route has to be awaited first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from .reply import BaseReply, in_attempt

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = ("LateChoice",)


class LateChoice(BaseReply):
    """A reply that awaits which reply it is, once, and answers as that one does."""

    __slots__ = ("_choose", "_chosen")

    def __init__(self, choose: Callable[[], Awaitable[Reply]]) -> None:
        self._choose = choose
        self._chosen: Reply | None = None

    @property
    def exception(self) -> BaseException | None:
        """The exception that the chosen reply stands for, if it is one."""
        return getattr(self._chosen, "exception", None)

    def in_attempt(self, attempt: int) -> Reply | None:
        """Return what the chosen reply has for this attempt."""
        return self if self._chosen is None else in_attempt(self._chosen, attempt)

    async def __call__(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer with the reply that is chosen."""
        if self._chosen is None:
            self._chosen = await self._choose()
        return await self._chosen(request)

    def __repr__(self) -> str:
        return f"<LateChoice {self._chosen!r}>"
