"""What can be imported from ``aioresponses.core``.

Suites that have made aioresponses 0.7 work with aiohttp 3.14 put something of theirs in the place
of what makes its responses: ``ClientResponse``, ``stream_reader_factory``,
``RequestMatch._build_response``. They find these here, and may go on. Here aiohttp's client makes
the responses, so nothing asks for what they have put there.
"""

import asyncio
import copy
import inspect
import json

from aiohttp import ClientConnectionError, ClientResponse, ClientSession, RequestInfo, hdrs, http
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ...replies.callback import CallbackResult
from .calls import RequestCall
from .compat import Pattern, merge_params, normalize_url, stream_reader_factory
from .match import RequestMatch
from .mock import aioresponses

__all__ = (
    "URL",
    "CIMultiDict",
    "CIMultiDictProxy",
    "CallbackResult",
    "ClientConnectionError",
    "ClientResponse",
    "ClientSession",
    "Pattern",
    "RequestCall",
    "RequestInfo",
    "RequestMatch",
    "aioresponses",
    "asyncio",
    "copy",
    "hdrs",
    "http",
    "inspect",
    "json",
    "merge_params",
    "normalize_url",
    "stream_reader_factory",
)
