"""Copies of a session that ask in its place: where it could not, or as if it had nothing.

A session's timers and connections belong to the loop that it was made on. Elsewhere it can ask no
real host. But the libraries that never came as far as a connection have always let it ask, so
suites keep one session for tests that have a loop each. Nor did they look at what a session was
made with, so suites have traces that make calls of their own, and mocks for connectors.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import (
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
)
from aiohttp.connector import BaseConnector

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler

__all__ = ("bare", "is_elsewhere", "visiting")

# Private names of aiohttp's: those below, a session's `_loop` and `_connector`, the same since 3.8,
# but for `_middlewares`, which is of 3.12. Watched by tests/test_visiting.py.


def is_elsewhere(session: ClientSession) -> bool:
    """Tell whether *session* is of another loop than the running one, or of one that is closed."""
    return session._loop is not asyncio.get_running_loop()


@contextmanager
def visiting(session: ClientSession) -> Generator[ClientSession]:
    """Lend a session that is like *session*, and asks on the running loop.

    It has the same cookies, headers, middlewares and so on. What its calls return may be read after
    it was given back.
    """
    with _lent(session) as visitor:
        visitor._loop = asyncio.get_running_loop()
        visitor._connector = None if session._connector is None else _Visiting(session._connector)
        yield visitor


@contextmanager
def bare(session: ClientSession) -> Generator[ClientSession]:
    """Lend a session that is like *session*, and has nothing that says how it asks.

    It has no traces, middlewares, timeout or auth, a connector and cookies of its own, and requests
    and responses of aiohttp's classes.
    """
    nothing: dict[str, Any] = {
        "_connector": BaseConnector(force_close=True),
        "_cookie_jar": DummyCookieJar(),
        "_default_auth": None,
        "_middlewares": (),
        "_request_class": ClientRequest,
        "_response_class": ClientResponse,
        "_timeout": ClientTimeout(),
        "_trace_configs": [],
    }
    with _lent(session) as stripped:
        # Where aiohttp keeps them; a subclass may have a say in what is set by name.
        vars(stripped).update(nothing)
        yield stripped


@contextmanager
def _lent(session: ClientSession) -> Generator[ClientSession]:
    copied = copy.copy(session)
    try:
        yield copied
    finally:
        # As if closed: it is nobody's to close.
        copied._connector = None


class _Visiting(BaseConnector):
    """Connects to mocks on the running loop, once each; to real hosts as the session's own does."""

    def __init__(self, own: BaseConnector) -> None:
        super().__init__(force_close=True)
        self._own = own
        self.allowed_protocol_schema_set = own.allowed_protocol_schema_set

    @property
    def force_close(self) -> bool:
        """Whether requests say that the connection closes; at home they do not."""
        return self._own.force_close

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        return await self._own._create_connection(req, traces, timeout)
