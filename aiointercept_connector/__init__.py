"""Answers aiohttp clients' requests in tests, at the connector, in process."""

from unittest.mock import ANY

from .blocking import block_network
from .connector import InterceptConnector
from .errors import (
    InterceptClosedError,
    NetworkBlockedError,
    UnmatchedRequestError,
    VerificationError,
)
from .installing import install, uninstall
from .journal.request import AiointerceptRequest
from .mock import aiointercept
from .replies.callback import CallbackResult
from .routing.matchers import Match
from .routing.route import Route
from .routing.values import ABSENT

MockResponse = Route
"""The name under which other libraries know what ``add`` returns."""

__all__ = (
    "ABSENT",
    "ANY",
    "AiointerceptRequest",
    "CallbackResult",
    "InterceptClosedError",
    "InterceptConnector",
    "Match",
    "MockResponse",
    "NetworkBlockedError",
    "Route",
    "UnmatchedRequestError",
    "VerificationError",
    "aiointercept",
    "block_network",
    "install",
    "uninstall",
)
