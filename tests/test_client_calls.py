"""The layer that sees the calls of sessions, and the private names that it rests on."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession
from multidict import CIMultiDict
from yarl import URL

from aiointercept_connector import aiointercept
from aiointercept_connector.client_calls import CallLayer, ClientCall, tell_request_headers

pytestmark = pytest.mark.anyio


async def test_a_call_is_seen_as_it_was_made() -> None:
    """A layer sees method, URL and keywords as the caller wrote them, and sends the call on."""
    seen: list[ClientCall] = []

    async def around(call: ClientCall) -> Any:
        seen.append(call)
        return await call.send(headers={"X-A": "2"})

    layer = CallLayer(around)
    with aiointercept(mock_external_urls=True) as mock:
        mock.get("http://h/a", params={"b": "1"})
        layer.put()
        try:
            async with ClientSession("http://h", headers={"X-S": "1"}) as session:
                await session.get("/a", params={"b": 1}, headers={"X-A": "1"})
        finally:
            layer.take()
    (call,) = seen
    assert (call.session, call.method, call.url) == (session, "GET", URL("http://h/a"))
    assert call.kwargs == {"allow_redirects": True, "params": {"b": 1}, "headers": {"X-A": "1"}}
    assert call.headers() == {"X-S": "1", "X-A": "1"}
    assert (mock.calls[0].headers["X-A"], mock.calls[0].headers["X-S"]) == ("2", "1")


async def test_layers_stack_and_go_in_any_order() -> None:
    """The layer that was put last sees a call first; nothing stays of one that was taken."""
    before = ClientSession.__dict__["_request"]
    seen: list[str] = []

    def layer(name: str) -> CallLayer:
        async def around(call: ClientCall) -> Any:
            seen.append(name)
            return await call.send()

        return CallLayer(around)

    first, second = layer("first"), layer("second")
    with aiointercept(mock_external_urls=True) as mock:
        mock.get("http://h/", repeat=True)
        async with ClientSession() as session:
            first.put()
            second.put()
            await session.get("http://h/")
            first.take()
            await session.get("http://h/")
            second.take()
            await session.get("http://h/")
    assert seen == ["second", "first", "second"]
    assert ClientSession.__dict__["_request"] is before


async def test_what_a_session_refuses_itself_is_not_seen() -> None:
    """A closed session, and a URL that is none, are refused by the session."""

    async def around(call: ClientCall) -> Any:
        raise AssertionError(call)

    layer = CallLayer(around)
    layer.put()
    try:
        async with ClientSession() as session:
            with pytest.raises(aiohttp.InvalidURL):
                await session.get("http://[")
        with pytest.raises(RuntimeError, match="Session is closed"):
            await session.get("http://h/")
    finally:
        layer.take()


async def test_a_response_tells_other_headers() -> None:
    """A response can be made to tell other headers of its request; the rest is as it was."""
    with aiointercept(mock_external_urls=True) as mock:
        mock.get("http://h/a")
        async with ClientSession() as session, session.get("http://h/a#b") as response:
            tell_request_headers(response, CIMultiDict({"X-A": "1"}))
    info = response.request_info
    assert info.headers == {"X-A": "1"}
    assert (info.method, info.url, info.real_url) == ("GET", URL("http://h/a"), URL("http://h/a#b"))
