"""The pytest fixtures ``aiointercept_server`` and ``aiointercept_mock``, as aiointercept has them.

They need no plugin for async tests.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ...seed_fixtures import aiointercept_mock
from .core import aiointercept

__all__ = ("aiointercept_mock", "aiointercept_server")


@pytest.fixture(scope="session")
def aiointercept_server() -> Iterator[aiointercept]:
    """Run one mock for all tests, with its server; nothing is patched."""
    with aiointercept() as mock:
        _ = mock.server_url  # asking for it starts the server
        yield mock
