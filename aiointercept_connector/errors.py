"""What can go wrong, each as a class that fits an ``except`` the caller already has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from .journal.request import AiointerceptRequest

__all__ = ("InterceptClosedError", "UnmatchedRequestError")


class UnmatchedRequestError(aiohttp.ClientConnectionError):
    """A request met no route and is not allowed out to the network.

    aiohttp does not retry it. Its message names the request, the nearest routes and the line
    of Python that would register it; ``request`` is the recorded request.
    """

    def __init__(self, message: str, request: AiointerceptRequest | None = None) -> None:
        super().__init__(message)
        self.request = request


class InterceptClosedError(aiohttp.ClientConnectionError):
    """The mock was left, or stopped, while this request was waiting for its answer.

    It is no ``ClientOSError`` on purpose: aiohttp repeats those, and the second attempt would
    find no mock any more and reach the real network.
    """
