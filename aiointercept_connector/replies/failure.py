"""The reply that is an exception: nothing is answered, and the client's caller gets the object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from .reply import BaseReply

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.web_request import BaseRequest

__all__ = ("Failure", "failure")


class Failure(BaseReply):
    """A reply that makes the client's call raise ``exception``, that very object."""

    __slots__ = ("_traceback", "exception")

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception
        self._traceback = exception.__traceback__

    async def __call__(self, request: BaseRequest) -> web.StreamResponse:
        """Raise the exception, to be handed to the client's caller."""
        # Raised again and again, it would keep the frames of every earlier call.
        raise self.exception.with_traceback(self._traceback)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Failure) and other.exception is self.exception

    def __hash__(self) -> int:
        return id(self.exception)

    def __repr__(self) -> str:
        return f"<Failure {self.exception!r}>"


def failure(exception: BaseException | type[BaseException] | bool) -> Failure:
    """Make the reply for ``exception=``.

    Args:
        exception: the object to raise, a class to be called without arguments, or ``True``
            for an ``aiohttp.ClientConnectionError``.

    Raises:
        TypeError: it is none of these, or a class that cannot be called so.
    """
    if exception is True:
        return Failure(aiohttp.ClientConnectionError("Connection closed by the mock"))
    if isinstance(exception, type) and issubclass(exception, BaseException):
        return Failure(_made(exception))
    if isinstance(exception, BaseException):
        return Failure(exception)
    raise TypeError(
        f"exception must be an exception, an exception class, or True, not {exception!r:.60}"
    )


def _made(exception: type[BaseException]) -> BaseException:
    try:
        return exception()
    except TypeError as exc:
        raise TypeError(
            f"exception={exception.__name__} cannot be made without arguments: give an instance "
            f"in place of the class. ({exc})"
        ) from exc
