"""What the tests of mounted applications are given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept
from tests.loopback.mounted import mocked


@pytest.fixture
async def entered(wire: Any) -> AsyncIterator[tuple[aiointercept, ClientSession]]:
    """Enter a mock on every wire."""
    async with mocked(wire) as both:
        yield both


@pytest.fixture
def mock(entered: tuple[aiointercept, ClientSession]) -> aiointercept:
    """Give the mock."""
    return entered[0]


@pytest.fixture
def session(entered: tuple[aiointercept, ClientSession]) -> ClientSession:
    """Give a session that asks the mock."""
    return entered[1]
