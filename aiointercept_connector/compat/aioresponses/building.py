"""Responses that are asked for by hand, and not by a session of the code under test.

aiohttp's client makes these, too: a session of our own asks, below the layers that record calls.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientResponse, ClientSession
from yarl import URL

from ...client_calls import ClientCall, below_layers
from ...connector import InterceptConnector
from ...routing.route import Route
from ...routing.target import UrlTest
from .calls import STAND_IN, MockedCall
from .match import MatchReply

if TYPE_CHECKING:
    from .match import RequestMatch

_ALL: Final = 2**29

__all__ = ("asked_by_hand", "built_response")


async def built_response(
    match: RequestMatch, url: URL, kwargs: Mapping[str, Any]
) -> ClientResponse:
    """Return the response that *match* has for *url*, whatever it is for and would raise."""
    from .mock import aioresponses

    mock = aioresponses()
    answer = copy.copy(match)
    answer.exception = None
    any_url = UrlTest(lambda _: True, "whatever is asked")
    mock.registry.add(Route(match.method, any_url, MatchReply(answer, mock)))
    interceptor = mock.inner.interceptor
    interceptor.open()
    try:
        call = MockedCall(mock, match.method, url, (), kwargs)
        return await asked_by_hand(call, allow_redirects=False)
    finally:
        await interceptor.close()


async def asked_by_hand(call: MockedCall, *, allow_redirects: bool) -> ClientResponse:
    """Ask the mock of *call* for its response; nothing is recorded, and nothing passes.

    The arguments of the call are for callbacks. They say nothing of how the request is sent.
    """
    call.by_hand = True
    async with ClientSession(connector=InterceptConnector(call.mock.inner)) as session:
        sent = ClientCall(
            below_layers(session),
            session,
            call.method,
            call.url,
            allow_redirects=allow_redirects,
            read_bufsize=_ALL,
        )
        with call.under_way():
            response = await (sent.send() if sent.can_be_sent else sent.send_to(STAND_IN))
        # All of the body, to where whoever gets the response reads it from.
        await response.content.wait_eof()
    return call.finished(response)
