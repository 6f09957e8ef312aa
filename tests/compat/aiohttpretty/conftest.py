"""The one mock, and what each test here begins and ends with.

The original runs on no Python that aiohttp still supports, so nothing is compared with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import ClientSession

from aiointercept_connector.compat import aiohttpretty


@pytest.fixture(autouse=True)
def cleared() -> Iterator[None]:
    """Leave nothing registered."""
    yield
    aiohttpretty.clear()


@pytest.fixture
def active() -> Iterator[None]:
    """Activate the mock while the test runs."""
    aiohttpretty.activate()
    yield
    aiohttpretty.deactivate()


@pytest.fixture
async def session(active: None) -> AsyncIterator[ClientSession]:
    """Return a session whose calls are answered."""
    async with ClientSession() as session:
        yield session
