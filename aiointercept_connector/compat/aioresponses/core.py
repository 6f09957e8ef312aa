"""What can be imported from ``aioresponses.core``.

Suites that have made aioresponses 0.7 work with aiohttp 3.14 put something of theirs in the place
of what makes its responses: ``ClientResponse``, ``stream_reader_factory``,
``RequestMatch._build_response``. They find these here, and may go on. Here aiohttp's client makes
the responses, so nothing asks for what they have put there. A ``normalize_url`` or ``merge_params``
of theirs is asked.
"""

import asyncio
import copy
import inspect
import json
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any
from unittest.mock import Mock, patch
from uuid import uuid4

from aiohttp import (
    ClientConnectionError,
    ClientResponse,
    ClientSession,
    RequestInfo,
    hdrs,
    http,
    typedefs,
)
from aiohttp.helpers import TimerNoop
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy
from yarl import URL

from ...replies.callback import CallbackResult
from . import compat
from .calls import RequestCall
from .compat import Pattern, merge_params, normalize_url, stream_reader_factory
from .match import RequestMatch
from .mock import aioresponses

__all__ = (
    "URL",
    "CIMultiDict",
    "CIMultiDictProxy",
    "Callable",
    "CallbackResult",
    "ClientConnectionError",
    "ClientResponse",
    "ClientSession",
    "Mapping",
    "Mock",
    "MultiDict",
    "MultiDictProxy",
    "Pattern",
    "RequestCall",
    "RequestInfo",
    "RequestMatch",
    "Sequence",
    "TimerNoop",
    "aioresponses",
    "asyncio",
    "copy",
    "hdrs",
    "http",
    "inspect",
    "json",
    "merge_params",
    "namedtuple",
    "normalize_url",
    "patch",
    "stream_reader_factory",
    "typedefs",
    "uuid4",
    "wraps",
)


def __getattr__(name: str) -> Any:
    # They need `packaging`, which is no dependency of ours; pytest brings it.
    if name == "AIOHTTP_VERSION":
        return compat.AIOHTTP_VERSION
    if name == "Version":
        from packaging.version import Version

        return Version
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
