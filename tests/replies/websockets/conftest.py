"""What the tests of WebSockets are given: both loops, a mock, and a real server beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse

from aiointercept_connector import aiointercept
from tests.replies.websockets.conversing import URL, Open, Talk, connected, connected_for_real


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"debug": True}), id="asyncio"),
        pytest.param(("asyncio", {"debug": True, "use_uvloop": True}), id="uvloop"),
    ],
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run every test on both event loops, in debug mode."""
    return request.param


@pytest.fixture
async def mock(wire: Any) -> AsyncIterator[aiointercept]:
    """Give a mock on the wire of this run."""
    async with aiointercept(wire=wire) as entered:
        yield entered


@pytest.fixture(params=["mock", "real"])
async def talking(request: pytest.FixtureRequest, wire: Any) -> AsyncIterator[Open]:
    """Give a function that opens a WebSocket to a handler: ours, and in aiohttp's own server.

    What a test of this says holds for both.
    """
    async with AsyncExitStack() as stack:

        async def opened(
            talk: Talk, options: dict[str, Any] | None = None, **kwargs: Any
        ) -> ClientWebSocketResponse[Any]:
            if request.param == "real":
                real = connected_for_real(talk, options or {}, **kwargs)
                return await stack.enter_async_context(real)
            mock = await stack.enter_async_context(aiointercept(wire=wire))
            mock.ws(URL, talk, **(options or {}))
            return await stack.enter_async_context(connected(mock, **kwargs))

        if request.param == "real" and wire == "tcp":
            pytest.skip("the same server as on the other wire")
        yield opened
