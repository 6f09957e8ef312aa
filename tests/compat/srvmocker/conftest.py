"""The two libraries that the tests here are for: ours, and the one whose API it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import aiohttp
import pytest

OURS = "aiointercept_connector.compat.srvmocker"
ORIGINAL = "asyncly.srvmocker"


@pytest.fixture(params=["ours", "original"])
def name(request: pytest.FixtureRequest) -> str:
    """Run the test on ours and, where it is installed, on the original."""
    if request.param == "ours":
        return OURS
    pytest.importorskip(ORIGINAL, reason="asyncly is not installed")
    return ORIGINAL


@pytest.fixture
def library(name: str) -> Any:
    """Return the library."""
    return import_module(name)


@pytest.fixture
def ours() -> Any:
    """Return ours, for what the original has not."""
    return import_module(OURS)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session of no special kind."""
    async with aiohttp.ClientSession() as session:
        yield session
