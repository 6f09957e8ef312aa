"""The pytest fixtures ``aiointercept_server`` and ``aiointercept_mock``, as aiointercept has them.

They need no plugin for async tests. The plugin adds them unless aiointercept's own are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from .pytest_plugin import watched

if TYPE_CHECKING:
    from .mock import aiointercept

__all__ = ("aiointercept_mock", "aiointercept_server")


@pytest.fixture(scope="session")
def aiointercept_server() -> Iterator[aiointercept]:
    """Run one mock for all tests, with its server; nothing is patched."""
    from .mock import aiointercept

    with aiointercept() as mock:
        _ = mock.server_url  # asking for it starts the server
        yield mock


@pytest.fixture
def aiointercept_mock(
    request: pytest.FixtureRequest, aiointercept_server: aiointercept
) -> Iterator[aiointercept]:
    """Give the test the session's mock; its routes and records are cleared afterwards."""
    with watched(request.node, aiointercept_server):
        yield aiointercept_server
    aiointercept_server.clear()
