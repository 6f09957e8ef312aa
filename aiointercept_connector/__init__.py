"""Answers aiohttp clients' requests in tests, at the connector, in process."""

from typing import TYPE_CHECKING

from .blocking import block_network
from .connector import InterceptConnector
from .errors import (
    ImpossibleFaultError,
    InterceptClosedError,
    NetworkBlockedError,
    SequenceExhaustedError,
    UnmatchedRequestError,
    VerificationError,
)
from .installing import install, uninstall
from .journal.request import AiointerceptRequest
from .mock import aiointercept
from .replies.callback import CallbackResult
from .routing.route import Route
from .routing.values import ABSENT

if TYPE_CHECKING:
    from unittest.mock import ANY

    from . import faults
    from .routing.matchers import Match

MockResponse = Route
"""The name under which other libraries know what ``add`` returns."""

__all__ = (
    "ABSENT",
    "ANY",
    "AiointerceptRequest",
    "CallbackResult",
    "ImpossibleFaultError",
    "InterceptClosedError",
    "InterceptConnector",
    "Match",
    "MockResponse",
    "NetworkBlockedError",
    "Route",
    "SequenceExhaustedError",
    "UnmatchedRequestError",
    "VerificationError",
    "aiointercept",
    "block_network",
    "faults",
    "install",
    "uninstall",
)


def __getattr__(name: str) -> object:
    # What takes long to import, and is not in every test.
    if name == "ANY":
        from unittest.mock import ANY

        return ANY
    if name == "Match":
        from .routing.matchers import Match

        return Match
    if name == "faults":
        from importlib import import_module

        return import_module(".faults", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
