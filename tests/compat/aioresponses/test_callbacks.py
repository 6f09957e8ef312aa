"""Callbacks, on ours and on the original."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import aiohttp
import pytest
import yarl
from aiohttp import ClientSession
from multidict import CIMultiDict

pytestmark = pytest.mark.anyio

URL = "http://example.com/a"
where = ContextVar("where", default="nowhere")


async def test_what_it_is_given(library: Any) -> None:
    """A callback gets the URL and the client's keyword arguments, the session's headers in them."""
    given: list[Any] = []

    def callback(url: yarl.URL, **kwargs: Any) -> None:
        given.append((url, kwargs))

    timeout = aiohttp.ClientTimeout(3)
    with library.aioresponses() as m:
        m.post(f"{URL}?a=1#f", callback=callback)
        async with ClientSession(headers={"X-S": "1"}) as session:
            await session.post(
                f"{URL}#f", params={"a": 1}, json=[1], headers={"X-C": "2"}, timeout=timeout
            )
    url, kwargs = given[0]
    assert url == yarl.URL(f"{URL}?a=1#f")
    assert kwargs.pop("headers") == CIMultiDict({"X-S": "1", "X-C": "2"})
    assert kwargs.pop("timeout") is timeout
    assert kwargs == {"allow_redirects": True, "data": None, "json": [1], "params": {"a": 1}}


async def test_the_objects_are_the_clients_own(library: Any, session: ClientSession) -> None:
    """What a callback is given is not copied."""
    given: list[Any] = []
    value = {"a": [1]}
    with library.aioresponses() as m:
        m.post(URL, callback=lambda url, **kwargs: given.append(kwargs["json"]))
        await session.post(URL, json=value)
    assert given[0] is value


async def test_what_it_returns(library: Any, session: ClientSession) -> None:
    """A ``CallbackResult`` is the response, whatever was registered beside the callback."""

    async def callback(url: yarl.URL, **kwargs: Any) -> Any:
        return library.CallbackResult(
            status=201, payload={"a": 1}, headers={"X-A": "1"}, reason="Made"
        )

    with library.aioresponses() as m:
        m.get(URL, status=500, body="ignored", callback=callback)
        response = await session.get(URL)
        assert (response.status, response.reason) == (201, "Made")
        assert await response.json() == {"a": 1}
        assert response.headers["X-A"] == "1"


async def test_none_is_what_was_registered(library: Any, session: ClientSession) -> None:
    """A callback that returns None leaves the answer to what is registered beside it."""
    with library.aioresponses() as m:
        m.get(URL, status=201, callback=lambda url, **kwargs: None)
        assert (await session.get(URL)).status == 201


async def test_an_exception_beside_it(library: Any, session: ClientSession) -> None:
    """A callback is called, once, before the exception is raised that is registered beside it."""
    calls: list[yarl.URL] = []
    error = aiohttp.ServerDisconnectedError()
    with library.aioresponses() as m:
        m.get(URL, exception=error, callback=lambda url, **kwargs: calls.append(url))
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.get(URL)
    assert calls == [yarl.URL(URL)]


async def test_what_it_raises(library: Any, session: ClientSession) -> None:
    """What it raises reaches the client's caller, and the registration is not used up by that."""
    errors = [KeyError("first")]

    def callback(url: yarl.URL, **kwargs: Any) -> None:
        if errors:
            raise errors.pop()

    with library.aioresponses() as m:
        m.get(URL, callback=callback)
        with pytest.raises(KeyError, match="first"):
            await session.get(URL)
        assert (await session.get(URL)).status == 200
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(URL)


async def test_it_sees_the_callers_context(library: Any, session: ClientSession) -> None:
    """Context variables are those of the task that made the call."""
    seen: list[str] = []
    token = where.set("here")
    with library.aioresponses() as m:
        m.get(URL, callback=lambda url, **kwargs: seen.append(where.get()))
        await session.get(URL)
    where.reset(token)
    assert seen == ["here"]


async def test_it_may_make_calls_itself(library: Any, session: ClientSession) -> None:
    """A callback's own calls are answered too, with their own arguments."""
    given: list[Any] = []

    async def callback(url: yarl.URL, **kwargs: Any) -> Any:
        await session.get(f"{URL}/inner", json="inner")
        given.append(kwargs["json"])

    with library.aioresponses() as m:
        m.get(URL, callback=callback)
        m.get(f"{URL}/inner", callback=lambda url, **kwargs: given.append(kwargs["json"]))
        await session.get(URL, json="outer")
    assert given == ["inner", "outer"]
