"""Callbacks that ask the real host, and sessions that find it."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector

from aiointercept_connector import (
    AiointerceptRequest,
    aiointercept,
    replies,
)
from tests.hosts import ToLoopback


async def forwarded(request: AiointerceptRequest) -> Any:
    """Answer as the real host does."""
    return await request.forward()


ways = pytest.mark.parametrize(
    "reply", [forwarded, replies.passthrough()], ids=["forward", "passthrough"]
)


def session(**options: Any) -> ClientSession:
    """Return a session whose connector is a foreign one, and finds every host on this machine."""
    return ClientSession(connector=TCPConnector(resolver=ToLoopback(), **options))


def own_session(mock: aiointercept, **options: Any) -> ClientSession:
    """Return the same with a connector of ours."""
    return ClientSession(connector=mock.connector(resolver=ToLoopback(), **options))


async def text_of(asked: Any) -> str:
    """Return the text of the response."""
    async with asked as response:
        return str(await response.text())
