"""What the tests of handshakes are given."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aiointercept_connector import aiointercept
from aiointercept_connector.serving import Wire


@pytest.fixture
async def mock(wire: Wire) -> AsyncIterator[aiointercept]:
    """Return a mock that is installed, and makes handshakes."""
    async with aiointercept(True, wire=wire, tls="verify") as mock:
        yield mock
