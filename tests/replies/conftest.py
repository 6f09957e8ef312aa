from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept


@pytest.fixture
async def mock(wire: Any) -> AsyncIterator[aiointercept]:
    """Give a mock on the wire of this run."""
    async with aiointercept(wire=wire) as entered:
        yield entered


@pytest.fixture
async def session(mock: aiointercept) -> AsyncIterator[ClientSession]:
    """Give a session of that mock."""
    async with mock.session() as opened:
        yield opened
