from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aiointercept_connector import (
    aiointercept,
)
from aiointercept_connector.serving import Wire


@pytest.fixture
async def mock(wire: Wire) -> AsyncIterator[aiointercept]:
    """Return a mock that is installed."""
    async with aiointercept(True, wire=wire) as mock:
        yield mock
