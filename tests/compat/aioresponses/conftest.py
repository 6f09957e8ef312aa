"""The two libraries that the tests here are for: ours, and the one whose API it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import aiohttp
import pytest

OURS = "aiointercept_connector.compat.aioresponses"
NEWEST_OF_ORIGINAL = (3, 13)


@pytest.fixture(params=["ours", "original"])
def library(request: pytest.FixtureRequest) -> Any:
    """Run the test on ours and, where it still runs, on the original."""
    if request.param == "ours":
        return import_module(OURS)
    if tuple(map(int, aiohttp.__version__.split(".")[:2])) > NEWEST_OF_ORIGINAL:
        pytest.skip(f"aioresponses makes no response with aiohttp {aiohttp.__version__}")
    return pytest.importorskip("aioresponses", reason="aioresponses is not installed")


@pytest.fixture
def core(library: Any) -> Any:
    """Return the library's module ``core``."""
    return import_module(f"{library.__name__}.core")


@pytest.fixture
def compat(library: Any) -> Any:
    """Return the library's module ``compat``."""
    return import_module(f"{library.__name__}.compat")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session of no special kind."""
    async with aiohttp.ClientSession() as session:
        yield session
