"""What the replies of this package have in common: they are values, and aiohttp handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ("BaseReply",)


class BaseReply:
    """A reply: given the recorded request, it returns the response to it.

    Attributes:
        reads_body: whether the body is read and recorded before the reply is asked. Without it,
            the reply gets a request that may still be arriving.
    """

    __slots__ = ()

    reads_body = True

    async def __call__(self, request: Any) -> web.StreamResponse:
        """Return the response to *request*."""
        raise NotImplementedError
