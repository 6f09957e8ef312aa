"""What can go wrong, each as a class that fits an ``except`` the caller already has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from .journal.request import AiointerceptRequest
    from .routing.explain import NearMiss, Unmatched

__all__ = (
    "ImpossibleFaultError",
    "InterceptClosedError",
    "NetworkBlockedError",
    "SequenceExhaustedError",
    "UnmatchedRequestError",
    "VerificationError",
)


class UnmatchedRequestError(aiohttp.ClientConnectionError):
    """A request met no route and is not allowed out to the network.

    aiohttp does not retry it. Its message lays the nearest routes beside the request, field by
    field, and ends with the line of Python that would register it; it is worked out when it is
    read.

    Attributes:
        request: the recorded request.
    """

    def __init__(
        self, explanation: Unmatched | str, request: AiointerceptRequest | None = None
    ) -> None:
        super().__init__(explanation)
        self.request = request

    @property
    def near_misses(self) -> tuple[NearMiss, ...]:
        """The routes nearest to the request, the nearest first, and what did not fit."""
        return getattr(self.args[0], "near_misses", ())

    def __reduce__(self) -> tuple[type[UnmatchedRequestError], tuple[str]]:
        # Test runners send exceptions between processes: the text can go, routes cannot.
        return type(self), (str(self),)


class SequenceExhaustedError(UnmatchedRequestError):
    """A request met a route whose ``replies.sequence`` has no reply left for it.

    aiohttp does not retry it. Its message says what was asked, of which route, and how to go on.
    """


class NetworkBlockedError(aiohttp.ClientConnectionError):
    """A request was about to reach the real network while ``block_network`` forbids that.

    aiohttp does not retry it. Its message says which line asked, and how to answer or allow it.
    """


class VerificationError(AssertionError):
    """What a mock found when it was left: routes not called as was asked, requests unmatched."""


class ImpossibleFaultError(RuntimeError):
    """A fault was to happen to a call that can never meet it.

    Such as one of ``faults.sock_read_timeout`` to a client without ``sock_read=``. The mistake is
    the test's, so it is no error of aiohttp's, which the code under test may well handle. Its
    message says what the call lacks, and what to write instead.
    """


class InterceptClosedError(aiohttp.ClientConnectionError):
    """The mock was left, or stopped, while this request was waiting for its answer.

    It is no ``ClientOSError`` on purpose: aiohttp repeats those, and the second attempt would
    find no mock any more and reach the real network.
    """
