"""Answers aiohttp clients' requests in tests, at the connector, in process."""

from unittest.mock import ANY

from .connector import InterceptConnector
from .errors import InterceptClosedError, UnmatchedRequestError
from .installing import install, uninstall
from .journal.request import AiointerceptRequest
from .mock import aiointercept
from .replies.callback import CallbackResult
from .routing.route import Route

MockResponse = Route
"""The name under which other libraries know what ``add`` returns."""

__all__ = (
    "ANY",
    "AiointerceptRequest",
    "CallbackResult",
    "InterceptClosedError",
    "InterceptConnector",
    "MockResponse",
    "Route",
    "UnmatchedRequestError",
    "aiointercept",
    "install",
    "uninstall",
)
