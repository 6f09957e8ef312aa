"""The layer that sees the calls of sessions, and the private names that it rests on."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession
from multidict import CIMultiDict
from yarl import URL

from aiointercept_connector import aiointercept
from aiointercept_connector.client_calls import (
    CallLayer,
    ClientCall,
    below_layers,
    tell_as_made_by_hand,
)

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


async def test_a_stand_in_that_sets_a_cookie() -> None:
    """The response of a stand-in has the URL of the call, also if the client has asked for it."""

    async def around(call: ClientCall) -> Any:
        return await call.send_to(URL("http://h/"))

    layer = CallLayer(around)
    with aiointercept(mock_external_urls=True) as mock:
        mock.get("http://h/", headers={"Set-Cookie": "a=1"})
        layer.put()
        try:
            async with ClientSession() as session:
                response = await session.get("/a")
        finally:
            layer.take()
    assert response.url == response.real_url == URL("/a")


async def test_below_every_layer() -> None:
    """A call that is made below the layers is seen by none."""

    async def around(call: ClientCall) -> Any:
        raise AssertionError(call)

    layer = CallLayer(around)
    with aiointercept(mock_external_urls=True) as mock:
        mock.get("http://h/", status=201)
        layer.put()
        try:
            async with ClientSession() as session:
                response = await below_layers(session)("GET", "http://h/")
        finally:
            layer.take()
    assert response.status == 201


async def test_a_response_as_if_made_by_hand() -> None:
    """A response tells the headers it is told to; its own may be changed."""
    with aiointercept(mock_external_urls=True) as mock:
        mock.get("http://h/a", status=302, headers={"X-B": "2"})
        async with ClientSession() as session, session.get("http://h/a#b") as response:
            tell_as_made_by_hand(response, CIMultiDict({"X-A": "1"}))
    info = response.request_info
    assert info.headers == {"X-A": "1"}
    assert (info.method, info.url, info.real_url) == ("GET", URL("http://h/a"), URL("http://h/a#b"))
    assert response.headers["X-B"] == "2"
    headers: Any = response.headers
    headers["X-B"] = "3"
    assert response.headers["x-b"] == "3"


async def test_a_redirect_to_nowhere_has_no_history() -> None:
    """A redirect that does not say where to is none, and so no part of its own history."""
    with aiointercept(mock_external_urls=True) as mock:
        mock.get("http://h/a", status=302, headers={"Location": "/b"})
        mock.get("http://h/b", status=302)
        async with ClientSession() as session, session.get("http://h/a") as response:
            first = response.history[0]
            tell_as_made_by_hand(response, CIMultiDict())
    assert response.history == (first,)


async def test_an_error_as_if_made_by_hand() -> None:
    """So does the error that aiohttp makes of a response."""
    with aiointercept(mock_external_urls=True) as mock:
        mock.get("http://h/a", status=404, headers={"X-B": "2"})
        async with ClientSession(raise_for_status=True) as session:
            with pytest.raises(aiohttp.ClientResponseError) as raised:
                await session.get("http://h/a")
    error = raised.value
    tell_as_made_by_hand(error, CIMultiDict({"X-A": "1"}))
    assert error.request_info.headers == {"X-A": "1"}
    assert type(error.headers) is CIMultiDict
    assert error.headers["X-B"] == "2"
